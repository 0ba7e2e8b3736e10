"""The life of a cell: one word says where it is wanted, one task brings it there.

A verb writes ``wanted`` and does at once what takes effect at once; the cell's steering
task, which exists only while there are steps to take, does the rest. Verbs that arrive
meanwhile change the word, and the task takes the next step from where the cell is:

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
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from . import boxing
from .actor import START_HOOKS, overrides
from .errors import StartFailed
from .events import Quarantined, Removed, Started, StartRefused, Stopped
from .hooks import HookOutcome, run_hook, run_within
from .op import Op
from .renewal import Renewal
from .status import Failure
from .teardown import drop_instance, end_owned_tasks, finish, let_hands_finish, tell_end, time_left
from .watch import end_watches, tell_watchers

if TYPE_CHECKING:
    from .cell import ActorCell

AT_REST = ("new", "stopped", "failed")
ALIVE = ("starting", "running", "paused")

Wanted = Literal["up", "down", "gone"]
Step = Callable[["ActorCell"], Awaitable[None]]


# ---- verbs: plain calls that take effect before they return --------------------------------


def start(cell: ActorCell) -> Op:
    """Bring the actor up; a held one stays as it is, which is told as `StartRefused`."""
    if cell.held:
        cell.system.events.tell(StartRefused, cell.address)
        return Op(cell, must_run=True)
    if cell.renewal is not None:
        _end_wait(cell, cell.renewal)
    _want(cell, "up")
    if cell.is_quiesced:
        cell.deferred += (partial(cell.wake, by_name=True),)
    else:
        cell.wake(by_name=True)
    return Op(cell, must_run=True)


def human_start(cell: ActorCell) -> Op:
    """End a person's hold and bring the actor up."""
    cell.held = False
    return start(cell)


def stop(cell: ActorCell, reason: str = "stop") -> Op:
    """Hold the actor: the message in hand may finish, the rest waits, children run on."""
    if cell.parent is None and cell.system.ending.comes_with_root:
        cell.system.ending.begin()
    elif cell.wanted != "gone":
        cell.held = True
        cell.reason = reason
        _want(cell, "down")
    return Op(cell)


def restart(cell: ActorCell) -> Op:
    """Give the actor a new instance, at once and uncounted; it keeps address and mail."""
    if cell.state not in ("running", "paused"):
        return start(cell)
    renew(cell, Renewal(cell, 0.0))
    return Op(cell, must_run=True)


def remove(cell: ActorCell, reason: str = "removed") -> Op:
    """End the actor and its children for good; waiting mail becomes dead letters."""
    if cell.parent is None and cell.system.ending.comes_with_root:
        cell.system.ending.begin()
    elif cell.wanted != "gone":
        cell.reason = reason
        if cell.system.quiet is not None:
            cell.system.quiet.leave(cell)
        _want(cell, "gone")
    return Op(cell)


def start_now(cell: ActorCell) -> bool:
    """Start an actor that has nothing to wait for, without a task; False when it has.

    Raises whatever `__init__` raises.
    """
    if cell.behaviour is None:
        cell.make_behaviour()
    hooks = any(overrides(cell.spec.cls, hook) for hook in START_HOOKS)
    if cell.wanted != "up" or hooks or cell.offered is not None:
        return False
    _opened(cell, "start")
    return True


def renew(cell: ActorCell, renewal: Renewal) -> None:
    """Close the gate and begin to exchange the instance; waiting mail and requests stay."""
    if cell.is_quiesced:
        cell.deferred += (partial(renew, cell, renewal),)
        return
    if cell.state == "starting":
        cell.cut_hook()
    if cell.renewal is not None:
        renewal.take_over(cell.renewal)
    cell.renewal = renewal
    cell.enter("restarting")
    cell.curtail()
    steer_on(cell)


def open_gate(cell: ActorCell) -> None:
    """Let an actor that was held for an exchange go on, with the verbs that came meanwhile."""
    deferred, cell.deferred, cell.due = cell.deferred, (), ()
    if cell.state == "paused":  # else it restarts with another that was held, or goes with it
        cell.enter("running")
        if cell.wanted != "up":
            _want(cell, cell.wanted)
    for verb in deferred:
        if cell.wanted == "up":
            verb()
    _go_on(cell)


