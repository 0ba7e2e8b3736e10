"""The steps of a cell's life: one word says where it is wanted, one task brings it there.

That task exists only while there are steps to take. Verbs that arrive meanwhile change the
word, and the task takes the next step from where the cell is:

========  ====================  ===================  ===========  ==============  ==============
wanted    new, stopped, failed  starting             running      stopping        restarting
========  ====================  ===================  ===========  ==============  ==============
``up``    start (a hold wins)   goes on              nothing      start after it  start in time
``down``  stopped               start cut, stopped   stop         goes on         stopped
``gone``  remove                start cut, remove    remove       becomes remove  remove
========  ====================  ===================  ===========  ==============  ==============

``gone`` is final: no verb after it changes the word. A restart is ``up`` with one more
incarnation; it is described by a `Renewal`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from . import placing
from .actor import START_HOOKS
from .errors import StartFailed
from .events import Quarantined, Removed, Stopped
from .hooks import HookOutcome, run_hook, run_within
from .lifecycle import close_gate, come_up, remove, renew, start, suspend
from .status import Failure
from .teardown import drop_instance, end_owned_tasks, finish, let_hands_finish, time_left
from .transaction import recall
from .watch import end_watches, tell_watchers

if TYPE_CHECKING:
    from .cell import ActorCell
    from .lifecycle import Renewal

AT_REST = ("new", "stopped", "failed")

Step = Callable[["ActorCell"], Awaitable[None]]


async def steer(cell: ActorCell) -> None:
    """Take one step after another, until the cell is where it is wanted."""
    try:
        while (step := next_step(cell)) is not None:
            await step(cell)
    finally:
        cell.steering = cell.renewal = None
        cell.end_attempt()


def next_step(cell: ActorCell) -> Step | None:
    """Return the step that the table in the module's text asks for, None when there."""
    if cell.state == "removed":
        return None
    if cell.wanted == "gone":
        return _remove
    if cell.state == "stopping" or (cell.state == "running" and cell.wanted == "down"):
        return _stop
    if cell.state == "restarting":
        return _renew
    return _start if cell.wanted == "up" and cell.state in AT_REST and not cell.held else None


async def _start(cell: ActorCell) -> None:
    cause = {"restarting": "restart", "failed": "revive"}.get(cell.state, "start")
    if cause == "revive":
        cell.count("restart", "revive")
    cell.enter("starting")
    before = set(cell.children or ())
    outcome = await _open(cell)
    if outcome.error is None:
        cell.opened = True
        await _take_back_children(cell)
        if cell.state == "starting":
            come_up(cell, cause)
    else:
        await _undo_start(cell, before)
        if not outcome.cut:
            cell.fail(outcome.error, None, "restart")
        if cell.state in ("starting", "stopping"):  # no new try was decided on
            cell.enter("stopped")
            if cell.parent is None:
                cell.want("down")  # nobody would count its tries
    fails = cell.renewal is not None and cell.renewal.fails
    if not fails and next_step(cell) is not _start:  # else it is not settled yet
        cell.end_attempt()


async def _open(cell: ActorCell) -> HookOutcome:
    try:
        if cell.behaviour is None:
            cell.make_behaviour()
        cell.compose()
    except BaseException as error:
        return HookOutcome(error)
    ends = cell.system.now() + cell.spec.start_timeout
    is_prepared = cell.prepared == cell.incarnation
    if not is_prepared:
        cell.declared = frozenset()
    for hook in START_HOOKS[-1:] if is_prepared else START_HOOKS:
        if cell.state != "starting":  # a verb came between two hooks, and found none to cut
            return HookOutcome(asyncio.CancelledError(), cut=True)
        if hook == "on_start" and (outcome := _recall(cell)).error is not None:
            break
        outcome = await run_hook(cell, hook, ends - cell.system.now())
        if outcome.error is None and hook == "prepare_mailbox":
            opening = partial(placing.install, cell)
            outcome = await run_within(cell, "mailbox", ends - cell.system.now(), opening)
        if outcome.error is not None:
            break
    cell.prepared = cell.incarnation
    return outcome


def _recall(cell: ActorCell) -> HookOutcome:
    """Let the instance have what was saved, which may be unreadable."""
    assert cell.behaviour is not None
    try:
        recall(cell, cell.behaviour)
    except Exception as error:
        return HookOutcome(error)
    return HookOutcome()


async def open_planned(cell: ActorCell) -> None:
    """Open the durable box of an actor that a plan has just named; its start would do the same.

    The error is told only where nothing starts the actor by itself: else the start fails of it.
    """
    if cell.box is None or cell.box.is_open:
        return
    try:
        async with asyncio.timeout(cell.spec.start_timeout):
            await placing.install(cell)
    except Exception as error:
        if cell.state != "new" or cell.held:
            cell.tell_hook_failure("mailbox", error)


async def _take_back_children(cell: ActorCell) -> None:
    """Start the planned children that wait for this parent; remove those it did not make again."""
    for child in tuple((cell.children or {}).values()):
        if child.planned and child.is_suspended:
            with suppress(StartFailed):
                await start(child)
        elif not child.planned and child.made_by != cell.incarnation:
            await remove(child)


