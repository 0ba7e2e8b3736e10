"""A message of the file while it is in memory: in line, in hand, or waiting for its next try."""

from __future__ import annotations

import time
import traceback
from typing import TYPE_CHECKING

from ..kernel import Parcel
from .ops import Letter, Put
from .rows import Row

if TYPE_CHECKING:
    from .codec import Label

LONGEST_TRACE = 8192


class Kept(Parcel):
    """A message of the file on its way through the cell; `slot` is its place in the ledger.

    It had failed as often as `found` says when it was delivered.
    """

    __slots__ = (
        "at",
        "attempts",
        "crashes",
        "crc",
        "found",
        "id",
        "record",
        "replays",
        "seq",
        "slot",
        "unreadable",
    )

    def __init__(self, row: Row | Put) -> None:
        super().__init__(None)
        self.seq, self.id, self.at = row.seq, row.id, row.at
        self.record, self.crc = row.record, row.crc
        self.replays = row.replays
        self.attempts = self.crashes = 0
        if isinstance(row, Row):
            self.attempts, self.crashes = row.attempts, row.crashes
        self.found = self.attempts
        self.slot: int | None = None
        self.unreadable: str | None = None

    def letter(self, reason: str, error: BaseException | None, label: Label) -> Letter:
        """Return the dead letter that it becomes now; the end of a traceback says most."""
        trace = None
        if error is not None and self.unreadable is None:
            trace = _text("".join(traceback.format_exception(error)))[-LONGEST_TRACE:]
        return Letter(
            seq=self.seq,
            id=self.id,
            type=label.type,
            sender=label.sender,
            at=now_ms(),
            reason=reason,
            error=None if error is None else _text(f"{type(error).__qualname__}: {error}"),
            trace=trace,
            attempts=self.attempts,
            crashes=self.crashes,
            replays=self.replays,
            crc=self.crc,
            record=self.record,
        )


def now_ms() -> int:
    """Return the time in ms since 1970."""
    return time.time_ns() // 1_000_000


def _text(text: str) -> str:
    """Return `text` as a file can have it: a guest's may have halves of characters."""
    return text.encode("utf-8", "replace").decode()
