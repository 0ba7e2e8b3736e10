"""The verbs of a cell's life: plain calls that take effect before they return.

A verb writes ``wanted``, the one word that says where the cell is to be, and does at once what
takes effect at once, as to close the gate; the cell's steering task does the rest, see
`steering`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from . import placing
from .actor import START_HOOKS, overrides
from .events import Started, StartRefused
from .op import Op

if TYPE_CHECKING:
    from .cell import ActorCell

ALIVE = ("starting", "running", "paused")

Wanted = Literal["up", "down", "gone"]


@dataclass(slots=True, eq=False)
class Renewal:
    """Where a cell in state ``restarting`` stands between its old instance and the next one.

    The old instance ends first, then it `is_down`. The next one starts after `pause` seconds, or
    as soon as `go` is done; without a pause that is up to the parent, or to the sibling that
    this cell restarts with. `group` are the cells that restart with this one, it included, in
    order of creation. With `fails` there is no start: the cell becomes failed.

    A renewal that is not its cell's any more, because another took its place, has no say.
    """

    go: asyncio.Future[None]
    pause: float | None
    group: tuple[ActorCell, ...]
    fails: bool
    is_down: bool = False

    def resume(self) -> None:
        """Let the start begin."""
        if not self.go.done():
            self.go.set_result(None)


def start(cell: ActorCell) -> Op:
    """Bring the actor up; a held one stays as it is, which is told as `StartRefused`."""
    if cell.held:
        cell.system.events.tell(StartRefused, cell.address)
        return Op(cell, must_run=True)
    _end_wait(cell)
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
    cell.count("restart", "command")
    renew(cell, 0.0)
    return Op(cell, must_run=True)


def remove(cell: ActorCell, reason: str = "removed") -> Op:
    """End the actor and its children for good; waiting mail becomes dead letters."""
    if cell.parent is None and cell.system.ending.comes_with_root:
        cell.system.ending.begin()
    else:
        end(cell, reason)
    return Op(cell)


def end(cell: ActorCell, reason: str) -> None:
    """Do as `remove`; to end the root in this way does not end its system."""
    if cell.wanted != "gone":
        cell.reason = reason
        if cell.system.quiet is not None:
            cell.system.quiet.leave(cell)
        _want(cell, "gone")


def start_now(cell: ActorCell) -> bool:
    """Start an actor that has nothing to wait for, without a task; False when it has.

    Raises whatever `__init__` and the interceptors raise; then it has no instance.
    """
    if cell.behaviour is None:
        cell.make_behaviour()
    hooks = any(overrides(cell.spec.cls, hook) for hook in START_HOOKS)
    if cell.wanted != "up" or hooks or placing.needs_box(cell):
        return False
    try:
        cell.compose()
    except BaseException:
        cell.unmake_behaviour()
        raise
    come_up(cell, "start")
    return True


def renew(
    cell: ActorCell, pause: float | None, group: Iterable[ActorCell] = (), *, fails: bool = False
) -> None:
    """Close the gate and begin to exchange the instance; waiting mail and requests stay.

    See `Renewal`; without others in `group` it is that of the renewal whose place this takes.
    """
    if cell.is_quiesced:
        cell.deferred += (partial(renew, cell, pause, group, fails=fails),)
        return
    if cell.state == "starting":
        cell.cut_hook()
    members, earlier = tuple(group) or (cell,), cell.renewal
    if earlier is not None:
        earlier.resume()
        if pause is not None and len(members) == 1:
            members = earlier.group  # those who wait for it must not wait for ever
    cell.renewal = Renewal(cell.system.loop.create_future(), pause, members, fails)
    cell.enter("restarting")
    cell.curtail()
    cell.steer()


def pause(cell: ActorCell) -> None:
    """Close the gate after the message in hand, until somebody opens it or renews the cell."""
    cell.enter("paused")
    cell.curtail()


def open_gate(cell: ActorCell) -> None:
    """Let an actor that was held for an exchange go on, with the verbs that came meanwhile."""
    deferred, cell.deferred, cell.passing = cell.deferred, (), ()
    if cell.state == "paused":  # else it restarts with another that was held, or goes with it
        cell.enter("running")
        if cell.wanted != "up":
            _want(cell, cell.wanted)
    for verb in deferred:
        if cell.wanted == "up":
            verb()
    cell.wake()


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
    elif cell.state == "restarting":
        _end_wait(cell)


def come_up(cell: ActorCell, cause: str) -> None:
    """Begin to handle mail, unless a verb that came meanwhile wants the actor away."""
    cell.opened = True
    cell.enter("running")
    cell.system.events.tell(Started, cell.address, cause)
    if cell.wanted == "up":
        cell.wake()


def suspend(cell: ActorCell) -> None:
    """Let an actor that lives restart with another, which says when it is to start.

    One that is about to become failed goes on to do so.
    """
    renewal = cell.renewal
    if cell.state == "restarting" and renewal is not None:
        follows = renewal.pause is None and not renewal.go.done()
        if renewal.fails or follows:
            return
    if cell.state in ALIVE:  # else it is counted already
        cell.count("restart", "group")
    if cell.state in (*ALIVE, "restarting"):
        renew(cell, None)


def _end_wait(cell: ActorCell) -> None:
    """Let the next instance start, even that of an actor which is about to become failed."""
    if cell.renewal is None:
        return
    if cell.renewal.fails and cell.state == "restarting":
        renew(cell, 0.0)
    else:
        cell.renewal.resume()


def _want(cell: ActorCell, wanted: Wanted) -> None:
    cell.want(wanted)
    if cell.is_quiesced:
        return  # until the gate opens
    if cell.wanted != "up":
        if cell.state in (*ALIVE, "restarting"):
            close_gate(cell)
        elif cell.wanted == "down" and cell.state in ("new", "failed"):
            cell.enter("stopped")
            cell.bury_requests("stopped")
    cell.steer()


def close_gate(cell: ActorCell) -> None:
    """Close the gate: no message begins any more, and requests are answered."""
    if cell.state == "starting":
        cell.cut_hook()
    if cell.renewal is not None:
        cell.renewal.resume()
    cell.enter("stopping")
    cell.curtail()
    cell.bury_requests("stopped" if cell.wanted == "down" else cell.reason)
