"""Start, stop and remove: one word says where a cell is wanted, one task brings it there.

A verb writes ``wanted`` and does at once what takes effect at once; the cell's steering
task, which exists only while there are steps to take, does the rest. Verbs that arrive
meanwhile change the word, and the task takes the next step from where the cell is:

=========  ========================  =======================  ==============  =============
wanted     new, stopped, failed      starting                 running         stopping
=========  ========================  =======================  ==============  =============
``up``     start (a hold wins)       goes on                  nothing         start after it
``down``   stopped                   start cut, stopped       stop            goes on
``gone``   remove                    start cut, remove        remove          becomes remove
=========  ========================  =======================  ==============  =============

``gone`` is final: no verb after it changes the word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal

from .actor import overrides
from .events import HookFailed, Removed, Started, StartRefused, Stopped
from .hooks import HookOutcome, end_tasks, run_hook
from .op import Op
from .status import Failure

if TYPE_CHECKING:
    from .cell import ActorCell

IN_HAND_SHARE = 0.8
"""The part of the stop time-out that the message in hand may take before it is cancelled."""
CANCEL_SHARE = 0.1
"""The part that what was cancelled has for ending; what is left then is `on_stop`'s."""
AT_REST = ("new", "stopped", "failed")

Wanted = Literal["up", "down", "gone"]
Step = Callable[["ActorCell"], Awaitable[None]]


# ---- verbs: plain calls that take effect before they return --------------------------------


def start(cell: ActorCell) -> Op:
    """Bring the actor up; a held one stays as it is, which is told as `StartRefused`."""
    if cell.held:
        cell.system.events.tell(StartRefused, cell.address)
    else:
        _want(cell, "up")
    return Op(cell, must_run=True)


def human_start(cell: ActorCell) -> Op:
    """End a person's hold and bring the actor up."""
    cell.held = False
    return start(cell)


def stop(cell: ActorCell) -> Op:
    """Hold the actor: the message in hand may finish, the rest waits, children run on."""
    if cell.state != "removed":
        cell.held = True
        _want(cell, "down")
    return Op(cell)


def remove(cell: ActorCell, reason: str = "removed") -> Op:
    """End the actor and its children for good; waiting mail becomes dead letters."""
    if cell.wanted != "gone":
        cell.rare.reason = reason
        _want(cell, "gone")
    return Op(cell)


def start_now(cell: ActorCell) -> bool:
    """Start an actor that has nothing to wait for, without a task; False when it has.

    Raises whatever `__init__` raises.
    """
    if cell.behaviour is None:
        cell.make_behaviour()
    if overrides(cell.spec.cls, "on_start"):
        return False
    _opened(cell)
    return True


def _want(cell: ActorCell, wanted: Wanted) -> None:
    cell.want(wanted)
    if cell.wanted != "up":
        if cell.state in ("starting", "running"):
            _close(cell)
        elif cell.wanted == "down" and cell.state in ("new", "failed"):
            cell.enter("stopped")
            cell.bury_requests("stopped")
    if cell.steering is None and _next_step(cell) is not None:
        cell.rare.steering = cell.system.create_task(_steer(cell), f"{cell.address} lifecycle")


def _close(cell: ActorCell) -> None:
    """Close the gate: no message begins any more, and requests are answered."""
    if cell.state == "starting":
        cell.cut_hook()
    cell.enter("stopping")
    cell.curtail()
    cell.bury_requests("stopped" if cell.wanted == "down" else cell.rare.reason)


# ---- the steering task ---------------------------------------------------------------------


async def _steer(cell: ActorCell) -> None:
    try:
        while (step := _next_step(cell)) is not None:
            await step(cell)
    finally:
        cell.rare.steering = None


def _next_step(cell: ActorCell) -> Step | None:
    """Return the step that the table in the module's text asks for, None when there."""
    if cell.state == "removed":
        return None
    if cell.wanted == "gone":
        return _remove
    if cell.state == "stopping" or (cell.state == "running" and cell.wanted == "down"):
        return _stop
    return _start if cell.wanted == "up" and cell.state in AT_REST and not cell.held else None


