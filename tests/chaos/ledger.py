"""What a process did with its mail, written down by itself, line by line, until it is killed.

=========  ================================================================================
kind       is written
=========  ================================================================================
`put`      before a message is told, and so takes its place
`kept`     when its `tell` has returned; `refused` when it has raised, and nothing is kept
`begun`    at the beginning of its handler
`raised`   when the handler is about to raise
`effect`   at the end of the handler: what it does to the world outside
`settled`  when a turn was committed, of which `count` is the state
`dead`     at rest, of each dead letter
`state`    at rest, of each actor with a state; `last` of each sender that it knows
`synced`   when the first `count` bytes of the write-ahead log are on the disk
`rested`   when all mail has been handled
=========  ================================================================================
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: in which life and when, monotonic seconds; then what `kind` says."""

    life: int
    at: float
    kind: str
    address: str = "/"
    sender: int = 0
    number: int = 0
    count: int = 0

    @property
    def key(self) -> tuple[str, int, int]:
        """Which message, and where."""
        return self.address, self.sender, self.number


class Ledger:
    """Appends to a file, each line by one write, which no kill cuts in two.

    `watch` is called after each line about a message that is kept, or whose handler begins.
    """

    def __init__(self, path: Path, life: int, watch: Callable[[], object] = int) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._life = life
        self._watch = watch

    def note(
        self, kind: str, address: str = "/", sender: int = 0, number: int = 0, count: int = 0
    ) -> None:
        """Write one line."""
        entry = Entry(self._life, time.monotonic(), kind, address, sender, number, count)
        os.write(self._file, " ".join(map(str, astuple(entry))).encode() + b"\n")
        if kind in ("kept", "begun"):
            self._watch()

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)


def read_ledger(path: Path) -> tuple[Entry, ...]:
    """Return all lines."""
    return tuple(map(_entry, path.read_text("ascii").splitlines()))


def _entry(line: str) -> Entry:
    life, at, kind, address, sender, number, count = line.split()
    return Entry(int(life), float(at), kind, address, int(sender), int(number), int(count))
