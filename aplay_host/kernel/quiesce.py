"""Holding actors between two messages, for as long as it takes to exchange their behaviour."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

from . import lifecycle
from .address import Address
from .errors import BadAddress, Busy
from .events import Replaced
from .exchange import Build, CellView, Remap, Staged, plan_mail, put_in, rehearse, stage
from .inside import Wait
from .op import refuse_self_wait
from .turn import current_turn

if TYPE_CHECKING:
    from .actor import Actor
    from .cell import ActorCell
    from .mail import Mail
    from .spec import ActorSpec
    from .system import ActorSystem
    from .turn import Turn

OnBusy = Literal["abort", "cancel"]

SLOW = 0.05
"""Seconds. Who has been at a message for longer is waited for before the others are held."""
LAST_WAIT = 1.0
"""Seconds that cancelled handlers have for ending."""


class Quiesce:
    """Some actors whose gates are closed; use it with ``async with``, see `ActorSystem.quiesce`.

    ============  =====================================================================
    state before  what entering the block does
    ============  =====================================================================
    running       closes the gate, waits for the message in hand; mail is kept
    starting      waits for the start, then the same
    restarting    waits for the message in hand; one that comes up meanwhile is held too
    stopping      raises `Busy`
    removed       nothing: it is in the set no more
    the others    nothing: nothing runs there
    ============  =====================================================================

    A held actor handles mail all the same, in order, up to a request that one of the messages
    in hand waits for, so that the block can be entered at all. A verb for a held actor has its
    effect when the block is left; only `remove` wins at once, and takes the actor out of it.
    """

    def __init__(
        self, system: ActorSystem, cells: Iterable[ActorCell], deadline: float, on_busy: OnBusy
    ) -> None:
        self.opened: asyncio.Future[None] = system.loop.create_future()
        self._system = system
        self._members = dict.fromkeys(cells)
        self._paused: dict[ActorCell, None] = {}
        self._entered = False
        self._seconds = deadline
        self._ends: float | None = None
        self._on_busy = on_busy
        self._staged: dict[Staged, None] = {}
        self._swapped: list[ActorCell] = []

    # ---- entering and leaving ------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._ends = ends = self._system.now() + self._seconds
        while (other := self._system.quiet) is not None:
            if not await self._ended_one_of({other.opened}, ends):
                addresses = [cell.address for cell in self._members]
                raise Busy(addresses, "another exchange is under way")
        self._system.quiet = self
        try:
            for cell in tuple(self._members):
                if cell.state == "removed":  # meanwhile
                    self.leave(cell)
            await self._hold([cell for cell in self._members if _has_been_at_it(cell)], ends)
            await self._hold(tuple(self._members), ends)
        except BaseException:
            self._open()
            raise
        self._entered = True
        return self

    async def __aexit__(self, *exc: object) -> None:
        for staged in self._staged:
            staged.drop()
        self._open()

    async def _hold(self, cells: Sequence[ActorCell], ends: float) -> None:
        """Close the gates of `cells` and wait until nothing of them is in hand.

        Past the time it raises `Busy`, or has the handlers cancelled and waits for that.
        """
        cancels = self._on_busy == "cancel"
        while waits := self._close_gates([cell for cell in cells if cell in self._members]):
            if await self._ended_one_of(waits, ends):
                continue
            if cancels:
                hands = [hand for cell in self._members for hand in cell.hands]
                for hand in hands:
                    if hand.task in waits:
                        hand.cancel()
                cancels, ends = False, self._system.now() + LAST_WAIT
            elif busy := [cell for cell in waits.values() if cell in self._members]:
                starts = any(cell.state == "starting" for cell in busy)
                addresses = dict.fromkeys(cell.address for cell in busy)
                raise Busy(addresses, "it is starting" if starts else "it is at work")

    def _close_gates(self, cells: Sequence[ActorCell]) -> dict[asyncio.Future[Any], ActorCell]:
        """Close the gates, once no start is under way; return what has to end, and whose it is."""
        if stopping := [cell.address for cell in cells if cell.state == "stopping"]:
            raise Busy(stopping, "it is stopping")
        starts: dict[asyncio.Future[Any], ActorCell] = {}
        for cell in cells:
            if cell.state == "starting" and (attempt := cell.next_attempt()) is not None:
                starts[attempt] = cell
        if starts:
            return starts
        running = [cell for cell in cells if cell.state == "running"]
        for cell in running:
            lifecycle.pause(cell)
            self._paused[cell] = None
        if running:
            for cell in self._paused:
                cell.note_all_passing()
        return {hand.task: cell for cell in cells for hand in cell.hands}

    async def _ended_one_of(self, futures: Iterable[asyncio.Future[Any]], ends: float) -> bool:
        """Wait for the first of `futures`; return False when time ran out before."""
        seconds = None if ends == math.inf else max(0.0, ends - self._system.now())
        done, _ = await asyncio.wait(futures, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)

    def _open(self) -> None:
        self._system.quiet = None
        paused, self._paused = self._paused, {}
        for cell in paused:
            lifecycle.open_gate(cell)
        self.opened.set_result(None)

    def leave(self, cell: ActorCell) -> None:
        """Take a removed actor out of the set."""
        self._members.pop(cell, None)
        if cell in self._paused:
            del self._paused[cell]
            cell.deferred = ()

    # ---- mail that the messages in hand wait for -----------------------------------------

    def waits(self) -> Wait:
        """Tell for whom this waits, and for how much longer."""
        busy = tuple(it.address for it in self._members if it.hands or it.state == "starting")
        left = None if self._ends is None else max(0.0, self._ends - self._system.now())
        return Wait("exchange", left, busy, cuts=self._on_busy == "cancel")

    def pauses(self, cell: Mail) -> bool:
        """Tell whether the gate of `cell` is closed here."""
        return cell in self._paused

    def waits_for(self, turn: Turn | None) -> bool:
        """Tell whether the block cannot be entered before what is done within `turn` ends.

        So it is when a message in hand of the set waits for that, or a start of one.
        """
        while turn is not None and not self._entered:
            cell = turn.cell
            if cell in self._paused or (cell in self._members and cell.state == "starting"):
                return True
            turn = None if turn.is_over else turn.parent
        return False

    # ---- exchanging ----------------------------------------------------------------------

    @property
    def cells(self) -> tuple[CellView, ...]:
        """The actors of the set as they are now, in the order in which they were named."""
        return tuple(CellView.of(cell) for cell in self._members)

    def stage(
        self, address: str, *, spec: ActorSpec | None = None, build: Build | None = None
    ) -> Staged:
        """Make a new behaviour, of the class that `spec` names (the present spec without one).

        `build` fills the blank instance; without it ``__init__`` does. Whatever that and
        `prepare_children` send, set or spawn waits for the swap; asking raises. Raises what
        they raise. An actor without an instance gets only the spec, and makes its own.
        """
        cell = self._member(address)
        staged = stage(cell, spec or cell.spec, build)
        self._staged[staged] = None
        return staged

    def rehearse(self, address: str) -> Actor:
        """Make what the present spec begins with, to compare with; it can never act.

        What its code sends, sets or spawns is dropped. Raises what that raises.
        """
        return rehearse(self._member(address))

    def _member(self, address: str) -> ActorCell:
        cell = self._system.cell_at(Address(address))
        if cell is None or cell not in self._members:
            raise BadAddress(f"{address} is not one of the held actors")
        return cell

    def swap(
        self,
        staged: Iterable[Staged],
        *,
        generation: int | None = None,
        remap: Remap | None = None,
        give_back: bool = False,
    ) -> tuple[str, ...]:
        """Put all that is staged in the place of what is there, and play what it has said.

        `remap` is asked once for each message that waits (see `CellView`) what is to be in its
        place; if it raises, nothing has happened. Messages that the code before set aside fail
        now, unless they are to be given back. What was staged for an actor that is removed by
        now is dropped. Raises `Busy` when an actor was started or stopped since it was staged.
        Returns the names of the owned tasks that ended and were not begun again.

        Each new behaviour is on `Probation`: a listener for `MessageFailed` hears ``set aside``
        as the directive, and gives its verdict with `settle`, or a swap that gives back. 30 s
        after the third such message an actor goes on without one.
        """
        staged = [one for one in staged if self._is_in_place(one)]
        if len({one.cell for one in staged}) < len(staged):
            raise ValueError("swap: an actor can have but one new behaviour")
        plans = [(one, plan_mail(one.cell, remap, give_back=give_back)) for one in staged]
        ended: list[str] = []
        undeclared = {}
        for one, mail in plans:  # from here on nothing can fail
            del self._staged[one]
            self._swapped.append(one.cell)
            undeclared[one.cell] = one.undeclared()
            trial = one.cell.probation
            ended += put_in(one, mail, generation)
            if trial is not None and give_back:
                trial.give_back()
            elif trial is not None:
                trial.settle(act=False)
        for one in staged:
            cell = one.cell
            self._system.events.tell(Replaced, cell.address, cell.generation)
            one.outbox.play()
            lifecycle.take_up(cell, undeclared[cell])
        return tuple(ended)

    def _is_in_place(self, one: Staged) -> bool:
        """Tell whether the actor is still in the set; raises when it is not as it was."""
        if one not in self._staged:
            raise ValueError(f"{one.address}: staged by another exchange, or swapped already")
        if one.cell in self._members:
            one.check()
        return one.cell in self._members

    def settle(self) -> None:
        """End the probation of all that was swapped: what was set aside has failed."""
        for cell in self._swapped:
            if cell.probation is not None:
                cell.probation.settle()


async def idle(cell: ActorCell) -> None:
    """Wait until what `cell` has in hand now is over; the next messages may have begun.

    A stop that is under way is waited for as well.
    """
    hands = cell.hands
    if hands or cell.state == "stopping":
        refuse_self_wait(cell, current_turn())
        for hand in hands:
            hand.retire()
    while not set(hands).isdisjoint(cell.hands):  # one that is left behind is no hand any more
        await cell.next_change()
    while cell.state == "stopping" and (steering := cell.steering) is not None:
        await asyncio.wait({steering})


def _has_been_at_it(cell: ActorCell) -> bool:
    """Tell whether a message has been in hand for long."""
    now = cell.system.now()
    return any(now - hand.since > SLOW for hand in cell.hands)
