"""Why is this actor as it is? Decided from what is known of it, in words for a person."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable

from ..control import InHandRow, RestartRow, Why
from ..errors import BadAddress
from ..kernel import MEMORY, ActorStatus, Address, Wait
from ..reload import ReloadTrouble
from .actorview import ActorView
from .wording import brief, count, short_place, since, span, told, when

SLOW_START = 5.0
"""Seconds after which a start is one to tell of."""
LONG_IN_HAND = 5.0
"""Seconds after which a message in hand is one to tell of."""
OLD_MAIL = 10.0
"""Seconds after which mail that waits is something to tell of."""
NEARLY_FULL = 0.8
"""The part of a mailbox's capacity from which on its actor is behind."""
WHEN_FULL = {
    "reject": ("sends", "refused"),
    "wait": ("senders", "made to wait"),
    "drop_oldest": ("the oldest", "dropped"),
    "drop_newest": ("new ones", "dropped"),
}
"""What each overflow rule does, and to whom."""


def explain(view: ActorView) -> list[Why]:
    """Return why the actor is as it is: the rules that match, in this order, never none.

    ==============  ====================================  ==================================
    rule            matches                               the command that helps
    ==============  ====================================  ==================================
    ``no-class``    it is declared and has no class       ``plugins show``, ``check``
    ``failed``      it is failed by itself                ``start`` it
    ``held``        somebody stopped it                   ``start`` it
    ``another``     it is down because of another actor   ``show`` that one
    ``store``       its durable mail cannot be written    ``health``
    ``restarting``  it waits for its next start           ``start`` it at once
    ``starting``    its start takes more than 5 s         ``stop`` it, which cuts the start
    ``retry``       a message that failed waits for       ``mail peek``, or ``stop`` it
                    another try
    ``paused``      it runs, and no message may begin     ``show`` whom it waits for, or
                                                          what ends the wait
    ``stalled``     the loop stood still, up to 10 s ago  ``show`` or ``stop`` who did it
    ``in-hand``     a message is in hand for over 5 s     ``restart`` it
    ``behind``      its mailbox is four fifths full, or   ``status``, to see it move
                    not empty for more than 10 s
    ``no-handler``  it has dead letters of types that     ``dead list``
                    nobody here accepts
    ``newer``       newer source of it does not run       ``reload --dry-run``
    ``otherwise``   none of these                         none, or ``tree`` for a group
    ==============  ====================================  ==================================
    """
    return [why for rule in RULES if (why := rule(view)) is not None] or [_otherwise(view)]


def next_restart(status: ActorStatus, now: float) -> RestartRow | None:
    """Return when an actor that waits out a back-off starts; None for any other."""
    if status.state != "restarting" or status.pause is None:
        return None
    left = max(0.0, status.since + status.pause - now)
    return RestartRow(_counted(status, now), status.spec.budget.max, left)


# ---- the rules, in their order -------------------------------------------------------------


def _no_class(view: ActorView) -> Why | None:
    if view.fault is None:
        return None
    place = f" ({view.declared})" if view.declared else ""
    text = f"is {view.status.state}: {brief(view.fault)}{place}"
    shown = f"plugins show {shlex.quote(view.origin.type)}"
    return Why("no-class", text, _command(shown if view.origin.plugin else "check"))


def _failed(view: ActorView) -> Why | None:
    status = view.status
    if status.state != "failed" or view.fault is not None or _culprit(status) is not None:
        return None
    budget, at = status.spec.budget, when(view.entered, view.clock)
    if "escalate" in _directives(status):  # the kernel does not say whether it has done so
        text = f"failed {at}{_nobody_above(view)}"
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
        text = f"was stopped by {_stopper(view)} {at}{_reason(view)}"
    if status.in_hand:
        text += f"; {count(status.in_hand, 'message')} {_be(status.in_hand)} still in hand"
    if status.state == "stopping" and view.hook:
        text += f"; it is at {short_place(view.hook)}, for {span(status.spec.stop_timeout)} at most"
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


def _store(view: ActorView) -> Why | None:
    if view.mail_problem is None:
        return None
    text = f"can keep no mail: {brief(view.mail_problem)}{_waiting(view.status)}"
    return Why("store", text, _command("health"))


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