def take_up(cell: ActorCell, undeclared: Iterable[str]) -> None:
    """Let an actor whose spec was exchanged while it had no instance come up with the new one.

    The children `undeclared`, which the new behaviour makes no more, are removed.
    """
    for name in undeclared:
        if (child := (cell.children or {}).get(name)) is not None:
            remove(child)
    if cell.state == "failed" and not cell.held:
        cell.stamps = ()
        start(cell)
    elif cell.state == "restarting" and cell.renewal is not None:
        _end_wait(cell, cell.renewal)


def _go_on(cell: ActorCell) -> None:
    """Begin with the waiting mail again, also with what is in a box."""
    if cell.box is not None:
        cell.box.resume()
    cell.wake()


def suspend(cell: ActorCell) -> asyncio.Future[None] | None:
    """Take down an actor that restarts with another; return the end of its old instance.

    None for one that is left alone, because a person holds it or it does not live. One that
    is about to become failed goes on to do so.
    """
    if cell.state not in (*ALIVE, "restarting"):
        return None
    renewal = cell.renewal
    if renewal is None or cell.state != "restarting" or not (renewal.fails or renewal.follows):
        renewal = Renewal(cell, None)
        renew(cell, renewal)
    return renewal.down


async def _bring_down(cell: ActorCell) -> None:
    """Take down an actor that restarts with another, once no exchange holds it any more."""
    while cell.is_quiesced and (quiet := cell.system.quiet) is not None:
        await asyncio.wait({quiet.opened})
    if (down := suspend(cell)) is not None:
        await asyncio.wait({down})


def _end_wait(cell: ActorCell, renewal: Renewal) -> None:
    """Let the new instance start, even the one of an actor that was about to be failed."""
    if renewal.fails and cell.state == "restarting":
        renew(cell, Renewal(cell, 0.0, renewal.group))
    else:
        renewal.resume()


def _want(cell: ActorCell, wanted: Wanted) -> None:
    cell.want(wanted)
    if cell.is_quiesced:
        return  # until the gate opens
    if cell.wanted != "up":
        if cell.state in (*ALIVE, "restarting"):
            _close(cell)
        elif cell.wanted == "down" and cell.state in ("new", "failed"):
            cell.enter("stopped")
            cell.bury_requests("stopped")
    steer_on(cell)


def _close(cell: ActorCell) -> None:
    """Close the gate: no message begins any more, and requests are answered."""
    if cell.state == "starting":
        cell.cut_hook()
    if cell.renewal is not None:
        cell.renewal.resume()
    cell.enter("stopping")
    cell.curtail()
    cell.bury_requests("stopped" if cell.wanted == "down" else cell.reason)


# ---- the steering task ---------------------------------------------------------------------


def steer_on(cell: ActorCell) -> None:
    """Bring the cell where it is wanted, a new one up; before the system is open, then."""
    if cell.system.unsteered is not None:
        cell.system.unsteered[cell] = None
    elif cell.steering is None and _next_step(cell) is not None:
        cell.steering = cell.system.create_task(_steer(cell), f"{cell.address} lifecycle")


async def _steer(cell: ActorCell) -> None:
    try:
        while (step := _next_step(cell)) is not None:
            await step(cell)
    finally:
        cell.steering = cell.renewal = None
        cell.end_attempt()


def _next_step(cell: ActorCell) -> Step | None:
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
    cell.enter("starting")
    before = set(cell.children or ())
    outcome = await _open(cell)
    if outcome.error is None:
        cell.opened = True
        await _take_back_children(cell)
        if cell.state == "starting":
            _opened(cell, cause)
    else:
        await _undo_start(cell, before)
        if not outcome.cut:
            cell.fail(outcome.error, None, "restart")
        if cell.state in ("starting", "stopping"):  # no new try was decided on
            cell.enter("stopped")
            if cell.parent is None:
                cell.want("down")  # nobody would count its tries
    fails = cell.renewal is not None and cell.renewal.fails
    if not fails and _next_step(cell) is not _start:  # else it is not settled yet
        cell.end_attempt()


