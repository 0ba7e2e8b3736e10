"""What is in hand: whose message it is, on whose behalf it is handled, and until when."""

from __future__ import annotations

import asyncio
import math
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from .errors import AskCycle

if TYPE_CHECKING:
    from .cell import ActorCell


class Turn:
    """The right of one task to run an actor's code.

    `parent` is the turn whose handler waits for this one, None when nobody does; `deadline`
    is the loop's time by which the answer is needed; `is_over` tells that nobody waits for
    that answer any more.
    """

    __slots__ = ("cell", "task")

    parent: Turn | None = None
    deadline: float = math.inf
    is_over = False
    task: asyncio.Task[Any] | None

    def __init__(self, cell: ActorCell, task: asyncio.Task[Any] | None = None) -> None:
        self.cell = cell
        self.task = task

    def is_held_by(self, task: asyncio.Task[Any] | None) -> bool:
        """Tell whether code of `task` runs within this turn now.

        A task that the handler of a told message began outlives its message unnoticed, so it
        has no turn; such a cycle is ended by the deadline.
        """
        return task is not None and self.task is task


CURRENT: ContextVar[Turn | None] = ContextVar("aplay_host.kernel.turn", default=None)
"""The turn in which the code of this context was begun; it may have ended since."""


def current_turn() -> Turn | None:
    """Return the turn that the running code belongs to, None outside of handlers and hooks."""
    turn = CURRENT.get()
    if turn is not None and not turn.is_held_by(asyncio.current_task()):
        return None
    return turn


def sender() -> str:
    """Return the address of the actor for which the caller runs, "" outside of all of them."""
    turn = CURRENT.get()
    return "" if turn is None else str(turn.cell.address)


def check_cycle(target: ActorCell, turn: Turn | None) -> None:
    """Raise `AskCycle` when `target` could not answer before those who wait for it have ended.

    That is so when the turns which wait for `turn`, it included, use up all of the target's
    ``max_tasks``; and when one of them is the target's while that is on its way to its next
    start: before, it handles nothing.
    """
    taken = 0
    most = 1 if target.state in ("starting", "restarting") else target.spec.max_tasks
    waiting = turn
    while waiting is not None:
        if waiting.cell is target:
            taken += 1
            if taken >= most:
                raise AskCycle((*chain_of(turn), target.address))
        waiting = None if waiting.is_over else waiting.parent


def chain_of(turn: Turn | None) -> tuple[str, ...]:
    """Return the addresses that wait for each other, from who began to who is in `turn`."""
    addresses: list[str] = []
    while turn is not None:
        addresses.append(turn.cell.address)
        turn = None if turn.is_over else turn.parent
    return tuple(reversed(addresses))
