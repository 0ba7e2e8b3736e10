"""Why is this actor as it is? Decided from what is known of it, in words for a person."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..control import InHandRow, RestartRow, Why
from ..errors import BadAddress
from ..kernel import ActorStatus, Address
from .holds import Hold, StoppedBy
from .origin import Origin
from .wording import brief, count, short_place, since, span, told, when

SLOW_START = 5.0
"""Seconds after which a start is one to tell of."""
LONG_IN_HAND = 5.0
"""Seconds after which a message in hand is one to tell of."""
NEARLY_FULL = 0.8
"""The part of a mailbox's capacity from which on its actor is behind."""
WHEN_FULL = {
    "reject": ("sends", "refused"),
    "wait": ("senders", "made to wait"),
    "drop_oldest": ("the oldest", "dropped"),
    "drop_newest": ("new ones", "dropped"),
}
"""What each overflow rule does, and to whom."""


@dataclass(frozen=True, slots=True)
class ActorView:
    """What is known of one actor when somebody asks.

    `now` is the loop's time and `clock` what the person's clock shows then. `declared` is the
    place in aplay.toml, `fault` why a declared actor has no class. `ancestors` are nearest
    first, without the root. Of a held actor, `stopped_by` says who stopped it; where that was a
    person, `hold` says more, and may be older than this host. `hook` is the place at which a
    hook is now.
    """

    status: ActorStatus
    origin: Origin
    now: float
    clock: datetime
    declared: str | None = None
    fault: str | None = None
    ancestors: tuple[ActorStatus, ...] = ()
    stopped_by: StoppedBy | None = None
    hold: Hold | None = None
    in_hand_now: tuple[InHandRow, ...] = ()
    hook: str | None = None

    @property
    def address(self) -> Address:
        """The actor's address."""
        return self.status.address

    @property
    def entered(self) -> datetime:
        """What the clock showed when the actor entered its state."""
        return self.clock - timedelta(seconds=self.now - self.status.since)


def explain(view: ActorView) -> list[Why]:
    """Return why the actor is as it is: the rules that match, in this order, never none.

    ==============  ====================================  ==================================
    rule            matches                               the command that helps
    ==============  ====================================  ==================================
    ``no-class``    it is declared and has no class       ``plugins list``, ``check``
    ``failed``      it is failed by itself                ``start`` it
    ``held``        somebody stopped it                   ``start`` it
    ``another``     it is down because of another actor   ``show`` that one
    ``restarting``  it waits for its next start           ``start`` it at once
    ``starting``    its start takes more than 5 s         ``stop`` it, which cuts the start
    ``in-hand``     a message is in hand for over 5 s     ``restart`` it
    ``behind``      its mailbox is four fifths full       ``status``, to see it move
    ``otherwise``   none of these                         none, or ``tree`` for a group
    ==============  ====================================  ==================================
    """
    return [why for rule in RULES if (why := rule(view)) is not None] or [_otherwise(view)]


def next_restart(status: ActorStatus, now: float) -> RestartRow | None:
    """Return when an actor that waits out a back-off starts; None for any other."""
    if status.state != "restarting" or status.pause is None:
        return None
    budget = status.spec.budget
    counted = sum(now - at < budget.within for at in status.restarted_at)
    return RestartRow(counted, budget.max, max(0.0, status.since + status.pause - now))


# ---- the rules, in their order -------------------------------------------------------------


def _no_class(view: ActorView) -> Why | None:
    if view.fault is None:
        return None
    place = f" ({view.declared})" if view.declared else ""
    text = f"is {view.status.state}: {brief(view.fault)}{place}"
    return Why("no-class", text, _command("plugins list" if view.origin.plugin else "check"))


def _failed(view: ActorView) -> Why | None:
    status = view.status
    if status.state != "failed" or view.fault is not None or _culprit(status) is not None:
        return None
    budget, at = status.spec.budget, when(view.entered, view.clock)
    if "escalate" in _directives(status):  # the kernel does not say whether it has done so
        text = f"failed {at}"
    elif budget.max:
        restarts = count(budget.max, "restart")
        text = f"is failed: {restarts} in {span(budget.within)} spent the budget {at}"
    else:
        text = f"failed {at}, and its budget allows no restart"
    text = f"{text}{_last_error(status)}{_waiting(status)}"
    return Why("failed", text, _command("start", view.address))


def _held(view: ActorView) -> Why | None:
    status = view.status
    if view.stopped_by in (None, "safe"):  # of which the rule above has told
        return None
    at = when(view.hold.at if view.hold else view.entered, view.clock)
    if view.stopped_by == "error":
        text = f"stopped itself {at}, after an error, as its on_error says{_last_error(status)}"
    else:
        text = f"was stopped by {'a person' if view.stopped_by == 'person' else 'code'} {at}"
    if status.in_hand:
        text += f"; {count(status.in_hand, 'message')} {_be(status.in_hand)} still in hand"
    if status.pending:
        text += f"; {count(status.pending, 'message')} {_be(status.pending)} kept"
    return Why("held", text, _command("start", view.address))