def _retry(view: ActorView) -> Why | None:
    status, retry = view.status, view.retry
    if retry is None or status.state not in ("running", "paused"):
        return None
    if retry.attempt is None or retry.most is None:
        text = (
            f"waits until its mailbox hands out again what failed, for {span(retry.in_s)} at most"
        )
        helps = _command("stop", view.address)
    else:
        when_ = f"in {span(retry.in_s)}" if retry.in_s else "now"
        text = f"tries again {when_} what failed: try {retry.attempt} of {retry.most}"
        helps = _command(f"mail peek {view.address} -n 1")
    text += _last_error(status)
    if (behind := retry.postponed - 1) > 0:
        text += f"; {count(behind, 'message')} wait{'s' if behind == 1 else ''} behind it"
    return Why("retry", text, helps)


def _paused(view: ActorView) -> Why | None:
    status, wait = view.status, view.wait
    if wait is not None and wait.cause == "exchange":
        return _held_for_exchange(view, wait)
    if wait is not None and wait.cause == "probation":
        text = f"waits for a verdict on its new code, which failed its first messages{_end(wait)}"
        return Why("paused", f"{text}{_last_error(status)}", _command("rollback"))
    if wait is not None and wait.cause == "choice":
        text = f"does not want to begin: its decide_to_start says no{_waiting(status)}"
        return Why("paused", text, _command("start", view.address))
    if status.state != "paused":
        return None
    lasting = since(view.entered, view.clock)
    if all(it.state == "running" for it in view.ancestors[:1]):
        text = f"begins no message {lasting}, because of a live change{_last_error(status)}"
        return Why("paused", text, _command("status", view.address))
    text = f"waits {lasting} for {view.address.parent}, which has to deal with its failure"
    return Why("paused", text, _command("show", view.address.parent))


def _held_for_exchange(view: ActorView, wait: Wait) -> Why:
    """Say who keeps a reload, or a rollback, from going on, and how long that may take."""
    text = f"waits for reload {view.host_generation + 1}"
    own = [it for address, it in view.busy if address == view.address]
    others = [(address, it) for address, it in view.busy if address != view.address]
    command = _command("status", view.address)
    if own:
        text += f": still handling {_at_work(own[0])}"
        command = _command("restart", view.address)
    elif others:
        address, it = others[0]
        text += f": {address} is still handling {_at_work(it)}"
        command = _command("show", address)
    elif wait.busy:
        text += f": {wait.busy[0]} is still at work"
        command = _command("show", wait.busy[0])
    if wait.seconds is not None:
        then = "cuts that off" if wait.cuts else "gives up"
        text += f"; {then} in {span(wait.seconds)}"
    return Why("paused", text, command)


def _stalled(view: ActorView) -> Why | None:
    stall = view.stalled
    if stall is None:
        return None
    when_ = f"for {span(stall.seconds)} at {stall.place}, {span(stall.ago)} ago"
    if stall.address == view.address:
        text = f"blocked the loop {when_}, and every actor waited"
        runs = view.status.state not in ("stopping", "stopped", "failed")
        return Why("stalled", text, _command("stop", view.address) if runs else None)
    text = f"had to wait, as every actor: {stall.who} blocked the loop {when_}"
    helps = "plugins list" if stall.address is None else f"show {stall.address}"
    return Why("stalled", text, _command(helps))


def _in_hand(view: ActorView) -> Why | None:
    long = [one for one in view.in_hand_now if one.for_s > LONG_IN_HAND]
    if not long:
        return None
    oldest = max(long, key=lambda one: one.for_s)
    text = f"has been handling {_at_work(oldest)}"
    return Why("in-hand", text, _command("restart", view.address))


def _behind(view: ActorView) -> Why | None:
    pending, box = view.status.pending, view.status.spec.mailbox
    is_full = pending >= NEARLY_FULL * box.capacity
    is_old = view.status.state in ("running", "paused") and view.status.oldest_s > OLD_MAIL
    if not (pending and (is_full or is_old)):
        return None
    text = f"is behind: {pending} of {box.capacity} messages wait"
    if is_old and box.kind == MEMORY.kind:  # which keeps no times
        text += f", there has been one for {span(view.status.oldest_s)}"
    elif is_old:
        text += f", the oldest for {span(view.status.oldest_s)}"
    if is_full:
        who, what = WHEN_FULL[box.overflow]
        text += f", {who} are {'' if pending >= box.capacity else 'about to be '}{what}"
    return Why("behind", text, _command("status", view.address))


