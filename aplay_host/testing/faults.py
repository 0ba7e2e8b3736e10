"""Mailboxes that go wrong when a test says so, for the authors of actors."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from ..kernel import (
    FINAL,
    Again,
    Dead,
    Depth,
    Failed,
    Inlet,
    MailboxFull,
    Outcome,
    Parcel,
    Unreadable,
    Verdict,
)

if TYPE_CHECKING:
    from ..kernel import Address, MailboxSpec


class Faults:
    """Makes the mailboxes of a system, as ``ActorSystem(mailboxes=faults)``, and breaks them.

    What is set holds for all of them, from the next call on, until it is set otherwise:

    =================  ===================================================================
    set                and
    =================  ===================================================================
    ``full``           every `tell` raises `MailboxFull`, whatever the overflow rule
    ``put_error``      every `tell` raises it: the message has no place
    ``keep_error``     the message has its place, then the store fails: `tell` raises it,
                       and there is a dead letter ``store_failed``
    ``keep_seconds``   `tell` ends so late, and the message is delivered then
    ``open_error``     no actor can start: its mailbox does not open
    ``read_error``     an actor fails that wants its next message, and restarts
    ``retry_seconds``  a message whose handler raised comes again after so long, until it
                       was tried `tries` times; then it is a dead letter ``max_attempts``
    ``unreadable``     a function; a message for which it is true is a dead letter
                       ``undecodable`` when its turn comes
    =================  ===================================================================

    Between `hold` and `let_go` no `tell` ends, and nothing told meanwhile is delivered. As long
    as nothing is set, mail goes straight through. It is in memory and ends with the system.
    """

    def __init__(self, *, tries: int = 5) -> None:
        self.full = False
        self.put_error: Exception | None = None
        self.keep_error: Exception | None = None
        self.keep_seconds = 0.0
        self.open_error: Exception | None = None
        self.read_error: Exception | None = None
        self.retry_seconds: float | None = None
        self.tries = tries
        self.unreadable: Callable[[Any], bool] = lambda message: False
        self._gate = asyncio.Event()
        self._gate.set()

    def __call__(self, address: Address, spec: MailboxSpec) -> FaultMailbox:
        """Return the mailbox of one actor."""
        return FaultMailbox(self, address)

    def hold(self) -> None:
        """Keep nothing more for now."""
        self._gate.clear()

    def let_go(self) -> None:
        """Keep what was held, in order, and all that comes."""
        self._gate.set()

    @property
    def keeps_at_once(self) -> bool:
        """Tell whether a message is kept as soon as it has its place."""
        return self._gate.is_set() and not self.keep_seconds and self.keep_error is None

    async def keep(self) -> None:
        """Take as long as is due; raises `keep_error`."""
        await asyncio.sleep(self.keep_seconds)
        await self._gate.wait()
        if self.keep_error is not None:
            raise self.keep_error


class FaultMailbox:
    """A line in memory, of which `Faults` says what goes wrong with it."""

    prefetch = 16

    def __init__(self, faults: Faults, address: Address) -> None:
        self._faults = faults
        self._address = address
        self._line: deque[Parcel] = deque()
        # What is not kept yet, in order, with what `tell` waits for; one task sees to it.
        self._coming: deque[tuple[Parcel, asyncio.Future[None]]] = deque()
        self._keeper: asyncio.Task[None] | None = None
        self._tried: dict[Parcel, int] = {}
        self._credit = self._unsettled = 0

    async def open(self, inlet: Inlet) -> int:
        """Begin empty; raises `Faults.open_error`."""
        if self._faults.open_error is not None:
            raise self._faults.open_error
        self._inlet = inlet
        return 0

    def put(self, parcel: Parcel) -> Awaitable[None] | None:
        """Give `parcel` its place; raises `MailboxFull`, and `Faults.put_error`."""
        if parcel.kept and self._faults.full:
            raise MailboxFull(f"mailbox of {self._address} is full: the test says so")
        if parcel.kept and self._faults.put_error is not None:
            raise self._faults.put_error
        self._unsettled += not parcel.exempt
        if not self._coming and (self._faults.keeps_at_once or not parcel.kept):
            self._line.append(parcel)
            self._deliver()
            return None
        kept = asyncio.get_running_loop().create_future()
        self._coming.append((parcel, kept))
        if self._keeper is None:
            self._keeper = self._inlet.run(self._keep_all())
        return kept

    async def _keep_all(self) -> None:
        try:
            while self._coming:
                await self._keep(*self._coming[0])
        finally:
            self._keeper = None

    async def _keep(self, parcel: Parcel, kept: asyncio.Future[None]) -> None:
        try:
            if parcel.kept:
                await self._faults.keep()
        except Exception as error:
            self._coming.popleft()
            self._give_up(parcel, "store_failed", error)
            if not kept.done():
                kept.set_exception(error)
                kept.exception()  # who dropped it does not want to know
            return
        self._coming.popleft()
        self._line.append(parcel)
        if not kept.done():
            kept.set_result(None)
        self._deliver()

    def demand(self, count: int) -> None:
        """Deliver up to `count` more; with `Faults.read_error` fail instead."""
        self._credit += count
        self._deliver()

    def _deliver(self) -> None:
        error = self._faults.read_error
        if error is not None and self._credit and self._line:
            self._credit = 0
            self._inlet.failed(error)
        while self._credit and self._line:
            self._credit -= 1
            self._inlet.deliver((self._line.popleft(),))

    def begin(self, parcel: Parcel) -> Any:
        """Return the message, or that it cannot be read."""
        if self._faults.unreadable(parcel.message):
            return Unreadable("undecodable", "the test says so")
        return parcel.message

    def settle(self, parcel: Parcel, outcome: Outcome) -> Verdict:
        """Say that it is over, or that it comes again."""
        verdict = self._verdict(parcel, outcome)
        if not isinstance(verdict, Again):
            self._tried.pop(parcel, None)
            self._unsettled -= not parcel.exempt
        return verdict

    def _verdict(self, parcel: Parcel, outcome: Outcome) -> Verdict:
        if not parcel.kept or not isinstance(outcome, Failed):
            return FINAL
        if self._faults.unreadable(parcel.message):
            return Dead("undecodable")
        if self._faults.retry_seconds is None:
            return FINAL
        tried = self._tried[parcel] = self._tried.get(parcel, 0) + 1
        if tried < self._faults.tries:
            return Again(self._faults.retry_seconds)
        return Dead("max_attempts")

    def depth(self) -> Depth:
        """Return how many messages wait or are being handled."""
        return Depth(self._unsettled)

    async def close(self, removed: bool) -> None:
        """Give up what waits."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
        for parcel in (*self._line, *(coming for coming, _ in self._coming)):
            self._give_up(parcel, "removed" if removed else "shutdown")
        for _, kept in self._coming:
            kept.cancel()
        self._line.clear()
        self._coming.clear()

    def _give_up(self, parcel: Parcel, reason: str, error: Exception | None = None) -> None:
        self._unsettled -= not parcel.exempt
        self._inlet.dead(parcel, reason, error)
