"""The file of all durable mail as SQLite has it: opened, looked over, still there, or damaged."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from ..errors import StateDirError, StoreCorrupt, StoreHeld, StoreNewer
from .schema import VERSION

CHECK_SECONDS = 5.0
WAL_PAGES = 4096
"""Of 4 KiB each: SQLite moves them into the file when a commit leaves more than that."""
WAL_LIMIT = 16 * 1024 * 1024


class MailFile:
    """One connection, exclusive: whoever else opens the file hears that it is locked.

    All methods raise `sqlite3.Error` for what the disk or the file does.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self._wal = path.with_name(f"{path.name}-wal")
        self._max_bytes = max_bytes
        self._db: sqlite3.Connection | None = None
        self._is_full = True
        self._file: tuple[int, int] | None = None
        self._wal_file: tuple[int, int] | None = None

    def connect(self) -> None:
        """Connect, as at the start and after the disk had an error; raises `StoreNewer`."""
        self._file, self._wal_file = _identity(self.path), None
        db = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw",  # it is never made here: `open` does that
            uri=True,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=64,
        )
        self._db = db
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise StoreNewer(
                f"{self.path} is of version {version}, and this aplay-host reads up to {VERSION}; "
                "install a newer one, nothing of the file was changed"
            )
        for pragma in (
            "auto_vacuum=INCREMENTAL",  # before the journal: in WAL mode it is ignored
            "locking_mode=EXCLUSIVE",  # before the first read: then there is no -shm file
            "journal_mode=WAL",
            f"wal_autocheckpoint={WAL_PAGES}",
            f"journal_size_limit={WAL_LIMIT}",
            "temp_store=MEMORY",
            "trusted_schema=OFF",
        ):
            db.execute(f"PRAGMA {pragma}").fetchall()
        if self._max_bytes:
            page = db.execute("PRAGMA page_size").fetchone()[0]
            db.execute(f"PRAGMA max_page_count={max(self._max_bytes // page, 16)}").fetchall()
        self._is_full = True
        db.execute("PRAGMA synchronous=FULL")

    @property
    def is_open(self) -> bool:
        """Tell whether it is connected."""
        return self._db is not None

    @property
    def connection(self) -> sqlite3.Connection:
        """What statements are said to; raises `sqlite3.OperationalError` while it is not open."""
        if self._db is None:
            raise sqlite3.OperationalError("the file is not open")
        return self._db

    def close(self) -> None:
        """Let go of the file."""
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def set_full(self, full: bool) -> None:
        """Have each commit from now on wait for the disk, or not."""
        if full != self._is_full:
            self.connection.execute(f"PRAGMA synchronous={'FULL' if full else 'NORMAL'}")
            self._is_full = full

    def check_presence(self) -> None:
        """Raise `StoreCorrupt` when somebody has taken a file away, which SQLite does not see.

        What is committed is in the -wal at first; that is there from the first transaction on.
        """
        wal = _identity(self._wal)
        self._wal_file = self._wal_file or wal
        is_there = _identity(self.path) == self._file
        if not is_there or wal != self._wal_file:
            file = self._wal if is_there else self.path
            raise StoreCorrupt(
                f"{file} was removed or replaced while the host had it open: what is kept "
                "from now on would be lost. Put it back, and restart the host"
            )

    def check(self) -> None:
        """Look the file over after an unclean end, for some seconds; raises `StoreCorrupt`."""
        ends = time.monotonic() + CHECK_SECONDS
        db = self.connection
        db.set_progress_handler(lambda: time.monotonic() > ends, 10_000)
        try:
            verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_INTERRUPT":
                raise
            verdict = "ok"  # as far as it came
        finally:
            db.set_progress_handler(None, 0)
        if verdict != "ok":
            raise self.corrupt(verdict)

    def refusal(self, error: sqlite3.Error) -> Exception:
        """Return what to raise in place of `error`, which came while the file was opened."""
        if error.sqlite_errorname in ("SQLITE_BUSY", "SQLITE_LOCKED"):
            return StoreHeld(f"{self.path} is in use by another process: {error}")
        if is_corrupt(error) or error.sqlite_errorname == "SQLITE_ERROR":
            return self.corrupt(str(error))
        return StateDirError(f"{self.path} cannot be written: {error}; make room, or mend the disk")

    def corrupt(self, why: str) -> StoreCorrupt:
        """Return the error for a file that cannot be believed."""
        return StoreCorrupt(
            f"{self.path} is damaged: {why}; nothing of it was mended. Stop the host, keep a "
            f"copy, and read out what can be read with: sqlite3 {self.path.name} .recover "
            "(docs/operating.md has another way for a shell that cannot do that)"
        )


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from all others, None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_corrupt(error: sqlite3.Error) -> bool:
    """Tell whether the file itself is wrong."""
    name = getattr(error, "sqlite_errorname", None) or ""
    return name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))