async def _open(cell: ActorCell) -> HookOutcome:
    try:
        if cell.behaviour is None:
            cell.make_behaviour()
    except BaseException as error:
        return HookOutcome(error)
    ends = cell.system.now() + cell.spec.start_timeout
    is_prepared = cell.prepared == cell.incarnation
    if not is_prepared:
        cell.declared = frozenset()
    for hook in START_HOOKS[-1:] if is_prepared else START_HOOKS:
        if cell.state != "starting":  # a verb came between two hooks, and found none to cut
            return HookOutcome(asyncio.CancelledError(), cut=True)
        outcome = await run_hook(cell, hook, ends - cell.system.now())
        if outcome.error is None and hook == "prepare_mailbox":
            opening = partial(boxing.install, cell)
            outcome = await run_within(cell, "mailbox", ends - cell.system.now(), opening)
        if outcome.error is not None:
            break
    cell.prepared = cell.incarnation
    return outcome


def _opened(cell: ActorCell, cause: str) -> None:
    """Begin to handle mail, unless a verb that came meanwhile wants the actor away."""
    cell.opened = True
    cell.enter("running")
    cell.system.events.tell(Started, cell.address, cause)
    if cell.wanted == "up":
        _go_on(cell)


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
            await _bring_down(child)
    drop_instance(cell)


async def _stop(cell: ActorCell) -> None:
    if cell.state == "running":  # it was stopped at the very end of its start
        _close(cell)
    reason = cell.reason
    await finish(cell, reason, await let_hands_finish(cell))
    tell_end(cell)
    cell.enter("stopped")
    for child in (cell.children or {}).values():
        if child.state == "paused" and not child.is_quiesced:
            # It escalated to this parent, which does not restart now.
            renew(child, Renewal(child, 0.0, fails=True))
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
        else:
            await _bring_down(one)
        if cell.renewal is not renewal:
            return
    renewal.begin_pause(cell.system.loop)
    if renewal.fails:
        for one in renewal.group:
            _become_failed(one, cell)
        if cell.state == "failed":
            cell.system.reports.quarantined(cell.address, cell.history)
        return
    await asyncio.wait({renewal.go})
    if cell.renewal is renewal:
        await _start_group(cell, renewal)


async def _start_group(cell: ActorCell, renewal: Renewal) -> None:
    """Start in order those who wait for it, until one fails: that one restarts them all."""
    for one in renewal.group:
        if one is cell and cell.state == "restarting":
            await _start(cell)
        elif one.state == "restarting" and one.is_suspended and not _is_below_removed(cell):
            start(one)
            if (attempt := one.next_attempt()) is not None:
                ends: set[asyncio.Future[Any]] = {attempt, renewal.over}
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if cell.renewal is renewal and one.state == "restarting":
                if cell.state == "restarting":
                    suspend(cell)
                return
        if cell.renewal is not renewal:
            return


def _is_below_removed(cell: ActorCell) -> bool:
    return cell.parent is not None and cell.parent.wanted == "gone"


async def _take_down(cell: ActorCell) -> None:
    """End the instance, and before it, in reverse order, those of the children."""
    seconds = await let_hands_finish(cell)
    for child in reversed(tuple((cell.children or {}).values())):
        await _bring_down(child)
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
    _close(cell)
    seconds = await let_hands_finish(cell)
    for child in reversed(tuple((cell.children or {}).values())):
        await remove(child, reason)
    ends = cell.system.now() + seconds
    await finish(cell, "remove" if reason == "removed" else reason, seconds)
    tell_end(cell)
    end_watches(cell)
    if cell.box is not None:
        await cell.box.close(ends - cell.system.now(), reason)
    cell.system.forget(cell, reason)
    cell.system.events.tell(Removed, cell.address, reason)
    tell_watchers(cell, reason)
