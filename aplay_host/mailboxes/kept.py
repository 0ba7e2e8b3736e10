"""A message of the file while it is in memory: being written, in line, in hand, or put off."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from ..kernel import Failure, Parcel
from .ops import OP_BYTES, Letter, Op

if TYPE_CHECKING:
    from .codec import Label
    from .rows import Row
    from .sqlitebox import SqliteBox

LONGEST_TRACE = 8192


class Kept(Op):
    """One message of a box; `parcel` is what the cell has of it, whose `own` it is.

    As an op it writes the message, and awaiting it ends when that is committed, or raises.
    `slot` is its place in the ledger while it is in hand. It had failed as often as `found` says
    when it was delivered. What most messages never need is said by the class.
    """

    lasting = False

    attempts = 0
    crashes = 0
    replays = 0
    found = 0
    slot: int | None = None
    unreadable: str | None = None
    is_done = False
    _error: Exception | None = None
    _future: asyncio.Future[None] | None = None

    def __init__(
        self, box: SqliteBox, seq: int, at: int, record: bytes, crc: int, parcel: Parcel
    ) -> None:
        self.box = box
        self.power = box.power
        self.seq = self.id = seq
        self.at = at
        self.record = record
        self.crc = crc
        self.parcel = parcel
        parcel.own = self

    @classmethod
    def of_row(cls, box: SqliteBox, row: Row) -> Kept:
        """Return a message that was read from the file."""
        kept = cls(box, row.seq, row.at, row.record, row.crc, Parcel(None))
        kept.id, kept.replays = row.id, row.replays
        kept.found = kept.attempts = row.attempts
        kept.crashes = row.crashes
        kept.is_done = True
        return kept

    @property
    def size(self) -> int:
        """How much of a group it takes."""
        return OP_BYTES + len(self.record)

    def end(self, error: Exception | None = None) -> None:
        """Tell who waits that it is kept, or why not; on the loop's thread."""
        self.is_done = True
        if error is not None:
            self._error = error
        future = self._future
        if future is None or future.done():
            return
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
            future.exception()  # who waited may have been cancelled meanwhile

    def __await__(self) -> Generator[Any, None, None]:
        if not self.is_done:
            if self._future is None or self._future.done():  # who waited first was cancelled
                self._future = asyncio.get_running_loop().create_future()
            yield from self._future
        elif self._error is not None:
            raise self._error

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
            error=None if error is None else _error(error),
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


def _error(error: BaseException) -> str:
    """Return an error as text; a guest's may have none."""
    failure = Failure.of(error, 0.0)
    return _text(f"{failure.type}: {failure.text}")


def _text(text: str) -> str:
    """Return `text` as a file can have it: a guest's may have halves of characters."""
    return text.encode("utf-8", "replace").decode()
