"""The cell's side of a mailbox in its `box`: how its mail gets into the line, and back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, cast

from .envelope import Envelope
from .hooks import end_tasks
from .mailbox import RELEASED, Again, Dead, Final, Mailbox, Outcome, Parcel, Verdict
from .request import Request
from .status import Failure

if TYPE_CHECKING:
    from .cell import ActorCell
    from .mailbox import TurnMailbox
    from .spec import MailboxSpec
    from .transaction import Transaction

LEAST_SHARE = 0.1
"""The part of the stop time-out that a box has in any case, and of its time to be cancelled in."""


class BoxLine:
    """Knows what the box has of a cell's mail; it is the box's `Inlet`.

    `waiting` is how many messages were put, or found, and have not come into the line yet. What
    is `durable` is left to its store from when the system `drains`: it begins no more; with
    `stays` also when its actor is removed, since that may come back.
    """

    __slots__ = (
        "_asks",
        "_cell",
        "_credit",
        "_drains",
        "_out",
        "_retries",
        "box",
        "durable",
        "ended",
        "is_open",
        "opening",
        "postponed",
        "stays",
        "turn",
        "turns",
        "waiting",
    )

    def __init__(self, cell: ActorCell, box: Mailbox) -> None:
        self._cell = cell
        self.box = box
        self.durable: bool = getattr(box, "durable", False)
        # The box again where it commits turns, the turn that is open, and the one that has ended
        # and is to be settled with its message.
        self.turns = cast("TurnMailbox", box) if hasattr(type(box), "recall") else None
        self.turn: Transaction | None = None
        self.ended: Transaction | None = None
        self.is_open = self.stays = self._drains = False
        self.opening = asyncio.Lock()  # a plan and a start may both want to open it
        self.waiting = 0
        # What was demanded and has not come, and what has come and is not settled.
        self._credit = self._out = 0
        # The requests in the box: they are answered at once when the actor stops.
        self._asks: dict[Request, None] = {}
        # What waits for a second try, and the rest of the line with it.
        self.postponed: list[Any] = []
        self._retries: dict[Parcel, asyncio.TimerHandle] = {}

    # ---- accepting -----------------------------------------------------------------------

    def put(self, message: Any) -> Awaitable[None] | None:
        """Give `message` its place; return what ends when it is kept, None if it is already.

        Raises what the box raises; then it has no place.
        """
        cell, ask = self._cell, message if isinstance(message, Request) else None
        if self._drains and isinstance(message, Envelope):
            cell.line_up(message)  # who asks is still answered
            cell.wake()
            return None
        self.waiting += 1  # before: the box may deliver at once
        if ask is not None:
            self._asks[ask] = None
        try:
            kept = self.box.put(Parcel(message))
        except BaseException:
            self.waiting -= 1
            if ask is not None:
                del self._asks[ask]
            cell.count("rejected", "store")
            raise
        if ask is not None and cell.state == "paused":
            cell.note_passing(ask, ask.parent)
        cell.wake()
        return kept

    @property
    def most(self) -> int:
        """How many are not settled, ticks included, which take no room: the box knows better."""
        return self.waiting + self._out

    @property
    def oldest_s(self) -> float:
        """How long the oldest message is in the box, in seconds; 0 where that cannot be told."""
        try:
            return self.box.depth().oldest_s
        except Exception:  # a guest's mistake is no reason to show nothing of the actor
            return 0.0

    @property
    def requests(self) -> tuple[Request, ...]:
        """Those in the box, and those that wait with what waits for a second try."""
        again = (one.inner for one in self.postponed if isinstance(one, Parcel))
        return (*self._asks, *(one for one in again if isinstance(one, Request)))

    # ---- what the box says -----------------------------------------------------------------

    @property
    def is_up(self) -> bool:
        """Tell whether the actor is to handle its mail by itself."""
        cell = self._cell
        return cell.wanted == "up" and not cell.held and cell.state != "failed"

    def deliver(self, parcels: Iterable[Parcel]) -> None:
        """Put demanded parcels in line."""
        for parcel in parcels:
            parcel.line = self
            self._credit = max(0, self._credit - 1)
            self._out += 1
            if self._leave(parcel):
                self._line_up(parcel)
            else:
                parcel.settle(RELEASED)
        self._cell.wake()

    def _line_up(self, parcel: Parcel) -> None:
        cell = self._cell
        if self._drains and parcel.inner is not None:
            cell.line_up(parcel)
        elif self._drains or (self.postponed and self._is_single):
            self.postponed.append(parcel)  # nothing passes what waits for its retry
        else:
            cell.line_up(parcel)

    def dead(self, parcel: Parcel, reason: str, error: BaseException | None = None) -> None:
        """Bury what the box gives up; a durable one has it as a letter if it could be kept."""
        if self.durable and reason != "store_failed":
            parcel.line, parcel.verdict = self, Dead(reason)
        if self._leave(parcel):
            self._cell.bury((parcel,), reason, text_of(error))
            self._after()

    def failed(self, error: BaseException) -> None:
        """Let the actor fail: it restarts, and asks the box anew."""
        self._credit = 0
        self._cell.fail(error, None, "restart")

    def _leave(self, parcel: Parcel) -> bool:
        """Note that a parcel left the box; False for a request that was buried before."""
        if isinstance(parcel.inner, Request):
            if parcel.inner not in self._asks:
                return False
            del self._asks[parcel.inner]
        self.waiting = max(0, self.waiting - 1)  # it may also find more than it knew of
        return True

    def change(self, spec: MailboxSpec) -> None:
        """Let a box that can go by other settings from now on."""
        change = getattr(type(self.box), "change", None)
        if change is not None:
            try:
                change(self.box, spec)
            except Exception as error:  # the exchange cannot fail any more
                self._cell.tell_hook_failure("mailbox", error)

    # ---- what the box is told --------------------------------------------------------------

    def demand(self) -> None:
        """Ask for more, while the actor handles mail and has less than it may have."""
        if (count := self._wanted()) > 0:
            self._credit += count
            self.box.demand(count)

    def _wanted(self) -> int:
        cell, ahead = self._cell, self.box.prefetch
        if ahead and (ready := len(cell.inbox or ()) + self._credit) >= ahead / 2:
            return 0
        if self._drains or (self.postponed and self._is_single):
            return 0
        if cell.wanted != "up" or not cell.is_handling:
            return 0
        if not ahead:
            return min(self.waiting, cell.spec.max_tasks - self._out) - self._credit
        return ahead - ready

    def settle(self, parcel: Parcel, outcome: Outcome) -> Verdict:
        """Say how a delivered parcel has ended."""
        self._out -= 1
        verdict = self.box.settle(parcel, outcome)
        self._after()
        return verdict

    def settle_notice(self, message: Envelope) -> None:
        """Let what was done in the turn of a message that never was in the box be committed."""
        if self.ended is not None:
            parcel = Parcel(message)
            parcel.line = self
            self._out += 1
            parcel.answer(None)

    def take_turn(self) -> Transaction | None:
        """Return the turn that has ended, once."""
        ended, self.ended = self.ended, None
        return ended

    def drop_turn(self) -> None:
        """Undo the turn of a handler that is left behind."""
        if self.turn is not None:
            self.turn.drop()

    def _after(self) -> None:
        """Let those in who wait for room, and the box go on."""
        if self._cell.waiters:
            self._cell.admit_waiters()
        self.demand()

    # ---- leaving unhandled -------------------------------------------------------------------

    def bury_requests(self, reason: str) -> None:
        """Answer every request in the box; what the box has of it is void."""
        asks, self._asks = self._asks, {}
        self.waiting -= len(asks)
        self._cell.bury(asks, reason)

    async def close(self, seconds: float, reason: str) -> None:
        """End the box; with all reasons but ``shutdown`` its mail is given up, unless it `stays`.

        That may take `seconds`, and a tenth of the actor's stop time-out where less is left.
        """
        cell, gives_up = self._cell, reason != "shutdown" and not (self.stays and self.durable)
        self.release(reason)
        task = cell.system.create_task(self._closed(gives_up), f"{cell.address} mailbox")
        seconds = max(seconds, cell.spec.stop_timeout * LEAST_SHARE)
        _, late = await asyncio.wait({task}, timeout=seconds * (1 - LEAST_SHARE))
        for one in late:
            one.cancel()
        await end_tasks(cell, late, seconds * LEAST_SHARE)
        if gives_up:  # else what it still had is the store's
            cell.count_dead(self.waiting, reason)
        self.waiting = 0

    async def _closed(self, gives_up: bool) -> None:
        try:
            await self.box.close(gives_up)
        except Exception as error:
            self._cell.tell_hook_failure("mailbox", error)

    def release(self, reason: str) -> None:
        """Give back what was delivered and has not begun; what the box does not keep is dead."""
        self.end_retry()
        dead = []
        for message in self._cell.take_all():
            if isinstance(message, Parcel):
                message.settle(RELEASED)
            if isinstance(message, Parcel) and isinstance(message.verdict, Again):
                self.waiting += 1
            else:
                dead.append(message)
        self._cell.bury(dead, reason)

    def drain(self) -> None:
        """Begin nothing more of what the next start finds in a durable box; requests go on."""
        if not self.durable or self._drains:
            return
        self._drains = True
        self._end_timers()
        cell, waiting = self._cell, (*self.postponed, *self._cell.take_all())
        asks, self._asks = self._asks, {}
        self.waiting -= len(asks)
        self.postponed = [one for one in waiting if _is_kept(one)]
        for message in (*(one for one in waiting if not _is_kept(one)), *asks):
            cell.line_up(message)
        cell.wake()

    def run(self, coro: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a task of the box; while it runs the system is at work."""
        system = self._cell.system
        system.active += 1
        task = system.create_task(coro, f"{self._cell.address} mailbox")
        task.add_done_callback(lambda _: system.end_activation())
        return task

    # ---- what the box decided ------------------------------------------------------------------

    def obey(self, message: Any, error: BaseException | None = None) -> bool:
        """Do with a message that was not handled what its box has said; False if that is nothing.

        It has been counted as taken; `error` is told with a dead letter.
        """
        verdict = message.verdict if isinstance(message, Parcel) else None
        if verdict is None or isinstance(verdict, Final):
            return False
        self._cell.taken -= 1
        if isinstance(verdict, Dead):
            self._cell.bury((message,), verdict.reason, text_of(error))
        else:
            self._try_again(message, verdict.after)
        return True

    def take_back(self, parcels: Iterable[Parcel]) -> None:
        """Put what had begun first in line again, uncharged."""
        back: list[Any] = []
        for parcel in parcels:
            parcel.settle(RELEASED)
            if isinstance(parcel.verdict, Again):
                parcel.verdict = None
                self._out += 1
                back.append(parcel)
            else:  # the box keeps it no more
                back.append(parcel.message)
        for message in back:
            self._cell.count_in(message)
        self._cell.put_back(back)

    # ---- a second try ------------------------------------------------------------------------

    def _try_again(self, parcel: Parcel, after: float) -> None:
        """Put a failed parcel first in line again; with one task nothing passes it meanwhile."""
        cell, closes = self._cell, self._is_single
        parcel.verdict = None
        self._out += 1
        cell.curtail()
        rest = [*(cell.inbox or ())] if closes else []
        if rest:
            cell.inbox = None
        self.postponed = [parcel, *self.postponed, *rest]
        for message in rest:
            cell.count_out(message)
        if not (self._drains or (closes and self._retries)):
            self._retries[parcel] = cell.system.loop.call_later(after, self._retry, parcel)

    @property
    def _is_single(self) -> bool:
        return self._cell.spec.max_tasks == 1

    @property
    def retry_at(self) -> float | None:
        """The loop's time at which what failed is tried again, None where nothing waits for it."""
        return min((timer.when() for timer in self._retries.values()), default=None)

    def _retry(self, parcel: Parcel) -> None:
        del self._retries[parcel]
        self._go_back()

    def end_retry(self) -> None:
        """Put what waits for its second try back in line, before what has come since."""
        self._end_timers()
        self._go_back()

    def _go_back(self) -> None:
        """Put back in line what has no time of its own, also where `max_tasks` has changed."""
        again: list[Any] = []
        waiting, self.postponed = self.postponed, []
        for message in waiting:
            is_timed = isinstance(message, Parcel) and message in self._retries
            (self.postponed if is_timed else again).append(message)
        for message in again:
            self._cell.count_in(message)
        if again:
            self._cell.put_back(again)

    def _end_timers(self) -> None:
        retries, self._retries = self._retries, {}
        for timer in retries.values():
            timer.cancel()


def _is_kept(message: object) -> bool:
    return isinstance(message, Parcel) and message.kept


def text_of(error: BaseException | None) -> str | None:
    """Return an error as it is told with a dead letter."""
    return None if error is None else Failure.of(error, 0.0).line()
