"""A mailbox object of aplay's kind, with `put get size empty prepare`, as a `Mailbox`."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

from .errors import MailboxFull
from .mailbox import FINAL, Depth, Inlet, Outcome, Parcel, Verdict

if TYPE_CHECKING:
    from .address import Address
    from .spec import MailboxSpec

METHODS = ("put", "get", "size", "empty", "prepare")


class MailboxObject(Protocol):
    """What an author's own mailbox has to have; each may wait, and none runs beside another."""

    async def prepare(self) -> None:
        """Open what is needed; called once, before all others."""

    async def put(self, msg: Any) -> None:
        """Keep a message; one that is not kept in spite of that is a dead letter."""

    async def get(self) -> Any:
        """Give away the next message; called only after `empty` has said no."""

    async def size(self) -> int:
        """Return how many messages are kept."""
        ...

    async def empty(self) -> bool:
        """Tell whether none is kept."""
        ...


class ObjectMailbox:
    """Puts mail into an author's object and takes it out again, one call after another.

    The object's order is the order in which mail is handled: no more is taken out than there
    are handlers for, which `slots` tells. A request is never put into it; it comes when as many
    messages have come out as were accepted before it. What was put in and does not come out
    again before the object says that it is empty is a dead letter ``dropped``.
    """

    def __init__(
        self, kept: MailboxObject, address: Address, spec: MailboxSpec, slots: Callable[[], int]
    ) -> None:
        check_object(kept, address, spec)
        self.object = kept
        self._address = address
        self._spec = spec
        self._slots = slots
        self._inlet: Inlet | None = None
        self._is_prepared = False
        self._pump: asyncio.Task[None] | None = None
        # On the way into the object, in it, and the requests between them: each with the number
        # of messages that have to have come out before it.
        self._coming: deque[tuple[Parcel, asyncio.Future[None]]] = deque()
        self._inside: list[Parcel] = []
        self._asks: deque[tuple[int, Parcel]] = deque()
        self._found = 0
        self._accepted = self._gone = 0
        self._credit = 0
        self._taken_out = 0
        self._unsettled = 0

    async def prepare(self) -> None:
        """Prepare the object, once, whoever asks for it first."""
        if not self._is_prepared:
            await self.object.prepare()
            self._is_prepared = True

    async def open(self, inlet: Inlet) -> int:
        """Prepare the object, and return how many messages it has."""
        await self.prepare()
        self._found = self._accepted = await self.object.size()
        self._inlet = inlet
        self._go_on()
        return self._found

    def put(self, parcel: Parcel) -> Awaitable[None]:
        """Give `parcel` its place; the awaitable ends when the object has it."""
        if not parcel.exempt:
            if self._unsettled >= self._spec.capacity:
                raise MailboxFull(
                    f"mailbox of {self._address} is full: {self._unsettled} of "
                    f"{self._spec.capacity} not handled, overflow is {self._spec.overflow}"
                )
            self._unsettled += 1
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if parcel.kept:
            self._accepted += 1
            self._coming.append((parcel, kept))
        else:
            self._asks.append((self._accepted, parcel))
            kept.set_result(None)
        self._go_on()
        return kept

    def demand(self, count: int) -> None:
        """Take out up to `count` more, as there are handlers for them."""
        self._credit += count
        self._go_on()

    def begin(self, parcel: Parcel) -> Any:
        """Return the message as the object gave it."""
        return parcel.message

    def settle(self, parcel: Parcel, outcome: Outcome) -> Verdict:
        """Say that it is over with the message, which the object has given away already."""
        self._taken_out -= 1
        self._leave(parcel)
        self._go_on()
        return FINAL

    def depth(self) -> Depth:
        """Return how many messages are not settled."""
        return Depth(self._unsettled + self._found)

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
        if self._inlet is not None and self._pump is None and self._has_work():
            self._pump = self._inlet.run(self._run(self._inlet))

    def _has_work(self) -> bool:
        some = bool(self._inside or self._asks) or self._found > 0
        return bool(self._coming) or (some and self._may_deliver())

    def _may_deliver(self) -> bool:
        return self._credit > 0 and self._taken_out < self._slots()

    async def _run(self, inlet: Inlet) -> None:
        try:
            while self._has_work():
                if self._coming:
                    await self._put_one(inlet)
                else:
                    await self._deliver_one(inlet)
        except Exception as error:
            self._credit = 0
            self._pump = None
            inlet.failed(error)
        finally:
            self._pump = None

    async def _put_one(self, inlet: Inlet) -> None:
        parcel, kept = self._coming[0]
        error: Exception | None = None
        try:
            await self.object.put(parcel.message)
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

    async def _deliver_one(self, inlet: Inlet) -> None:
        if self._asks and self._asks[0][0] <= self._gone:
            self._deliver(inlet, self._asks.popleft()[1])
        elif await self.object.empty():
            lost, self._inside, self._found = self._inside, [], 0
            self._gone = self._accepted - len(self._coming)
            for parcel in lost:
                self._give_up(parcel, "dropped")
        else:
            parcel = self._parcel_of(await self.object.get())
            self._gone += 1
            self._deliver(inlet, parcel)

    def _parcel_of(self, message: Any) -> Parcel:
        """Return the parcel that `message` came in, or the one next in line with it put in."""
        place = next((n for n, one in enumerate(self._inside) if one.message is message), None)
        if place is None and (self._found or not self._inside):
            self._found = max(0, self._found - 1)
            self._unsettled += 1
            return Parcel(message)
        return self._inside.pop(place or 0).with_message(message)

    def _deliver(self, inlet: Inlet, parcel: Parcel) -> None:
        self._credit -= 1
        self._taken_out += 1
        inlet.deliver((parcel,))

    def _give_up(self, parcel: Parcel, reason: str, error: Exception | None = None) -> None:
        assert self._inlet is not None
        self._leave(parcel)
        self._inlet.dead(parcel, reason, error)

    def _leave(self, parcel: Parcel) -> None:
        if not parcel.exempt:
            self._unsettled -= 1


def check_object(kept: object, address: Address, spec: MailboxSpec) -> None:
    """Raise `TypeError` for what is no mailbox, `ValueError` where its actor would drop mail."""
    missing = [name for name in METHODS if not callable(getattr(kept, name, None))]
    if missing or inspect.isclass(kept):
        what = f"{kept!r} is a class" if inspect.isclass(kept) else f"it has no {missing[0]}()"
        raise TypeError(f"_mailbox of {address}: want an object with {', '.join(METHODS)}; {what}")
    if spec.overflow not in ("reject", "wait"):
        raise ValueError(
            f"_mailbox of {address}: overflow {spec.overflow} is for mail in memory only; with a "
            "mailbox of one's own it is reject or wait"
        )
