"""What a box delivers without writing it: requests and ticks, each in its place in the line."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..kernel import Parcel
    from .kept import Kept


class Asides:
    """Those that wait until all mail accepted before them is delivered."""

    __slots__ = ("_line",)

    def __init__(self) -> None:
        self._line: deque[tuple[int, Parcel]] = deque()

    def __len__(self) -> int:
        return len(self._line)

    def add(self, parcel: Parcel, after: int) -> None:
        """Put one at the end, behind the message with the number `after`."""
        self._line.append((after, parcel))

    def clear(self) -> None:
        """Forget them all."""
        self._line.clear()

    def merge(self, messages: Iterable[Kept], room: int, missing: int | None) -> list[Parcel]:
        """Return the messages that are next, and between them those whose place has come.

        After the last message come more, until the result has `room`, or until one was accepted
        after the message `missing`, the first that cannot be delivered yet.
        """
        line: list[Parcel] = []
        for kept in messages:
            while self._line and self._line[0][0] < kept.seq:
                line.append(self._line.popleft()[1])
            line.append(kept.parcel)
        while self._line and len(line) < room:
            if missing is not None and self._line[0][0] >= missing:
                break
            line.append(self._line.popleft()[1])
        return line
