"""The new behaviour of one actor, made behind its closed gate."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..kernel import Actor, ActorSpec, Busy, CellView, Quiesce, Staged
from .handover import Before, Handover, ReloadInfo, hand_over, state_of, tell_reload
from .refusal import Refused
from .shape import Shape
from .wording import raised

if TYPE_CHECKING:
    from .transaction import Transaction

_log = logging.getLogger("aplay_host.reload")


def first_of(quiet: Quiesce, view: CellView) -> Actor | None:
    """Return what the old code begins with now; None where that raises."""
    if view.behaviour is None:
        return None
    try:
        return quiet.stage(view.address).behaviour
    except Exception:
        return None


def build(tx: Transaction, quiet: Quiesce, view: CellView, first: Actor | None) -> Staged:
    """Make the new behaviour of one actor and give it the state of the old one."""
    spec = _spec(tx, view)

    def fill(new: Actor) -> None:
        type(new).__init__(new, **spec.kwargs)
        if view.behaviour is not None:
            tx.handovers.append(_hand_over(tx, new, Before(view.behaviour, first)))

    made = len(tx.handovers)
    try:
        staged = quiet.stage(view.address, spec=spec, build=fill)
    except (Refused, Busy):
        raise
    except Exception as error:
        raise raised(error, view.address) from error
    if staged.behaviour is not None:
        version = tx.handovers[-1].from_version if len(tx.handovers) > made else 1
        with staged.recording():
            tell_reload(staged.behaviour, ReloadInfo(tx.number, tx.request.cause, version))
    return staged


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
    place, spec, convert = str(view.address), view.spec, tx.reclass.convert
    kwargs: Mapping[str, Any] = convert(dict(spec.kwargs), f"{place} kwargs")
    return replace(
        spec,
        cls=convert(spec.cls, place),
        kwargs=kwargs,
        options=convert(spec.options, f"{place} options"),
    )
