"""What has happened, numbered: the newest events of one run of a host."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from itertools import islice
from typing import Any

from ..kernel import Address
from .envelope import rfc3339
from .order import Who

EVENTS_KEPT = 2000


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event; `seq` counts from 1 within one `boot`, `at` is RFC 3339.

    `address` is ``/`` for what is about the whole host, `who` None where nobody asked for it.
    `data` depends on the `type`.
    """

    seq: int
    boot: str
    at: str
    type: str
    address: str
    who: Who | None
    data: Mapping[str, Any]


class EventRing:
    """Keeps the newest `size` events of this `boot`; a reader is nothing but a number.

    `seq` is the number of the newest event, 0 before the first. `ended` is why nobody is to
    wait for more, None while they may; events are added all the same.
    """

    def __init__(
        self,
        boot: str,
        size: int = EVENTS_KEPT,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.boot = boot
        self.seq = 0
        self.ended: str | None = None
        self._clock = clock
        self._kept: deque[EventRow] = deque(maxlen=size)
        self._readers: set[asyncio.Future[None]] = set()

    @property
    def oldest(self) -> int:
        """The number of the oldest event that is kept, of the next one while there is none."""
        return self.seq - len(self._kept) + 1

    def append(
        self, type: str, address: str, who: Who | None = None, data: Mapping[str, Any] | None = None
    ) -> EventRow:
        """Add an event, with `data` that JSON can hold; the oldest goes when there is no room."""
        self.seq += 1
        at = rfc3339(self._clock())
        row = EventRow(self.seq, self.boot, at, type, address, who, data or {})
        self._kept.append(row)
        self._wake()
        return row

    def after(self, seq: int, most: int = EVENTS_KEPT) -> list[EventRow]:
        """Return at most `most` of the events that are kept and come after `seq`, in order."""
        skip = max(0, seq + 1 - self.oldest)
        return list(islice(self._kept, skip, skip + most))

    async def more(self, seq: int) -> None:
        """Wait until there is an event after `seq`, or streams are to end."""
        if self.seq > seq or self.ended is not None:
            return
        reader = asyncio.get_running_loop().create_future()
        self._readers.add(reader)
        try:
            await reader
        finally:
            self._readers.discard(reader)

    def end_streams(self, reason: str) -> None:
        """Let all streams end, now and from now on."""
        self.ended = reason
        self._wake()

    def _wake(self) -> None:
        for reader in self._readers:
            if not reader.done():
                reader.set_result(None)


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events somebody wants: of any of `types` and at any of `addresses`, or all.

    Both are patterns: of types as in a shell, of addresses as everywhere. Raises `BadAddress`.
    """

    types: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for pattern in self.addresses:
            Address("/").matches(pattern)

    def passes(self, row: EventRow) -> bool:
        """Tell whether `row` is wanted."""
        typed = not self.types or any(fnmatchcase(row.type, one) for one in self.types)
        if not typed or not self.addresses:
            return typed
        return any(Address(row.address).matches(one) for one in self.addresses)
