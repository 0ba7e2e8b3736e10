"""A mailbox object of aplay's kind, with `put get size empty prepare`, as a `Mailbox`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from ..kernel import FINAL, Depth, Inlet, Outcome, Parcel, Verdict

if TYPE_CHECKING:
    from .mailbox import MailBox


class ObjectMailbox:
    """Puts mail into an author's object and takes it out again, one call after another.

    The object's order is the order in which mail is handled: no more is taken out than there
    are handlers for. A request is never put into it; it comes when as many messages have come
    out as were accepted before it. What was put in and does not come out again before the
    object says that it is empty is a dead letter ``dropped``.
    """

    prefetch = 0
    durable = False  # whatever the object says of itself

    def __init__(self, kept: MailBox) -> None:
        self._object = kept
        self._pump: asyncio.Task[None] | None = None
        # On the way into the object, in it, and the requests between them: each with the number
        # of messages that have to have come out before it.
        self._coming: deque[tuple[Parcel, asyncio.Future[None]]] = deque()
        self._inside: list[Parcel] = []
        self._asks: deque[tuple[int, Parcel]] = deque()
        self._found = 0
        self._accepted = self._gone = 0
        self._credit = 0
        self._unsettled = 0

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the object: it is what its author set as `_mailbox`."""
        return getattr(self._object, name)

    async def open(self, inlet: Inlet) -> int:
        """Prepare the object, and return how many messages it has."""
        await self._object.prepare()
        self._inlet = inlet
        self._found = self._accepted = self._unsettled = await self._object.size()
        return self._found

    def put(self, parcel: Parcel) -> Awaitable[None] | None:
        """Give `parcel` its place; what is returned ends when the object has it."""
        if not parcel.exempt:
            self._unsettled += 1
        kept: asyncio.Future[None] | None = None
        if parcel.kept:
            kept = asyncio.get_running_loop().create_future()
            self._accepted += 1
            self._coming.append((parcel, kept))
        else:
            self._asks.append((self._accepted, parcel))
        self._go_on()
        return kept

    def demand(self, count: int) -> None:
        """Take out up to `count` more."""
        self._credit += count
        self._go_on()

    def begin(self, parcel: Parcel) -> Any:
        """Return the message as the object gave it."""
        return parcel.message

    def settle(self, parcel: Parcel, outcome: Outcome) -> Verdict:
        """Say that it is over with the message, which the object has given away already."""
        self._leave(parcel)
        return FINAL

    def depth(self) -> Depth:
        """Return how many messages are not settled."""
        return Depth(self._unsettled)

    async def close(self, removed: bool) -> None:
        """End the task and leave the object alone; what was put into it is given up."""
        pump, self._pump = self._pump, None
        if pump is not None:
            pump.cancel()
            await asyncio.wait({pump})
        reason = "removed" if removed else "shutdown"
        for parcel in (*self._inside, *(coming for coming, _ in self._coming)):
            self._give_up(parcel, reason)
        for _, parcel in self._asks:
            self._give_up(parcel, reason)
        for _, kept in self._coming:
            kept.cancel()
        self._inside.clear()
        self._coming.clear()
        self._asks.clear()

    # ---- the pump: the only one who calls the object ----------------------------------------

    def _go_on(self) -> None:
        if self._pump is None and self._has_work():
            self._pump = self._inlet.run(self._run())

    def _has_work(self) -> bool:
        has_some = bool(self._inside or self._asks) or self._found > 0
        return bool(self._coming) or (has_some and self._credit > 0)

    async def _run(self) -> None:
        error: Exception | None = None
        try:
            while self._has_work():
                await (self._put_one() if self._coming else self._deliver_one())
        except Exception as raised:
            error = raised
        finally:
            self._pump = None
        if error is not None:
            self._credit = 0
            self._inlet.failed(error)

    async def _put_one(self) -> None:
        parcel, kept = self._coming[0]
        error: Exception | None = None
        try:
            await self._object.put(parcel.message)
        except Exception as raised:
            error = raised
        self._coming.popleft()
        if error is None:
            self._inside.append(parcel)
        else:
            self._gone += 1
            self._give_up(parcel, "store_failed", error)
        if kept.done():
            return
        if error is None:
            kept.set_result(None)
        else:
            kept.set_exception(error)
            kept.exception()  # who dropped the awaitable does not want to know

    async def _deliver_one(self) -> None:
        if self._asks and self._asks[0][0] <= self._gone:
            self._deliver(self._asks.popleft()[1])
        elif await self._object.empty():
            lost = [*self._inside, *(Parcel(None) for _ in range(self._found))]
            self._inside, self._found = [], 0
            self._gone = self._accepted - len(self._coming)
            for parcel in lost:
                self._give_up(parcel, "dropped")
        else:
            parcel = self._parcel_of(await self._object.get())
            self._gone += 1
            self._deliver(parcel)

    def _parcel_of(self, message: Any) -> Parcel:
        """Return the parcel that `message` came in, or the one next in line with it put in."""
        place = next((n for n, one in enumerate(self._inside) if one.message is message), None)
        if place is None and self._found:
            self._found -= 1
            return Parcel(message)
        if not self._inside:  # somebody else has put it in
            self._unsettled += 1
            return Parcel(message)
        parcel = self._inside.pop(place or 0)
        parcel.message = message
        return parcel

    def _deliver(self, parcel: Parcel) -> None:
        self._credit -= 1
        self._inlet.deliver((parcel,))

    def _give_up(self, parcel: Parcel, reason: str, error: Exception | None = None) -> None:
        self._leave(parcel)
        self._inlet.dead(parcel, reason, error)

    def _leave(self, parcel: Parcel) -> None:
        if not parcel.exempt:
            self._unsettled -= 1
