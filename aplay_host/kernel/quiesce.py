"""Holding actors between two messages, for as long as it takes to exchange their behaviour."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

from . import lifecycle
from .errors import BadAddress, Busy
from .exchange import Build, CellView, Remap, Staged, line_after, put_in, stage

if TYPE_CHECKING:
    from .cell import ActorCell
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
    stopping      raises `Busy`
    removed       raises `BadAddress`
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
        self._members = list(dict.fromkeys(cells))
        self._held: set[ActorCell] = set()
        self._seconds = deadline
        self._on_busy = on_busy
        self._staged: list[Staged] = []
        self._swapped: list[ActorCell] = []

    # ---- entering and leaving ------------------------------------------------------------

    async def __aenter__(self) -> Self:
        ends = self._system.now() + self._seconds
        while (other := self._system.quiet) is not None:
            await self._within(ends, {other.opened}, "another exchange is under way")
        self._system.quiet = self
        try:
            await self._let_starts_end(ends)
            slow = [cell for cell in self._members if _has_been_at_it(cell) > SLOW]
            await self._drain(slow, ends)
            await self._let_starts_end(ends)
            await self._drain(self._members, ends)
        except BaseException:
            self._open()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        for staged in self._staged:
            staged.outbox.drop()
        self._open()

    async def _let_starts_end(self, ends: float) -> None:
        for cell in tuple(self._members):
            if cell.state == "stopping":
                raise Busy([cell.address], "it is stopping")
            while cell.state == "starting" and (attempt := cell.next_attempt()) is not None:
                await self._within(ends, {attempt}, "it is starting", cell)

    async def _drain(self, cells: Sequence[ActorCell], ends: float) -> None:
        """Close the gates of `cells` and wait until nothing of them is in hand."""
        for cell in cells:
            if cell.state == "running":
                cell.enter("paused")
                cell.curtail()
                self._held.add(cell)
        while hands := [hand for cell in self._held for hand in cell.hands]:
            tasks = {hand.task for hand in hands}
            late = await self._wait(tasks, ends)
            if late and self._on_busy == "cancel":
                for hand in hands:
                    hand.cancel()
                late = await self._wait(tasks, self._system.now() + LAST_WAIT)
            if late:
                raise Busy([cell.address for cell in self._held if cell.hands], "it is at work")

    async def _within(
        self, ends: float, futures: set[asyncio.Future[Any]], why: str, *cells: ActorCell
    ) -> None:
        if await self._wait(futures, ends):
            raise Busy([cell.address for cell in cells or self._members], why)

    async def _wait(self, futures: Iterable[asyncio.Future[Any]], ends: float) -> bool:
        """Wait for the first of `futures`; return whether time ran out before."""
        seconds = None if ends == math.inf else max(0.0, ends - self._system.now())
        done, _ = await asyncio.wait(futures, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return not done

    def _open(self) -> None:
        self._system.quiet = None
        held, self._held = self._held, set()
        for cell in held:
            lifecycle.open_gate(cell)
        self.opened.set_result(None)

    def leave(self, cell: ActorCell) -> None:
        """Take a removed actor out of the set."""
        self._held.discard(cell)
        if cell in self._members:
            self._members.remove(cell)

    # ---- mail that the messages in hand wait for -----------------------------------------

    def holds(self, cell: ActorCell) -> bool:
        """Tell whether the gate of `cell` is closed here."""
        return cell in self._held

    def is_waited_for(self, turn: Turn | None) -> bool:
        """Tell whether a message in hand of the set waits for what is done within `turn`."""
        while turn is not None:
            if turn.cell in self._held:
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
        for cell in self._members:
            if cell.address == address:
                staged = stage(cell, spec or cell.spec, build)
                self._staged.append(staged)
                return staged
        raise BadAddress(f"{address} is not one of the held actors")

    def swap(
        self,
        staged: Iterable[Staged],
        *,
        generation: int | None = None,
        remap: Remap | None = None,
        give_back: bool = False,
    ) -> tuple[str, ...]:
        """Put all that is staged in the place of what is there, and play what it has said.

        `remap` is asked once for each waiting message what is to stand in its place; if it
        raises, nothing has happened. Messages that the code before set aside fail now, unless
        they are to be given back. Returns the names of the owned tasks that ended and were not
        begun again.
        """
        places = [(one, line_after(one.cell, remap, give_back=give_back)) for one in staged]
        ended: list[str] = []
        for one, line in places:
            self._staged.remove(one)
            self._swapped.append(one.cell)
            if one.cell.probation is not None:
                if give_back:
                    one.cell.probation.give_back()
                else:
                    one.cell.probation.settle(act=False)
            ended += put_in(one, line, generation)
        for one, _ in places:
            one.outbox.play()
            lifecycle.take_up(one.cell)
        return tuple(ended)

    def settle(self) -> None:
        """End the probation of all that was swapped: what was set aside has failed."""
        for cell in self._swapped:
            if cell.probation is not None:
                cell.probation.settle()


async def idle(cell: ActorCell) -> None:
    """Wait until what `cell` has in hand now is over; the next messages may have begun."""
    hands = cell.hands
    for hand in hands:
        hand.retire()
    if hands:
        await asyncio.wait({hand.task for hand in hands})


def _has_been_at_it(cell: ActorCell) -> float:
    """Return for how many seconds at most the message in hand has been handled."""
    now = cell.system.now()
    return max((now - hand.since for hand in cell.hands), default=0.0)
