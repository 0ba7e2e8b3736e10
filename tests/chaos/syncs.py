"""Tells when SQLite has asked the disk to keep its write-ahead log: what a power cut leaves."""

from __future__ import annotations

import ctypes
import sqlite3
from collections.abc import Callable
from typing import Any

LIBRARY = "libsqlite3.so.0"
FILE_OF_LOG = 28
"""SQLITE_FCNTL_JOURNAL_POINTER: in WAL mode the log."""

Sync = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)


class _Methods(ctypes.Structure):
    """sqlite3_io_methods: a version, 18 functions; the fifth function is xSync."""

    _fields_ = (
        ("version", ctypes.c_int),
        ("before", ctypes.c_void_p * 4),
        ("sync", ctypes.c_void_p),
        ("after", ctypes.c_void_p * 13),
    )


class _File(ctypes.Structure):
    _fields_ = (("methods", ctypes.POINTER(_Methods)),)


def can_watch() -> bool:
    """Tell whether Python's SQLite is a library of its own, whose functions can be reached."""
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError:
        return False
    library.sqlite3_libversion.restype = ctypes.c_char_p
    return bool(library.sqlite3_libversion().decode() == sqlite3.sqlite_version)


class Syncs:
    """Calls `told` after each sync of the log of the connection that was made last.

    `connect` stands in for `sqlite3.connect`, and `watch` begins, in any thread, when the log is
    in use. All of it has to live as long as the connection.
    """

    def __init__(self, told: Callable[[], object]) -> None:
        self._told = told
        self._connection: sqlite3.Connection | None = None
        self._held: list[Any] = []

    def connect(self, *args: Any, **kwargs: Any) -> sqlite3.Connection:
        """Connect, and keep the connection in mind."""
        self._connection = sqlite3.Connection(*args, **kwargs)
        return self._connection

    def watch(self) -> None:
        """Put a function of ours before the log's xSync."""
        library = ctypes.CDLL(LIBRARY)
        handle = ctypes.c_void_p.from_address(id(self._connection) + object.__basicsize__)
        file = ctypes.POINTER(_File)()
        said = library.sqlite3_file_control(handle, b"main", FILE_OF_LOG, ctypes.byref(file))
        assert said == sqlite3.SQLITE_OK
        theirs = file.contents.methods.contents
        ours = _Methods.from_buffer_copy(theirs)
        sync = Sync(theirs.sync)

        def watched(of: int, flags: int) -> int:
            result = int(sync(of, flags))
            if result == sqlite3.SQLITE_OK:
                self._told()
            return result

        replaced = Sync(watched)
        ours.sync = ctypes.cast(replaced, ctypes.c_void_p)
        file.contents.methods = ctypes.pointer(ours)
        self._held += [ours, replaced, theirs]
