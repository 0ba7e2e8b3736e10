"""The part of a box's mail that is in the file and not in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .rows import Row

NO_LIMIT = 2**63 - 1
"""The highest number that a message can have."""


class Backlog:
    """How many messages are in the file only, and where to read on.

    All of them come after the number `cursor`, up to which everything was read or delivered.
    `oldest` is when the first one was accepted, in ms; it means nothing while there are none.
    `is_reading` is set while an answer of the file is awaited.
    """

    __slots__ = ("count", "cursor", "is_reading", "oldest")

    def __init__(self) -> None:
        self.count = 0
        self.cursor = 0
        self.oldest = 0
        self.is_reading = False

    @property
    def is_passed(self) -> bool:
        """Tell whether a message that is committed now is next in line."""
        return not self.count and not self.is_reading

    def add(self, at: int) -> None:
        """Leave a message, accepted at `at`, to the file; it is the last one."""
        if not self.count:
            self.oldest = at
        self.count += 1

    def take(self, rows: Sequence[Row], until: int) -> None:
        """Note that `rows` were read: the next in line, up to the number `until`."""
        # A put that was in doubt may be there all the same: it was not counted.
        self.count = max(0, self.count - len(rows))
        if rows:
            self.cursor, self.oldest = rows[-1].seq, rows[-1].at
        elif until < NO_LIMIT:
            self.cursor = until
        else:
            self.count = 0

    def give_back(self, count: int, oldest: int) -> None:
        """Take over what was delivered, and is not settled; it is read again from the start."""
        if count:
            self.oldest = oldest
        self.count += count
        self.cursor = 0
