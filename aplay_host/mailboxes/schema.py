"""The tables of the file; a file of a newer version is not opened."""

from __future__ import annotations

APPLICATION_ID = 0x61706C79
VERSION = 1

SCHEMA = """
CREATE TABLE meta(k TEXT PRIMARY KEY, v) WITHOUT ROWID;
INSERT INTO meta VALUES ('uid', randomblob(16)), ('boot', 0), ('clean', 1), ('tick', 0);
CREATE TABLE name(id INTEGER PRIMARY KEY, s TEXT UNIQUE NOT NULL);
CREATE TABLE msg(seq INTEGER PRIMARY KEY, box INT NOT NULL, at INT NOT NULL, att INT NOT NULL,
  crash INT NOT NULL, id INT NOT NULL, replay INT NOT NULL, crc INT NOT NULL, body BLOB NOT NULL);
CREATE INDEX msg_box ON msg(box, seq);
CREATE TABLE state(box INTEGER PRIMARY KEY, crc INT NOT NULL, snap BLOB NOT NULL);
CREATE TABLE dead(id INTEGER PRIMARY KEY, box INT NOT NULL, type INT NOT NULL, sender TEXT NOT NULL,
  at INT NOT NULL, reason TEXT NOT NULL, error TEXT, trace TEXT, att INT NOT NULL,
  crash INT NOT NULL, replay INT NOT NULL, crc INT NOT NULL, body BLOB NOT NULL);
"""