def _no_handler(view: ActorView) -> Why | None:
    letters = sum(view.unread.values())
    if not letters:
        return None
    text = f"has {count(letters, 'dead letter')} that wait{'s' if letters == 1 else ''} for a class"
    text += f" that accepts {', '.join(sorted(view.unread))}"
    helps = f"dead list --address {view.address} --cause no_handler"
    return Why("no-handler", text, _command(helps))


def _newer(view: ActorView) -> Why | None:
    if view.newer is None:
        return None
    report, at = view.newer.report, when(view.newer.at, view.clock)
    place = _trouble(report.error) if report.error else ""
    match report.outcome:
        case "waiting":
            text = f"the source saved since waits, {at}: {place}"
        case "taken_back":
            text = f"the source saved since was taken back {at}: {place}"
        case "committed":
            text = f"that is code of generation {report.code_of}, since a rollback {at}"
        case _:
            text = f"the source saved since was refused {at}: {place}"
    text = f"runs generation {view.status.generation}; {text}"
    return Why("newer", text, _command("reload --dry-run"))


def _otherwise(view: ActorView) -> Why:
    status = view.status
    lasting = since(view.entered, view.clock)
    if status.state == "running" and view.origin.type == "group":
        return Why("otherwise", "only groups its children", _command("tree", view.address))
    if status.state == "running":
        by = f"started by config at {view.declared}" if view.declared else "made by code"
        text = f"runs {lasting} (generation {status.generation}, {by})"
        return Why("otherwise", f"{text}{_restarts(view)}")
    if status.state == "stopping":
        where = f" at {short_place(view.hook)}" if view.hook else ""
        text = f"has been stopping {lasting}{where}, {span(status.spec.stop_timeout)} at most"
        return Why("otherwise", text, _command("status", view.address))
    helps = _command("start", view.address) if status.state in ("new", "stopped") else None
    return Why("otherwise", f"is {status.state} {lasting}{_last_error(status)}", helps)


RULES: tuple[Callable[[ActorView], Why | None], ...] = (
    _no_class,
    _failed,
    _held,
    _another,
    _store,
    _restarting,
    _starting,
    _retry,
    _paused,
    _stalled,
    _in_hand,
    _behind,
    _no_handler,
    _newer,
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


def _nobody_above(view: ActorView) -> str:
    """Return who should have dealt with a failure that went up, where that one is down."""
    above = view.ancestors[0] if view.ancestors else None
    if above is None or above.state not in ("stopping", "stopped", "failed"):
        return ""
    return f", and {above.address}, which has to deal with it, is {_state(above)}"


def _stopper(view: ActorView) -> str:
    """Return who stopped it, as it is known."""
    hold = view.hold
    if hold is None or hold.uid is None:
        return "a person" if view.stopped_by == "person" else "code"
    return f"uid {hold.uid} ({hold.user})" if hold.user else f"uid {hold.uid}"


def _reason(view: ActorView) -> str:
    if view.hold is None or not view.hold.reason:
        return ""
    return f', reason "{brief(view.hold.reason)}"'


def _at_work(it: InHandRow) -> str:
    where = f" at {short_place(it.where)}" if it.where else ""
    return f"{it.message_type} for {span(it.for_s)}{where}"


def _trouble(error: ReloadTrouble) -> str:
    """Return where a reload met its end, and what it found there."""
    place = short_place(error.place) if ":" in error.place else error.place
    return f"{place}: {brief(error.got.lstrip(': '))}"


def _end(wait: Wait) -> str:
    return "" if wait.seconds is None else f", for {span(wait.seconds)} at most"


def _counted(status: ActorStatus, now: float) -> int:
    """Return how many restarts its budget counts now."""
    return sum(now - at < status.spec.budget.within for at in status.restarted_at)


def _restarts(view: ActorView) -> str:
    """Return how much of its budget of restarts an actor that runs has spent, if any."""
    budget, counted = view.status.spec.budget, _counted(view.status, view.now)
    if not counted:
        return ""
    text = f"; {counted} of {budget.max} restarts in {span(budget.within)}"
    return f"{text}{_last_error(view.status)}"


def _waiting(status: ActorStatus) -> str:
    if not status.pending:
        return ""
    return f"; {count(status.pending, 'message')} wait{'s' if status.pending == 1 else ''}"
