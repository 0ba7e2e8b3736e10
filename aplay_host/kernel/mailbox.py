"""What a mailbox that is more than a line in memory says and is told.

A cell without one keeps bare messages in its own line and makes no object for them. Any other
mailbox sits in the cell's `box` and feeds the same line, when it is asked to:

========  ==========================================================================
step      what happens
========  ==========================================================================
`open`    the actor starts for the first time, or a plan names it and the box is durable
`put`     the message takes its place now; what is returned ends when it is kept
`demand`  the cell has room for so many more; the box delivers when it likes
`begin`   its turn has come: the box says what the handler gets
`settle`  the handler has ended; the box says what becomes of the message
`depth`   how much is not settled, against which the cell holds its capacity
`close`   the actor is removed, or the system ends
========  ==========================================================================

All but `open` and `close` are plain calls on the loop's thread, without I/O of their own.

A box that says `durable` of itself keeps its mail for the next start of the program: it takes
`put` from when it is made, is opened again where that failed, and its backlog is nothing that a
shutdown waits for; what is put after it was closed, but not removed, it keeps as well. One that is
a `TurnMailbox` commits what a handler did in one step. One with a method `change(spec)` is told of
other settings.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from .envelope import Envelope

if TYPE_CHECKING:
    from .address import Address
    from .boxline import BoxLine
    from .spec import MailboxSpec
    from .turn import Turn


@dataclass(frozen=True, slots=True)
class Handled:
    """The handler returned; what it did in its turn is here, where its box commits turns.

    `saved` is what `TurnMailbox.snapshot` returned, None for nothing to write. `sends` were told
    to boxes of the same store, in order; each takes its place with the settle. `then` is to be
    called on the loop's thread, once: with None after the commit, which plays the other sends and
    lets a reply leave; or with the error for which there never will be one.
    """

    saved: Any = None
    sends: tuple[tuple[TurnMailbox, Parcel], ...] = ()
    then: Callable[[Exception | None], None] | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The handler raised `error`."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Released:
    """The message never came to its turn, or the kernel cut its handler off."""


@dataclass(frozen=True, slots=True)
class Final:
    """It is over with the message: it was handled, or has failed."""


@dataclass(frozen=True, slots=True)
class Again:
    """The message is pending again, first in line, and is to wait `after` seconds."""

    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Dead:
    """The message is a dead letter, for this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What `begin` returns in place of a message that cannot be read any more."""

    reason: str
    error: str = ""


Outcome = Handled | Failed | Released
Verdict = Final | Again | Dead

HANDLED, RELEASED, FINAL = Handled(), Released(), Final()


@dataclass(frozen=True, slots=True)
class Depth:
    """How much a box holds that is not settled: messages, bytes, and the oldest one's seconds.

    What is `exempt` takes no room and is left out.
    """

    messages: int
    bytes: int = 0
    oldest_s: float = 0.0


class Mailbox(Protocol):
    """Keeps an actor's mail. It belongs to the cell: restarts and exchanges do not touch it.

    `prefetch` is how many messages the cell may have in line ahead of their turn, so that no
    handler waits for a store. With 0 it demands one when a handler is free for it, and of those
    that it knows to wait: for a box that may change its mind about the order until then.
    """

    prefetch: int

    async def open(self, inlet: Inlet) -> int:
        """Get ready; return how many messages were found waiting, which come before all others.

        The first call of all, but for the `put` of a durable box; what was put is not counted.
        An error is a failed start; the next one makes another box, of a durable one it opens
        the same again.
        """
        ...

    def put(self, parcel: Parcel) -> Awaitable[None] | None:
        """Give `parcel` its place behind all others, or raise, now.

        Returns None for one that is kept, else what ends when it is; that may be dropped, so it
        is no coroutine. One that is not `kept` has its place in memory only. Whether there is
        room was seen to before.
        """
        ...

    def demand(self, count: int) -> None:
        """Deliver up to `count` more than was demanded before, now or later."""

    def begin(self, parcel: Parcel) -> Any:
        """Return the message for the handler, or `Unreadable`; only asked of what is `kept`."""
        ...

    def settle(self, parcel: Parcel, outcome: Outcome) -> Verdict:
        """Say what becomes of a parcel that was delivered; never raises."""
        ...

    def depth(self) -> Depth:
        """Return what it holds, from memory."""
        ...

    async def close(self, removed: bool) -> None:
        """Make sure that what was settled stays so, and end.

        With `removed` the rest is given up, else it is left to the next one who opens it.
        """


class TurnMailbox(Mailbox, Protocol):
    """A mailbox that commits the end of a message, the actor's state and its sends at once.

    What is not kept, as a notice of the kernel's, may be settled without ever having been put:
    what it did in its turn is committed all the same.
    """

    store: object
    """Boxes of the same store, which is the same object, commit together."""

    def recall(self, kind: type[Any]) -> Any:
        """Return the state, decoded anew from its newest bytes, committed or on their way.

        Where there are none it is ``kind()``. Raises for what cannot be read.
        """
        ...

    def snapshot(self, saved: Any) -> Any:
        """Encode `saved`; None where that is what is kept. Raises for what cannot be kept."""
        ...

    def draft(self, parcel: Parcel) -> None:
        """Encode a message told in a turn, as ``parcel.own``; its place comes with the settle.

        Raises what `put` would raise for it.
        """


MakeMailbox = Callable[["Address", "MailboxSpec"], Mailbox | None]
"""Makes the box of one actor, and opens nothing yet; None for mail in memory."""


class Inlet(Protocol):
    """The cell, as its box sees it; on the loop's thread only."""

    @property
    def is_up(self) -> bool:
        """Tell whether the actor is to handle its mail by itself: not stopped, nor failed."""
        ...

    def deliver(self, parcels: Iterable[Parcel]) -> None:
        """Put these, which were demanded, in line; one that was found is a new `Parcel`."""

    def dead(self, parcel: Parcel, reason: str, error: BaseException | None = None) -> None:
        """Give up a parcel that was not delivered."""

    def failed(self, error: BaseException) -> None:
        """Say that the box cannot go on: nothing is demanded any more, and the actor restarts.

        It begins anew with the next `demand`.
        """

    def run(self, coro: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a task of the box's own; while there is one, the system is at work."""
        ...


class Parcel(Envelope):
    """A message on its way through a box: bare, or as the request or tick that stands for it.

    `kept` tells whether the box is to keep it at all; `verdict` what the box has said of it,
    None before it is settled; `own` is whatever the box wants to find again with it.
    """

    __slots__ = ("error", "inner", "line", "message", "own", "verdict")

    def __init__(self, message: Any) -> None:
        self.inner = message if isinstance(message, Envelope) else None
        self.message = message.message if isinstance(message, Envelope) else message
        self.line: BoxLine | None = None
        self.verdict: Verdict | None = None
        self.error: str | None = None
        self.own: Any = None

    @property
    def kept(self) -> bool:
        """Tell whether it is to survive what the box survives."""
        return self.inner is None

    @property
    def is_stored(self) -> bool:
        """Tell whether a durable box has it."""
        return self.kept and self.line is not None and self.line.durable

    @property
    def exempt(self) -> bool:  # type: ignore[override]
        """Tell whether it takes no room."""
        return self.inner is not None and self.inner.exempt

    @property
    def turn(self) -> Turn | None:  # type: ignore[override]
        """The turn in which it is handled, where that is not the drain's."""
        return self.inner.turn if self.inner is not None else None

    def void(self) -> str | None:
        """Return why it is not handled: the request's own reason, or that it is unreadable."""
        assert self.line is not None
        if self.inner is not None:
            return self.inner.void()
        message = self.line.box.begin(self)
        if not isinstance(message, Unreadable):
            self.message = message
            return None
        self.error = message.error or None
        self.settle(Failed(ValueError(message.error or message.reason)))
        return self.verdict.reason if isinstance(self.verdict, Dead) else message.reason

    def begin(self, now: float) -> None:
        """Pass on that its handler begins."""
        if self.inner is not None:
            self.inner.begin(now)

    def answer(self, value: Any) -> None:
        """Settle it as handled; the reply of one with a turn leaves after the commit."""
        turn = self.line.take_turn() if self.line is not None else None
        if turn is None:
            if self.inner is not None:
                self.inner.answer(value)
            self.settle(HANDLED)
            return
        if self.inner is not None:
            self.inner.close()
            turn.then(partial(self._reply, self.inner, value))
        self.settle(turn.outcome())

    def _reply(self, inner: Envelope, value: Any, error: Exception | None) -> None:
        if error is None:
            inner.answer(value)
        else:
            inner.bury(error)

    def refuse(self, error: BaseException) -> None:
        """Settle it as failed; its `verdict` says what becomes of it."""
        if self.inner is not None:
            self.inner.refuse(error)
        self.settle(Failed(error))

    def cut(self, error: BaseException) -> None:
        """Settle it as released."""
        if self.inner is not None:
            self.inner.refuse(error)
        self.settle(RELEASED)

    def bury(self, error: Exception) -> None:
        """Settle it as released, if nobody has settled it."""
        if self.inner is not None:
            self.inner.bury(error)
        self.settle(RELEASED)

    def settle(self, outcome: Outcome) -> None:
        """Tell the box, once, and only of what it has delivered."""
        if self.line is not None and self.verdict is None:
            self.verdict = self.line.settle(self, outcome)
