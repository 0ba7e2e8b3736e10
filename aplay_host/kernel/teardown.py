"""Ending an instance: what it has in hand, what it owns, and its `on_stop`, within a deadline."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .hooks import end_tasks, run_hook
from .watch import end_watches

if TYPE_CHECKING:
    from .cell import ActorCell

IN_HAND_SHARE = 0.8
"""The part of the stop time-out that the message in hand may take before it is cancelled."""
CANCEL_SHARE = 0.1
"""The part that what was cancelled has for ending; what is left then is `on_stop`'s."""


def drop_instance(cell: ActorCell) -> None:
    """Throw the instance away, with what only it wanted to know."""
    cell.behaviour = None
    if cell.probation is not None:
        cell.probation.settle(act=False)
    end_watches(cell)


async def let_hands_finish(cell: ActorCell) -> float:
    """Wait for the hands; cancel them when their share is over, abandon the stubborn.

    Returns how many seconds of the stop time-out are left.
    """
    seconds = time_left(cell)
    ends = cell.system.now() + seconds
    hands = {hand.task: hand for hand in cell.hands}
    if hands:
        _, late = await asyncio.wait(hands, timeout=seconds * IN_HAND_SHARE)
        for task in late:
            hands[task].cancel()
        for task in await end_tasks(cell, late, seconds * CANCEL_SHARE):
            hands[task].abandon()
    return ends - cell.system.now()


async def finish(cell: ActorCell, reason: str, seconds: float) -> None:
    """End the owned tasks, run `on_stop`, end the tasks that it began, within `seconds`."""
    seconds = min(seconds, cell.system.ending.time_left())
    ends = cell.system.now() + seconds
    cell.timers.clear()
    await end_owned_tasks(cell, seconds * CANCEL_SHARE)
    if cell.opened:
        cell.opened = False
        outcome = await run_hook(cell, "on_stop", ends - cell.system.now(), reason)
        if outcome.error is not None and not outcome.cut:
            cell.tell_hook_failure("on_stop", outcome.error)
        await end_owned_tasks(cell, ends - cell.system.now())
        cell.timers.clear()


async def end_owned_tasks(cell: ActorCell, seconds: float) -> None:
    """Cancel the tasks that the actor began, and leave the stubborn behind."""
    tasks = set(cell.tasks)
    for task in tasks:
        if not task.cancelling():
            task.cancel()
    cell.tasks -= await end_tasks(cell, tasks, seconds)


def time_left(cell: ActorCell) -> float:
    """Return the actor's own stop time-out, or what a shutdown leaves of it; in seconds."""
    return min(cell.spec.stop_timeout, cell.system.ending.time_left())
