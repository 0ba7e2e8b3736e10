"""The line of a cell: who gets a place in it, what is in it, and how mail leaves it unhandled.

Waiting mail is bare messages in a deque, which exists only while there is mail; only what
needs more than to be handled stands there in an `Envelope`. Whoever changes the line in
another way than by appending to it, or taking its first, ends the running batches before.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING, Any

from .envelope import Envelope, unwrap
from .errors import ActorStopped, MailboxFull
from .mailbox import Dead, Parcel
from .rare import Rare, Waiter
from .request import Request
from .turn import Turn, current_turn

if TYPE_CHECKING:
    from .address import Address
    from .cell import Hand
    from .spec import ActorSpec
    from .status import State
    from .system import ActorSystem

ROOM_TIMEOUT = 30.0
"""How long, in seconds, a `tell` waits for room under the overflow rule ``wait``."""


class Mail(Rare):
    """The part of a cell that accepts mail, keeps it in line, and buries it.

    `taken` counts what has left the line, handled or not; together with what waits and what
    the hands have not settled yet, that is what was accepted. `worked` are the seconds for which
    handlers ran, and all that waits in line has come since the loop's time `emptied`.
    """

    __slots__ = ("emptied", "handled", "inbox", "taken", "worked")

    system: ActorSystem
    address: Address
    spec: ActorSpec
    state: State
    incarnation: int
    hands: tuple[Hand, ...]
    inbox: deque[Any] | None
    taken: int
    handled: int
    worked: float
    emptied: float

    def wake(self, *, by_name: bool = False) -> None:
        """Begin to handle mail, where that may begin now."""
        raise NotImplementedError

    # ---- accepting -----------------------------------------------------------------------

    def admit(self, message: Any) -> Awaitable[None] | None:
        """Give `message` a place in line, or do what the overflow rule says.

        Returns what ends when it is kept, if that is another thing. The slow path of every
        send: the fast one is to append to `inbox` below the limit.
        """
        if not self.accepts_mail or (self.wanted == "gone" and isinstance(message, Envelope)):
            self.bury((message,), self.reason)
        elif self.is_full and not (isinstance(message, Envelope) and message.exempt):
            self._overflow(message)
        elif self.box is not None:
            return self.box.put(message)
        else:
            self._append(message)
        return None

    async def admit_in_turn(self, message: Any, timeout: float = ROOM_TIMEOUT) -> None:
        """Give `message` a place in line as soon as the overflow rule allows.

        Under ``wait`` it raises `MailboxFull` after `timeout` seconds, and at once when the
        actor itself is the sender, because nobody but it could make room.
        """
        waits = self.spec.mailbox.overflow == "wait" and self.is_full and self.wanted != "gone"
        if not waits:
            kept = self.admit(message)
            if kept is not None and not isinstance(message, Envelope):
                await kept
            return
        turn = current_turn()
        if turn is not None and turn.cell is self:
            self.count("rejected", "full")
            raise self.full()
        await self.wait_for_room(message, timeout)

    async def wait_for_room(self, message: Any, timeout: float) -> None:
        """Wait until `message` is in line, and kept; raises `MailboxFull` when time runs out."""
        waiter = Waiter(message, current_turn(), self.system.loop.create_future())
        self.waiters += (waiter,)
        self.curtail()  # the first waiter gets its room after the message in hand
        self.note_passing(waiter, waiter.turn)
        try:
            async with asyncio.timeout(timeout):
                await waiter.room
        except TimeoutError:
            if waiter.room.cancelled():  # else it got its room at the last instant
                self.count("rejected", "timeout")
                raise self.full() from None
        finally:
            self.waiters = tuple(other for other in self.waiters if other is not waiter)
        if (kept := waiter.room.result()) is not None and not isinstance(message, Envelope):
            await kept

    @property
    def accepts_mail(self) -> bool:
        """Tell whether mail is kept: in a durable box also of an actor that a shutdown ends."""
        if self.wanted != "gone":
            return True
        return self.box is not None and self.box.durable and self.reason == "shutdown"

    @property
    def is_full(self) -> bool:
        """Tell whether new mail has no place.

        While senders wait it has none: whoever makes room lets them in before anybody else.
        """
        if self.box is not None and self.box.most < self.spec.mailbox.capacity:
            return False
        return self.room <= 0

    @property
    def room(self) -> int:
        """How many more messages have a place now."""
        if self.box is not None:
            return self.spec.mailbox.capacity - self.box.box.depth().messages
        return self.spec.mailbox.capacity - len(self.inbox or ()) + self.exempt

    @property
    def waiting(self) -> int:
        """How many messages wait, in line and in the box."""
        boxed = self.box.waiting + len(self.box.postponed) if self.box is not None else 0
        return len(self.inbox or ()) + boxed

    def full(self) -> MailboxFull:
        """Return the error for a sender that found no room."""
        spec = self.spec.mailbox
        full = f"mailbox of {self.address} is full: {spec.capacity - self.room} of"
        waiting = "waiting" if self.box is None else "not handled"
        return MailboxFull(
            f"{full} {spec.capacity} {waiting}, overflow is {spec.overflow}, actor is {self.state}"
        )

    def _overflow(self, message: Any) -> None:
        """Act for a message that finds the mailbox full and does not wait."""
        overflow = self.spec.mailbox.overflow if self.box is None else "reject"
        if overflow == "drop_oldest":
            oldest = self._take_oldest()
            self.line_up(message)  # before its letter is told: who hears of it may send as well
            self.bury(oldest, "dropped")
            self._see_to(message)
        elif overflow == "drop_newest":
            self.bury((message,), "dropped")
        else:
            self.count("rejected", "full")
            raise self.full()

    def _take_oldest(self) -> tuple[Any, ...]:
        assert self.inbox is not None
        self.curtail()
        for place, message in enumerate(self.inbox):
            if not (isinstance(message, Envelope) and message.exempt):
                del self.inbox[place]
                self.count_out(message)
                return (message,)
        return ()

    def _append(self, message: Any) -> None:
        self.line_up(message)
        self._see_to(message)

    def _see_to(self, message: Any) -> None:
        """Let a message that has its place come to its turn."""
        if self.state == "paused" and isinstance(message, Request):
            self.note_passing(message, message.parent)
        self.wake()

    def line_up(self, message: Any) -> None:
        """Put `message` last in line, and wake nobody."""
        self._line(message).append(message)
        self.tell_change()

    def note_all_passing(self) -> None:
        """Note what waits already and passes the gate that an exchange has just closed."""
        self.passing = ()
        inner = (one.inner if isinstance(one, Parcel) else one for one in self.inbox or ())
        for message in (*inner, *(self.box.requests if self.box is not None else ())):
            if isinstance(message, Request):
                self.note_passing(message, message.parent)
        for waiter in self.waiters:
            self.note_passing(waiter, waiter.turn)

    def note_passing(self, one: Request | Waiter, turn: Turn | None) -> None:
        """Note what is sent on behalf of a message for whose end an exchange waits."""
        quiet = self.system.quiet
        if quiet is not None and quiet.pauses(self) and quiet.waits_for(turn):
            self.passing += (one,)
            self.wake()

    @property
    def lets_pass(self) -> bool:
        """Tell whether the line is to be handled behind the gate, as far as something passes it."""
        return any(one.is_waiting for one in self.passing)

    def put_first(self, notice: Envelope) -> None:
        """Give `notice` a place before all that waits but earlier ones of its kind."""
        self.curtail()
        line, place = self._line(notice), 0
        while place < len(line) and line[place].__class__ is notice.__class__:
            place += 1
        line.insert(place, notice)
        self.wake()

    def count_in(self, message: Any) -> None:
        """Note that something which may be an envelope is in line; reverse of `count_out`."""
        if isinstance(message, Envelope):
            self.enclosed += 1
            if message.exempt:
                self.exempt += 1

    def _line(self, newcomer: Any) -> deque[Any]:
        """Return the line, which `newcomer` is about to enter."""
        self.count_in(newcomer)
        if self.inbox is None:
            self.inbox = deque()
            self.emptied = self.system.clock()
        return self.inbox

    def admit_waiters(self) -> None:
        """Let waiting senders in, first come first served, as far as there is room now."""
        while self.waiters and not self.is_full:
            waiter, self.waiters = self.waiters[0], self.waiters[1:]
            if not waiter.room.done():
                self._let_in(waiter)

    def _let_in(self, waiter: Waiter) -> None:
        if self.box is None:
            waiter.room.set_result(None)
            self._append(waiter.message)
            return
        try:
            waiter.room.set_result(self.box.put(waiter.message))
        except Exception as error:
            waiter.room.set_exception(error)

    def next_change(self) -> asyncio.Future[None]:
        """Return what ends when a message comes into the line, a hand or an instance ends.

        So it does with every other state of the cell; it may end for less than that.
        """
        if not self.inbox:
            self.inbox = None  # so that nobody appends to it unnoticed
        change: asyncio.Future[None] = self.system.loop.create_future()
        self.changes += (change,)
        return change

    def tell_change(self) -> None:
        """Wake those who wait for a change."""
        if self.changes:
            changes, self.changes = self.changes, ()
            for change in changes:
                if not change.done():
                    change.set_result(None)

    # ---- leaving the line ----------------------------------------------------------------

    def take_first(self) -> tuple[Any] | None:
        """Take what is first in line by hand, as a handled message; None where none waits."""
        while self.inbox:
            self.curtail()
            message = self.inbox.popleft()
            self.count_out(message)
            if isinstance(message, Envelope):
                if (reason := message.void()) is not None:
                    self.bury((message,), reason)
                    continue
                message.begin(self.system.now())
                message.answer(None)
            self.taken += 1
            self.handled += 1
            if self.waiters:
                self.admit_waiters()
            return (unwrap(message),)
        return None

    def count_out(self, message: Any) -> None:
        """Note that something which may be an envelope is not in line any more."""
        if isinstance(message, Envelope):
            self.enclosed -= 1
            if message.exempt:
                self.exempt -= 1

    def curtail(self) -> None:
        """Let each hand end after the message it has."""
        for hand in self.hands:
            hand.curtail()

    def take_all(self) -> tuple[Any, ...]:
        """Take everything out of the line; it is nowhere then, and has to be put somewhere."""
        self.curtail()
        waiting, self.inbox = tuple(self.inbox or ()), None
        for message in waiting:
            self.count_out(message)
        return waiting

    def put_back(self, messages: Iterable[Any]) -> None:
        """Put what was in line before all that is there now."""
        self.curtail()
        self.inbox = deque((*messages, *(self.inbox or ()))) or None
        self.wake()

    def bury(self, messages: Iterable[Any], reason: str, error: str | None = None) -> None:
        """Make dead letters of messages that are in line no more, or never came so far.

        One that nobody wants any more dies of that, and not of `reason`.
        """
        messages = tuple(messages)
        self.taken += len(messages)  # all at once: the account holds whenever a letter is told
        self.dead += len(messages)
        for message in messages:
            why, text, kept = reason, error, False
            if isinstance(message, Envelope):
                why = message.unwanted() or reason
                text = text or message.error
                message.bury(self._death(reason))
                if isinstance(message, Parcel):
                    kept = message.is_stored and isinstance(message.verdict, Dead)
            letter = unwrap(message)
            self.system.dead_letters.add(
                self.address, letter, why, self.incarnation, text, kept=kept
            )

    def count_dead(self, number: int, reason: str) -> None:
        """Count messages of which only their box has the dead letters."""
        self.taken += number
        self.dead += number
        self.system.dead_letters.counts[reason] += number

    def _death(self, reason: str) -> Exception:
        return self.full() if reason == "dropped" else ActorStopped(self.address, reason)

    def bury_requests(self, reason: str) -> None:
        """Answer every waiting request with `ActorStopped`; other mail keeps its place."""
        if self.box is not None:
            self.box.end_retry()
            self.box.bury_requests(reason)
        if self.enclosed or self.waiters:
            self._bury_waiting(reason, Request)

    def bury_all(self, reason: str) -> None:
        """Make dead letters of all waiting mail."""
        self._bury_waiting(reason, object)

    def _bury_waiting(self, reason: str, kind: type[object]) -> None:
        """Bury what waits and is of that kind, also what its sender could not place yet."""
        self.curtail()
        waiting = tuple(self.inbox or ())
        buried = [message for message in waiting if _is(message, kind)]
        # None when nothing is kept: an empty inbox would take mail and wake nobody.
        self.inbox = deque(m for m in waiting if not _is(m, kind)) or None
        for message in buried:
            self.count_out(message)
        for waiter in self.waiters:
            if isinstance(waiter.message, kind) and not waiter.room.done():
                waiter.room.set_result(None)
                buried.append(waiter.message)
        self.bury(buried, reason)
        self.admit_waiters()


def _is(message: Any, kind: type[object]) -> bool:
    return isinstance(message.inner if isinstance(message, Parcel) else message, kind) or (
        kind is object
    )
