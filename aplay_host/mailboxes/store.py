"""Every statement that is said to the file of all durable mail; one thread only."""

from __future__ import annotations

import errno
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .failpoint import Failpoints
from .mailfile import MailFile, is_corrupt
from .ops import Group
from .rows import Row, StoredLetter
from .schema import APPLICATION_ID, SCHEMA, VERSION

if TYPE_CHECKING:
    from .codec import Label

SEQ_BITS = 40
"""What a boot may number; the boot itself stands above."""
SIZES = (64, 16, 4, 1)
"""Rows of one statement; with few texts SQLite compiles each of them once."""

_MSG = "seq, box, at, att, crash, id, replay, crc, body"
_DEAD = "id, box, type, sender, at, reason, error, trace, att, crash, replay"


@dataclass(slots=True)
class BoxCount:
    """What waits for one address: messages, bytes, and the oldest one's time in ms."""

    messages: int = 0
    bytes: int = 0
    oldest: int = 0


@dataclass(slots=True)
class Found:
    """What the file has at the start: its own name, this boot, and all that is kept in memory."""

    uid: bytes
    boot: int
    counts: dict[str, BoxCount] = field(default_factory=dict)
    states: dict[str, bytes] = field(default_factory=dict)
    dead: int = 0


class Store(MailFile):
    """All statements of the engine; each method raises `sqlite3.Error` as the file's do."""

    def __init__(self, path: Path, max_bytes: int, failpoints: Failpoints) -> None:
        super().__init__(path, max_bytes)
        self.failpoints = failpoints
        self._names: dict[str, int] = {}
        self._unwritten: dict[str, int] = {}
        self._inserts = {n: _insert(n) for n in SIZES}
        self._deletes = {n: f"DELETE FROM msg WHERE seq IN ({_marks(n)})" for n in SIZES}

    # ---- opening -------------------------------------------------------------------------

    def open(self) -> Found:
        """Open or make the file, begin a new boot, and return what is there.

        Raises `StoreNewer`, `StoreHeld`, `StoreCorrupt`, and `StateDirError` for a full disk.
        """
        made = not self.path.exists()
        if made:
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            self.connect()
            return self._begin(made)
        except sqlite3.Error as error:
            self.close()
            raise self.refusal(error) from error
        except BaseException:
            self.close()
            raise

    def _begin(self, made: bool) -> Found:
        db = self.connection
        db.execute("BEGIN IMMEDIATE")
        if made or not db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            db.execute("COMMIT")  # auto_vacuum is settled by the first page
            self._create()
            db.execute("BEGIN IMMEDIATE")
        meta = dict(db.execute("SELECT k, v FROM meta"))
        if not meta["clean"]:
            self.check()
        boot = meta["boot"] + 1
        db.execute("UPDATE meta SET v = ? WHERE k = 'boot'", (boot,))
        db.execute("UPDATE meta SET v = 0 WHERE k = 'clean'")
        found = Found(meta["uid"], boot)
        self._names = {name: id_ for id_, name in db.execute("SELECT id, s FROM name")}
        address_of = {id_: name for name, id_ in self._names.items()}
        counting = "SELECT box, count(*), sum(length(body)), min(at) FROM msg GROUP BY box"
        for box, *figures in db.execute(counting):
            found.counts[address_of[box]] = BoxCount(*figures)
        for box, crc, snap in db.execute("SELECT box, crc, snap FROM state"):
            if zlib.crc32(snap) != crc:
                raise self.corrupt(f"the state of {address_of[box]} is not what was written")
            found.states[address_of[box]] = snap
        found.dead = db.execute("SELECT count(*) FROM dead").fetchone()[0]
        db.execute("COMMIT")
        return found

    def _create(self) -> None:
        db = self.connection
        db.execute(f"PRAGMA application_id={APPLICATION_ID}")
        db.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version={VERSION}; COMMIT;")

    def end(self) -> None:
        """Note that all is in order, move the log into the file, and let go of it."""
        self.set_full(True)
        self.connection.execute("UPDATE meta SET v = 1 WHERE k = 'clean'")
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self.close()

    # ---- groups --------------------------------------------------------------------------

    def number(self, name: str) -> int:
        """Return the number that stands for an address or a type in the file."""
        found = self._names.get(name)
        if found is None:
            found = self._names[name] = self._unwritten[name] = len(self._names) + 1
        return found

    @contextmanager
    def transaction(self, *, full: bool) -> Iterator[sqlite3.Connection]:
        """Do all of the block or nothing; with `full` it is safe from a power cut at the end."""
        self.set_full(full)
        db = self.connection
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
            if self._unwritten:
                new = [(id_, name) for name, id_ in self._unwritten.items()]
                db.executemany("INSERT OR IGNORE INTO name VALUES (?, ?)", new)
            self.check_presence()
            self.failpoints.hit("sqlite.group.before_commit")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:  # usually SQLite has rolled back by itself
                db.execute("ROLLBACK")
            raise
        self._unwritten.clear()

    def commit(self, group: Group) -> None:
        """Do all of `group` in one transaction; on an error nothing of it is done."""
        with self.transaction(full=group.full):
            self._write(group)

    def _write(self, group: Group) -> None:
        db = self.connection
        for chunk in _chunks(group.puts):
            db.execute(self._inserts[len(chunk)], [value for row in chunk for value in row])
        if group.attempts:
            db.executemany("UPDATE msg SET att = ? WHERE seq = ?", group.attempts)
        if group.letters:
            db.executemany(f"INSERT OR REPLACE INTO dead VALUES ({_marks(13)})", group.letters)
        for seqs in _chunks(group.deletes):
            db.execute(self._deletes[len(seqs)], seqs)
        if group.states:
            db.executemany("INSERT OR REPLACE INTO state VALUES (?, ?, ?)", group.states)
        if group.revived:
            db.executemany("DELETE FROM dead WHERE id = ?", [(id_,) for id_ in group.revived])

    def tick(self) -> None:
        """Make what was committed without waiting for the disk safe from a power cut."""
        self.check_presence()
        self.set_full(True)
        self.connection.execute("UPDATE meta SET v = v + 1 WHERE k = 'tick'")

    def checkpoint(self) -> None:
        """Move the log into the file as far as possible, and give back some free pages."""
        self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        self.connection.execute("PRAGMA incremental_vacuum(256)").fetchall()

    # ---- what was in hand ----------------------------------------------------------------

    def present(self, seqs: Iterable[int]) -> dict[int, str]:
        """Return which of these wait, each with its address."""
        db = self.connection
        ask = "SELECT m.seq, n.s FROM msg m JOIN name n ON n.id = m.box WHERE m.seq = ?"
        found = (db.execute(ask, (seq,)).fetchone() for seq in seqs)
        return dict(row for row in found if row is not None)

    def charge(self, seqs: Iterable[int]) -> None:
        """Count one crash more for each of these."""
        with self.transaction(full=True) as db:
            charged = [(seq,) for seq in seqs]
            db.executemany("UPDATE msg SET crash = crash + 1 WHERE seq = ?", charged)

    # ---- reading on ----------------------------------------------------------------------

    def read(self, address: str, after: int, count: int, until: int) -> list[Row]:
        """Return the next messages for an address, first come first, up to a number."""
        ask = f"SELECT {_MSG} FROM msg WHERE box = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
        given = (self.number(address), after, until, count)
        return [Row(*row) for row in self.connection.execute(ask, given)]

    # ---- dead letters --------------------------------------------------------------------

    def letters(self, limit: int | None, ids: Sequence[int] | None = None) -> list[StoredLetter]:
        """Return dead letters, the newest first: `ids` with what is in them, or all without."""
        where, body = (
            ("", "NULL") if ids is None else (f" WHERE d.id IN ({_marks(len(ids))})", "body")
        )
        columns = ", ".join(f"d.{name}" for name in _DEAD.split(", "))
        ask = (
            f"SELECT {columns}, length(body), {body}, a.s, t.s FROM dead d "
            "JOIN name a ON a.id = d.box JOIN name t ON t.id = d.type"
            f"{where} ORDER BY d.at DESC, d.id DESC LIMIT ?"
        )
        found = self.connection.execute(ask, (*(ids or ()), -1 if limit is None else limit))
        return [_letter(*row) for row in found]

    def ids_without_handler(self, types: Iterable[str]) -> list[int]:
        """Return the letters of these types that are there because nobody knew the type."""
        ask = (
            "SELECT d.id FROM dead d JOIN name t ON t.id = d.type "
            "WHERE d.reason = 'no_handler' AND t.s = ? ORDER BY d.id"
        )
        return [row[0] for name in types for row in self.connection.execute(ask, (name,))]

    def bury_box(self, address: str, label: Callable[[bytes], Label], at: int) -> int:
        """Make dead letters of all that waits for an address, and forget its state.

        `label` tells the type and the sender of a record. Returns how many letters that made.
        """
        count, box = 0, self.number(address)
        with self.transaction(full=True) as db:
            ask = f"SELECT {_MSG} FROM msg WHERE box = ? ORDER BY seq"
            for row in (Row(*values) for values in db.execute(ask, (box,))):
                known = label(row.record)
                why = (at, "removed", None, None)
                letter = (row.id, box, self.number(known.type), known.sender, *why)
                more = (row.attempts, row.crashes, row.replays, row.crc, row.record)
                db.execute(f"INSERT OR REPLACE INTO dead VALUES ({_marks(13)})", (*letter, *more))
                count += 1
            db.execute("DELETE FROM msg WHERE box = ?", (box,))
            db.execute("DELETE FROM state WHERE box = ?", (box,))
        return count

    def drop(self, ids: Iterable[int]) -> list[int]:
        """Forget these letters; return which of them were there."""
        say = "DELETE FROM dead WHERE id = ?"
        with self.transaction(full=True) as db:
            return [id_ for id_ in ids if db.execute(say, (id_,)).rowcount]

    def trim(self, keep: int) -> int:
        """Forget all but the newest letters; return how many there are."""
        db = self.connection
        count: int = db.execute("SELECT count(*) FROM dead").fetchone()[0]
        if count > keep:
            db.execute(
                "DELETE FROM dead WHERE id IN (SELECT id FROM dead ORDER BY at, id LIMIT ?)",
                (count - keep,),
            )
        return min(count, keep)

    # ---- a copy --------------------------------------------------------------------------

    def back_up(self, path: Path) -> int:
        """Write all that is committed into a new file of mode 0600; return its size in bytes.

        Raises `OSError` when that file cannot be written, which says nothing of ours, and when it
        would be in our folder: SQLite, or the next start, may remove a file there by its name.
        """
        if path.parent.resolve() == self.path.parent.resolve():
            raise OSError(
                errno.EINVAL, "a copy has to be in another folder than the mail", str(path)
            )
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            self.connection.execute("VACUUM INTO ?", (str(path),))
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, sqlite3.Error) and not is_corrupt(error):
                raise OSError(errno.EIO, str(error), str(path)) from error
            raise
        return path.stat().st_size


def _letter(
    id_: int, box: int, type_: int, sender: str, at: int, reason: str, *rest: Any
) -> StoredLetter:
    error, trace, attempts, crashes, replays, size, record, address, type_name = rest
    return StoredLetter(
        id=id_,
        address=address,
        type=type_name,
        sender=sender,
        at=at / 1000,
        reason=reason,
        error=error,
        trace=trace,
        attempts=attempts,
        crashes=crashes,
        replays=replays,
        size=size,
        record=record,
    )


def _marks(count: int) -> str:
    return ",".join("?" * count)


def _insert(rows: int) -> str:
    values = ",".join(["(?,?,?,0,0,?,?,?,?)"] * rows)
    return f"INSERT OR IGNORE INTO msg VALUES {values}"


def _chunks(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """Cut `items` into pieces of the lengths for which there is a statement."""
    at = 0
    for size in SIZES:
        while len(items) - at >= size:
            yield items[at : at + size]
            at += size
