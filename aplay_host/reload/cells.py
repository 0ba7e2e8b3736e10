"""Which actors a reload concerns, and what is done with each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ..kernel import Address, CellView
from .declared import Declared, differences

Action = Literal["swap", "start", "remove"]


@dataclass(frozen=True, slots=True)
class CellStep:
    """What is to be done with one actor, and why; `pending` messages wait in its mailbox."""

    address: Address
    action: Action
    reason: str
    pending: int = 0


def plan_cells(
    cells: Sequence[CellView],
    modules: Collection[str],
    before: Declared,
    now: Declared,
    because: Mapping[Address, str],
) -> Iterator[CellStep]:
    """Decide about each actor; `modules` are run anew, `because` names actors to swap anyway.

    =================================================  ===================================
    an actor                                           then
    =================================================  ===================================
    its class, or a base of it, is in one of           swap; start afresh where it has
    `modules`; a key of it changed; `because`          failed or waits out a back-off
    new in aplay.toml                                  start
    no longer in aplay.toml                            remove; swap where others that are
                                                       declared live below it
    =================================================  ===================================
    """
    for cell in cells:
        address, pending = cell.address, cell.pending
        gone = address in before and address not in now
        if gone and not any(map(address.is_ancestor_of, now)):
            yield CellStep(address, "remove", "no longer in aplay.toml", pending)
        elif reason := _reason(cell, modules, before, now) or because.get(address):
            action: Action = "start" if cell.state in ("failed", "restarting") else "swap"
            yield CellStep(address, action, reason, pending)
    there = {cell.address for cell in cells}
    for address in now:
        if address not in before and address not in there:
            yield CellStep(address, "start", "new in aplay.toml")


def _reason(cell: CellView, modules: Collection[str], before: Declared, now: Declared) -> str:
    """Return why an actor that stays gets a new behaviour; empty where nothing asks for it."""
    address, cls = cell.address, cell.spec.cls
    for base in cls.__mro__:
        if base.__module__ in modules:
            is_own = base is cls
            return f"its class {name_of(cls)}" + ("" if is_own else f", by {name_of(base)}")
    if address in before and address not in now:
        return "no longer in aplay.toml, but above others that are"
    keys = [it.key for it in differences(before.get(address, {}), now.get(address, {}))]
    return f"aplay.toml: {', '.join(keys)}" if keys and address in before else ""


def name_of(cls: type) -> str:
    """Return ``module:Class``."""
    return f"{cls.__module__}:{cls.__qualname__}"
