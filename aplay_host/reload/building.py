"""The new behaviour of one actor, made behind its closed gate."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..kernel import (
    Actor,
    ActorSpec,
    Busy,
    CellView,
    Faulty,
    Quiesce,
    SavedUnreadable,
    Staged,
)
from ..plugins import Alarm, ImportTimeout
from .handover import Before, Handover, ReloadInfo, hand_over, state_of, tell_reload
from .obstacles import other_kind
from .refusal import Refused
from .saved import goes_on, way_back
from .shape import Shape
from .wording import raised, unreadable

if TYPE_CHECKING:
    from .transaction import Transaction

MOST_SECONDS = 5.0
"""What the code of one actor may take altogether: it is the loop that waits."""
SLOW_SECONDS = 0.05
"""What one step of an actor's code may take without being noted."""

_log = logging.getLogger("aplay_host.reload")


class Stopwatch:
    """Notes which steps of an actor's code were slow, while all that is held waited."""

    def __init__(self, address: str) -> None:
        self.notes: list[str] = []
        self._address = address
        self._since = time.perf_counter()

    def lap(self, step: str) -> None:
        """End the step of that name; the next begins."""
        now = time.perf_counter()
        took, self._since = now - self._since, now
        if took > SLOW_SECONDS:
            text = f"{self._address}: {step} took {1000 * took:.0f} ms, and everything waited"
            self.notes.append(text)


@contextmanager
def in_time() -> Iterator[Alarm]:
    """End what actors' code does in the block when its time is up, or raise `Refused`.

    One clock for all of them, which `first_of` and `build` set anew: to make one takes longer.
    """
    try:
        with Alarm(MOST_SECONDS) as alarm:
            yield alarm
    except ImportTimeout as error:  # between two actors
        raise raised(error, "an actor") from error


def first_of(quiet: Quiesce, view: CellView, alarm: Alarm) -> Actor | None:
    """Return what the old code begins with now; None where that raises."""
    if view.behaviour is None:
        return None
    try:
        alarm.again()
        return quiet.rehearse(view.address)
    except KeyboardInterrupt:
        raise
    except BaseException:  # a guest's sys.exit() is no end of the host
        return None


def build(
    tx: Transaction, quiet: Quiesce, view: CellView, first: Actor | None, alarm: Alarm
) -> Staged:
    """Make the new behaviour of one actor and give it the state of the old one."""
    spec, watch = _spec(tx, view), Stopwatch(str(view.address))
    old, new = view.spec.mailbox.kind, spec.mailbox.kind
    if old != new and view.spec.cls is not Faulty:  # whose class may say more than was known
        raise Refused(other_kind(view.address, old, new))
    if view.behaviour is not None:
        _see_to_saved(tx, view.behaviour, spec.cls)

    def fill(new: Actor) -> None:
        type(new).__init__(new, **spec.kwargs)
        watch.lap("__init__")
        if view.behaviour is not None:
            tx.handovers.append(_hand_over(tx, new, Before(view.behaviour, first)))
        watch.lap("the hand-over of its state")

    made = len(tx.handovers)
    try:
        alarm.again()
        staged = quiet.stage(view.address, spec=spec, build=fill)
        watch.lap("prepare_children")
        if staged.behaviour is not None:
            version = tx.handovers[-1].from_version if len(tx.handovers) > made else 1
            with staged.recording():
                tell_reload(staged.behaviour, ReloadInfo(tx.number, tx.request.cause, version))
    except (Refused, Busy, KeyboardInterrupt):
        raise
    except SavedUnreadable as error:
        raise unreadable(error, view.address) from error
    except BaseException as error:
        raise raised(error, view.address) from error
    watch.lap("on_reload")
    tx.notes += watch.notes
    return staged


def _see_to_saved(tx: Transaction, live: Actor, to: type[Actor]) -> None:
    """Refuse the way back from a new major of what is saved; tell of the way there."""
    if tx.former is not None and (refusal := way_back(live, to)) is not None:
        raise Refused(refusal)
    if told := goes_on(live, to):
        tx.notes.append(told)


def _hand_over(tx: Transaction, new: Actor, before: Before) -> Handover:
    """Hand the state over; on the way back, where it cannot be, take what was there then."""
    assert tx.reclass is not None
    try:
        return hand_over(new, before, tx.reclass)
    except Refused as error:
        then = tx.former.behaviours.get(new.address) if tx.former else None
        if then is None or type(then) is not type(new):
            raise
        Shape.of(type(new)).fill(new, state_of(then))
        text = f"{new.address} has the state it had before: {error}"
        _log.warning("%s", text)
        return Handover(str(new.address), "before", 1, {}, (text,))


def _spec(tx: Transaction, view: CellView) -> ActorSpec:
    """Return the spec of one actor with the new class: the file's, or what it was made with."""
    assert tx.reclass is not None
    if view.address in tx.specs:
        return tx.specs[view.address]
    faults = (one.fault for one in tx.tree.nodes if one.address == view.address)
    if view.spec.cls is Faulty and (fault := next(faults, None)):
        return replace(view.spec, kwargs={"fault": fault})  # it may be another one by now
    place, spec, convert = str(view.address), view.spec, tx.reclass.convert
    kwargs: Mapping[str, Any] = convert(dict(spec.kwargs), f"{place} kwargs")
    return replace(
        spec,
        cls=convert(spec.cls, place),
        kwargs=kwargs,
        options=convert(spec.options, f"{place} options"),
    )