async def _undo_start(cell: ActorCell, before: set[str]) -> None:
    """Leave nothing of a start that did not succeed: no instance, no task, no new child."""
    cell.timers.clear()
    await end_owned_tasks(cell, time_left(cell))
    for child in reversed(tuple((cell.children or {}).values())):
        if child.address.name not in before:
            await remove(child)
        elif not child.planned:
            await bring_down(child)
    drop_instance(cell)


async def _stop(cell: ActorCell) -> None:
    if cell.state == "running":  # it was stopped at the very end of its start
        close_gate(cell)
    reason = cell.reason
    await finish(cell, reason, await let_hands_finish(cell))
    cell.enter("stopped")
    for child in (cell.children or {}).values():
        if child.state == "paused" and not child.is_quiesced:
            # It escalated to this parent, which does not restart now.
            renew(child, 0.0, fails=True)
    cell.system.events.tell(Stopped, cell.address, reason)


async def _renew(cell: ActorCell) -> None:
    """End the old instances of the group, last made first, wait, start them in order.

    Whoever else wants the cell down meanwhile puts a new renewal in the place of this one.
    """
    renewal = cell.renewal
    assert renewal is not None
    for one in reversed(renewal.group):
        if one is cell:
            await _take_down(cell)
            renewal.is_down = True
            cell.tell_change()
        else:
            await bring_down(one)
        if cell.renewal is not renewal:
            return
    if renewal.fails:
        for one in renewal.group:
            _become_failed(one, cell)
        if cell.state == "failed":
            cell.system.reports.quarantined(cell.address, cell.history)
        return
    await asyncio.wait({renewal.go}, timeout=renewal.pause)
    if cell.renewal is renewal:
        await _start_group(cell, renewal)


async def _start_group(cell: ActorCell, renewal: Renewal) -> None:
    """Start in order those who wait for it, until one fails: that one restarts them all."""
    for one in renewal.group:
        if one is cell and cell.state == "restarting":
            await _start(cell)
        elif one.state == "restarting" and one.is_suspended and not _is_below_removed(cell):
            start(one)
            attempt = one.next_attempt()
            while attempt is not None and not attempt.done() and cell.renewal is renewal:
                either: set[asyncio.Future[Any]] = {attempt, cell.next_change()}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if cell.renewal is renewal and one.state == "restarting":
                if cell.state == "restarting":
                    suspend(cell)
                return
        if cell.renewal is not renewal:
            return


def _is_below_removed(cell: ActorCell) -> bool:
    return cell.parent is not None and cell.parent.wanted == "gone"


async def bring_down(cell: ActorCell) -> None:
    """Take down an actor that restarts with another, once no exchange holds it any more."""
    while cell.is_quiesced and (quiet := cell.system.quiet) is not None:
        await asyncio.wait({quiet.opened})
    suspend(cell)
    while (
        cell.state in ("restarting", "stopping")
        and (renewal := cell.renewal) is not None
        and not renewal.is_down
    ):
        await cell.next_change()


async def _take_down(cell: ActorCell) -> None:
    """End the instance, and before it, in reverse order, those of the children."""
    seconds = await let_hands_finish(cell)
    for child in reversed(tuple((cell.children or {}).values())):
        await bring_down(child)
    await finish(cell, "restart", seconds)
    drop_instance(cell)


def _become_failed(cell: ActorCell, culprit: ActorCell, *, below: bool = False) -> None:
    """Let a cell without an instance, and those below it, stand as failed and keep their mail.

    All but the culprit itself name it as their newest error. A cell that somebody has meanwhile
    stopped, removed or started is left alone.
    """
    renewal = cell.renewal
    if cell.state != "restarting" or cell.behaviour is not None or renewal is None:
        return
    cell.renewal = None
    cell.want("down")  # nobody tries again before somebody says so
    cell.stamps = ()  # whoever starts it gives it a whole budget
    cell.with_parent = below
    if cell is not culprit:
        text = f"{culprit.address} is failed, and this actor with it"
        cell.remember(Failure("Quarantined", text, "", cell.system.now()))
    cell.enter("failed")
    cell.system.events.tell(Quarantined, cell.address, cell.history)
    cell.bury_requests("failed")
    for child in tuple((cell.children or {}).values()):
        _become_failed(child, culprit, below=True)
    renewal.resume()


async def _remove(cell: ActorCell) -> None:
    reason = cell.reason
    close_gate(cell)
    seconds = await let_hands_finish(cell)
    for child in reversed(tuple((cell.children or {}).values())):
        await remove(child, reason)
    ends = cell.system.now() + seconds
    await finish(cell, "remove" if reason == "removed" else reason, seconds)
    end_watches(cell)
    if cell.box is not None:
        await cell.box.close(ends - cell.system.now(), reason)
    cell.system.registry.forget(cell, reason)
    if cell.parent is not None:  # of the root's end the system tells
        cell.system.events.tell(Removed, cell.address, reason)
    tell_watchers(cell, reason)