def _another(view: ActorView) -> Why | None:
    status = view.status
    if view.fault is not None:
        return None
    if (culprit := _culprit(status)) is not None:
        at = when(view.entered, view.clock)
        text = f"is failed because {culprit} failed {at}{_waiting(status)}"
        return Why("another", text, _command("show", culprit))
    down = [one for one in view.ancestors if one.state in ("stopping", "stopped", "failed")]
    if not _follows(status) or not down:
        return None
    text = f"waits for {down[-1].address} to start it again, and that is {_state(down[-1])}"
    return Why("another", text, _command("show", down[-1].address))


def _restarting(view: ActorView) -> Why | None:
    status = view.status
    if status.state == "restarting" and status.fails:
        text = f"is about to be failed, once its old instance has ended{_last_error(status)}"
        return Why("restarting", text, _command("show", view.address))
    if _follows(status):
        text = "waits for the actor that it restarts with: its parent, or another child of that"
        return Why("restarting", text, _command("tree", view.address.parent))
    if (due := next_restart(status, view.now)) is None:
        return None
    if status.in_hand:
        text = "restarts once what it has in hand is over"
    else:
        text = f"restarts in {span(due.in_s)}" if due.in_s else "restarts now"
    if due.counted:
        within = span(status.spec.budget.within)
        text += f": {due.counted} of {due.most} in {within}{_last_error(status)}"
    return Why("restarting", text, _command("start", view.address))


def _starting(view: ActorView) -> Why | None:
    status, spent = view.status, view.now - view.status.since
    if status.state != "starting" or spent <= SLOW_START:
        return None
    limit = status.spec.start_timeout
    end = "it is never cut off" if limit == math.inf else f"it is cut off after {span(limit)}"
    where = f" at {short_place(view.hook)}" if view.hook else ""
    text = f"has been starting for {span(spent)}{where}; {end}"
    return Why("starting", text, _command("stop", view.address))


def _in_hand(view: ActorView) -> Why | None:
    long = [one for one in view.in_hand_now if one.for_s > LONG_IN_HAND]
    if not long:
        return None
    oldest = max(long, key=lambda one: one.for_s)
    where = f" at {short_place(oldest.where)}" if oldest.where else ""
    text = f"has been handling {oldest.message_type} for {span(oldest.for_s)}{where}"
    return Why("in-hand", text, _command("restart", view.address))


def _behind(view: ActorView) -> Why | None:
    pending, box = view.status.pending, view.status.spec.mailbox
    if pending < NEARLY_FULL * box.capacity:
        return None
    who, what = WHEN_FULL[box.overflow]
    soon = "" if pending >= box.capacity else "about to be "
    text = f"is behind: {pending} of {box.capacity} messages wait, {who} are {soon}{what}"
    return Why("behind", text, _command("status", view.address))


def _otherwise(view: ActorView) -> Why:
    status = view.status
    lasting = since(view.entered, view.clock)
    if status.state == "running" and view.origin.type == "group":
        return Why("otherwise", "only groups its children", _command("tree", view.address))
    if status.state == "running":
        by = f"declared at {view.declared}" if view.declared else "made by code"
        return Why("otherwise", f"runs {lasting} (generation {status.generation}, {by})")
    if status.state == "paused" and all(it.state == "running" for it in view.ancestors[:1]):
        text = f"begins no message {lasting}, because of a live change{_last_error(status)}"
        return Why("otherwise", text)
    if status.state == "paused":
        text = f"waits {lasting} for {view.address.parent}, which has to deal with its failure"
        return Why("otherwise", text, _command("show", view.address.parent))
    helps = _command("start", view.address) if status.state == "stopped" else None
    return Why("otherwise", f"is {status.state} {lasting}{_last_error(status)}", helps)


RULES: tuple[Callable[[ActorView], Why | None], ...] = (
    _no_class,
    _failed,
    _held,
    _another,
    _restarting,
    _starting,
    _in_hand,
    _behind,
)


# ---- what the rules ask --------------------------------------------------------------------


def _culprit(status: ActorStatus) -> Address | None:
    """Return the actor whose failure a failed one shares; None for one that failed itself.

    The kernel says so with an error that was raised nowhere and begins with the address.
    """
    error = status.last_error
    if status.state != "failed" or error is None or error.type != "Quarantined" or error.where:
        return None
    try:
        return Address(error.text.partition(" ")[0])
    except BadAddress:
        return None


def _follows(status: ActorStatus) -> bool:
    """Tell whether somebody else is going to start this actor."""
    return status.state == "restarting" and status.pause is None and not status.fails


def _directives(status: ActorStatus) -> tuple[str, ...]:
    on_error = status.spec.on_error
    return (on_error,) if isinstance(on_error, str) else tuple(on_error.values())


def _state(status: ActorStatus) -> str:
    return "held" if status.held else status.state


def _command(verb: str, address: Address | None = None) -> str:
    """Return a command to paste; nothing in an address needs quotes."""
    return f"aplay-host {verb} {address or ''}".rstrip()


def _last_error(status: ActorStatus) -> str:
    """Return the newest error as one more part of a sentence."""
    error = status.last_error
    return "" if error is None else f"; last error {told(error)}"


def _be(number: int) -> str:
    return "is" if number == 1 else "are"


def _waiting(status: ActorStatus) -> str:
    if not status.pending:
        return ""
    return f"; {count(status.pending, 'message')} wait{'s' if status.pending == 1 else ''}"
