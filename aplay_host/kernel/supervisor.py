"""Acting on failures: what `supervision` decides, done to cells through `lifecycle`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from . import lifecycle
from .errors import Escalated
from .events import Restarting
from .supervision import Ended, Sibling, plan_directive, plan_restart

if TYPE_CHECKING:
    from .cell import ActorCell
    from .supervision import Directive, EndedBy


def directive_for(cell: ActorCell, error: BaseException) -> Directive:
    """Return what the actor's ``on_error`` says about `error`."""
    directive = plan_directive(cell.spec.on_error, error)
    if isinstance(error, Escalated) and directive != "escalate":
        return "restart"  # a child's failure has no other remedy
    return directive


def act(cell: ActorCell, directive: Directive, error: BaseException) -> None:
    """Do what `directive` says about a cell that failed with `error`.

    ==========  =========================  ====================  =========================
    directive   instance                   waiting mail          children
    ==========  =========================  ====================  =========================
    resume      kept                       goes on               untouched
    restart     a new one after a pause    kept                  restart with it
    stop        kept, `on_stop` runs       kept; as by `stop()`  untouched
    escalate    restarts with the parent   kept                  restart with it
    ==========  =========================  ====================  =========================

    A verb that came before wins: an actor that is not wanted up is left alone.
    """
    if cell.wanted != "up" or cell.state not in lifecycle.ALIVE:
        return
    if cell.is_quiesced:
        cell.deferred += (partial(act, cell, directive, error),)
        return
    if directive == "restart":
        end_life(cell, "error")
    elif directive == "escalate":
        _escalate(cell, error)
    elif directive == "stop" and cell.spec.restart == "temporary":
        lifecycle.remove(cell)
    elif directive == "stop":
        lifecycle.stop(cell, "error")


def end_life(cell: ActorCell, by: EndedBy) -> None:
    """Let one incarnation end and what comes after it begin: a restart, removal, or failure."""
    parent = cell.parent
    if parent is None or cell.wanted != "up" or cell.state not in lifecycle.ALIVE:
        return
    children = tuple((parent.children or {}).values())
    plan = plan_restart(
        Ended(cell.address.name, cell.spec, by, cell.stamps),
        [_seen(child) for child in children],
        parent.spec.strategy,
        cell.system.now(),
        cell.system.chance,
    )
    cell.stamps = plan.stamps
    group = [child for child in children if child.address.name in plan.group]
    if plan.fate == "remove":
        lifecycle.remove(cell)
    elif plan.fate == "fail":
        lifecycle.renew(cell, 0.0, group, fails=True)
    else:
        cell.count("restart", by)
        lifecycle.renew(cell, plan.pause, group)
        number = len(plan.stamps)
        cell.system.events.tell(Restarting, cell.address, number, plan.pause, cell.last_error)
    for child in children:
        if child.address.name in plan.removed:
            lifecycle.remove(child)


def _escalate(cell: ActorCell, error: BaseException) -> None:
    """Make the failure the parent's; where no parent can restart, the child becomes failed."""
    parent = cell.parent
    if parent is None:
        return  # the root never fails
    cell.count("escalation", "")
    if parent.state == "restarting":
        lifecycle.suspend(cell)  # that is what it asks for
    elif parent.parent is None or parent.state not in lifecycle.ALIVE:
        lifecycle.renew(cell, 0.0, fails=True)
    else:
        lifecycle.pause(cell)
        parent.fail(Escalated(cell.address, error), None)


def _seen(child: ActorCell) -> Sibling:
    alone = child.state in ("new", "failed", "stopping", "stopped")
    return Sibling(child.address.name, child.spec.restart, alone)
