"""A disk that fails when a test says so."""

from __future__ import annotations

import sqlite3

from aplay_host.mailboxes import Failpoints


class DiskError(sqlite3.OperationalError):
    """What SQLite raises, with its name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"a test says {name}")
        self.sqlite_errorname = name


class BadDisk(Failpoints):
    """Fails before each commit while `fault` names how."""

    def __init__(self) -> None:
        self.fault: str | None = None
        self.hits = 0

    def hit(self, name: str) -> None:
        if name == "sqlite.group.before_commit" and self.fault is not None:
            self.hits += 1
            raise DiskError(self.fault)


class BadRead(Failpoints):
    """Fails once, when the file is read."""

    fault: str | None = "SQLITE_IOERR_READ"

    def hit(self, name: str) -> None:
        if name == "sqlite.job.before_commit" and self.fault is not None:
            fault, self.fault = self.fault, None
            raise DiskError(fault)