async def _start(cell: ActorCell) -> None:
    cell.enter("starting")
    before = set(cell.children or ())
    outcome = await _open(cell)
    if outcome.error is None:
        _opened(cell)
        return
    if not outcome.cut:
        cell.want("down")  # nobody tries again before somebody says so
    await _undo_start(cell, before)
    cell.enter("stopped" if outcome.cut or cell.held else "failed")
    if not outcome.cut:
        cell.fail(outcome.error, None)
    cell.bury_requests(cell.state)


async def _open(cell: ActorCell) -> HookOutcome:
    try:
        if cell.behaviour is None:
            cell.make_behaviour()
    except BaseException as error:
        return HookOutcome(error)
    return await run_hook(cell, "on_start", cell.spec.start_timeout)


def _opened(cell: ActorCell) -> None:
    """Begin to handle mail; a verb that came meanwhile is what the next step is about."""
    cell.enter("running")
    cell.system.events.tell(Started, cell.address, "start")
    cell.wake()


async def _undo_start(cell: ActorCell, before: set[str]) -> None:
    """Leave nothing of a start that did not succeed: no instance, no task, no new child."""
    await _end_owned_tasks(cell, _time_left(cell))
    for child in reversed(tuple((cell.children or {}).values())):
        if child.address.name not in before:
            await remove(child)
    cell.behaviour = None


async def _stop(cell: ActorCell) -> None:
    if cell.state == "running":  # it was stopped at the very end of its start
        _close(cell)
    await _finish(cell, "stop", await _let_hands_finish(cell))
    cell.enter("stopped")
    cell.system.events.tell(Stopped, cell.address, "stop")


async def _remove(cell: ActorCell) -> None:
    reason = cell.rare.reason
    ran = cell.state in ("running", "stopping")
    _close(cell)
    seconds = await _let_hands_finish(cell)
    for child in reversed(tuple((cell.children or {}).values())):
        await remove(child, reason)
    seconds = min(seconds, cell.system.time_left())
    if ran:
        await _finish(cell, "remove" if reason == "removed" else reason, seconds)
    else:
        await _end_owned_tasks(cell, seconds)
    cell.system.forget(cell, reason)
    cell.system.events.tell(Removed, cell.address, reason)


async def _let_hands_finish(cell: ActorCell) -> float:
    """Wait for the drains; cancel them when their share is over, abandon the stubborn.

    Returns how many seconds of the stop time-out are left.
    """
    seconds = _time_left(cell)
    ends = cell.system.now() + seconds
    drains = {drain.task: drain for drain in cell.drains}
    if drains:
        _, late = await asyncio.wait(drains, timeout=seconds * IN_HAND_SHARE)
        for task in late:
            drains[task].cancel()
        for task in await end_tasks(cell, late, seconds * CANCEL_SHARE):
            drains[task].abandon()
    return ends - cell.system.now()


async def _finish(cell: ActorCell, reason: str, seconds: float) -> None:
    """End the owned tasks, run `on_stop`, end the tasks that it began, within `seconds`."""
    ends = cell.system.now() + seconds
    await _end_owned_tasks(cell, seconds * CANCEL_SHARE)
    outcome = await run_hook(cell, "on_stop", ends - cell.system.now(), reason)
    if outcome.error is not None and not outcome.cut:
        failure = Failure.of(outcome.error, cell.system.now())
        cell.system.reports.hook_failure(cell.address, "on_stop", failure, outcome.error)
        cell.system.events.tell(HookFailed, cell.address, "on_stop", outcome.error)
        cell.system.condemn(outcome.error)
    await _end_owned_tasks(cell, ends - cell.system.now())


async def _end_owned_tasks(cell: ActorCell, seconds: float) -> None:
    tasks = set(cell.owned_tasks)
    for task in tasks:
        if not task.cancelling():
            task.cancel()
    for task in await end_tasks(cell, tasks, seconds):
        cell.rare.tasks.discard(task)


def _time_left(cell: ActorCell) -> float:
    """Return the actor's own stop time-out, or what a shutdown leaves of it; in seconds."""
    return min(cell.spec.stop_timeout, cell.system.time_left())
