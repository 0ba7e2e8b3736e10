"""What a new behaviour takes over from the one in whose place it comes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from ..kernel import Actor, keeps_saved
from .cells import name_of
from .merge import Fate, counterparts, merge
from .reclass import Reclass
from .refusal import Refusal, Refused
from .shape import Shape
from .wording import line_of, told

T = TypeVar("T")

_KERNELS = frozenset({"_cell", "_detached"})


@dataclass(frozen=True, slots=True)
class Before:
    """What a behaviour was, and how it would begin again.

    `first` is a behaviour of the old class that has just been made: its state is what the old
    code begins with. None when its ``__init__`` raises now.
    """

    behaviour: Actor
    first: Actor | None = None


@dataclass(frozen=True, slots=True)
class ReloadInfo:
    """What `on_reload` is told: the generation to come, what began it, the state's version."""

    generation: int
    cause: str
    from_version: int


@dataclass(frozen=True, slots=True)
class Handover:
    """What became of one actor's state; `notes` are for people.

    `way` is ``merge``, ``set_state``, or ``empty`` for an actor of another class that has
    nothing to take over with; `fates` are those of the attributes, for a merge.
    """

    address: str
    way: str
    from_version: int
    fates: Mapping[str, Fate]
    notes: tuple[str, ...] = ()


def state_of(behaviour: Actor, shape_of: Callable[[type], Shape] = Shape.of) -> dict[str, Any]:
    """Return the attributes that a behaviour has of its own, less the kernel's."""
    found = shape_of(type(behaviour)).values(behaviour).items()
    return {name: value for name, value in found if name not in _KERNELS}


def hand_over(new: Actor, before: Before, reclass: Reclass) -> Handover:
    """Give `new`, whose ``__init__`` has just run, the state of the behaviour before it.

    ===============================================  ========================================
    the classes                                      then
    ===============================================  ========================================
    the old has get_state, the new has set_state     that; what they hand over is taken as
                                                     it is
    have different names                             nothing: `new` begins empty
    otherwise                                        `merge`, and what is kept is converted
    ===============================================  ========================================

    `saved`, where the mailbox keeps it, is no part of that: the swap reads it anew.

    Where ``state_version`` differs (1 where a class says nothing), ``migrate`` of the new class
    gets a copy of the live state first. What ``reload_transient`` of the new class names is not
    carried. The old behaviour and its state stay as they are. Raises `Refused`.
    """
    old, address = before.behaviour, str(new.address)
    version = _version(old)
    if hasattr(type(old), "get_state") and hasattr(type(new), "set_state"):
        state = _ask(old.get_state, address, "get_state")  # type: ignore[attr-defined]  # it is optional
        state = _migrate(new, state, version, address)
        _ask(lambda: new.set_state(state), address, "set_state")  # type: ignore[attr-defined]
        return Handover(address, "set_state", version, {})
    if name_of(type(old)) != name_of(type(new)):
        note = f"{address} is a {name_of(type(new))} now and begins empty"
        return Handover(address, "empty", version, {}, (note,))
    reclass.seed(old, new)
    fates, notes = _merge_into(new, before, reclass, version)
    if before.first is None:
        notes = (f"{address}: the old __init__ raises by now, so every live value was kept",)
    return Handover(address, "merge", version, fates, notes)


def tell_reload(new: Actor, info: ReloadInfo) -> None:
    """Call ``on_reload`` where there is one; raises `Refused` when it raises."""
    if not hasattr(type(new), "on_reload"):
        return
    address = str(new.address)
    result = _ask(lambda: new.on_reload(info), address, "on_reload")  # type: ignore[attr-defined]
    if inspect.iscoroutine(result):
        result.close()
        _refuse("on_reload", address, "an async def", "a plain def", "write it without async")


def _merge_into(
    new: Actor, before: Before, reclass: Reclass, version: int
) -> tuple[dict[str, Fate], tuple[str, ...]]:
    old, address = before.behaviour, str(new.address)
    transient = frozenset(getattr(type(new), "reload_transient", ()))
    if keeps_saved(old) or keeps_saved(new):
        transient |= {"saved"}  # the mailbox has it, and gives it to the new class

    def carried(behaviour: Actor) -> dict[str, Any]:
        state = state_of(behaviour, reclass.shape_of)
        return {name: value for name, value in state.items() if name not in transient}

    ours, theirs = carried(old), state_of(new, reclass.shape_of)
    if version != _version(new):
        ours = reclass.copier().convert(ours, address, copy=True, attributes=True)
        ours = _migrate(new, ours, version, address)
    base = None if before.first is None else carried(before.first)
    merged = merge(base, ours, theirs, pair=(old, before.first))
    kept = {name: ours[name] for name, fate in merged.fates.items() if fate == "kept"}
    if kept:
        for was, now in counterparts(base, kept, theirs, pair=(old, before.first)):
            reclass.seed(was, now)
        copy = hasattr(type(new), "migrate") or hasattr(type(new), "on_reload")
        kept = reclass.convert(kept, address, copy=copy, attributes=True)
    shape = reclass.shape_of(type(new))
    shape.clear(new, theirs.keys() - merged.state.keys())
    shape.fill(new, kept)
    left = [name for name in kept if name in (base or {}) and name not in theirs]
    return merged.fates, _renamed(address, left, merged.fates)


def _renamed(address: str, left: list[str], fates: Mapping[str, Fate]) -> tuple[str, ...]:
    """Return what to tell where values are kept that nothing sets any more, and others begin."""
    begun = [name for name, fate in fates.items() if fate == "added"]
    if not (left and begun):
        return ()
    names = f"{', '.join(left)} is kept, and {', '.join(begun)} begins anew"
    return (f"{address}: {names}; where that is a new name, write state_version and migrate",)


def _version(behaviour: Actor) -> int:
    version: int = getattr(type(behaviour), "state_version", 1)
    return version


def _migrate(new: Actor, state: Any, version: int, address: str) -> Any:
    """Return `state` as the new class wants it."""
    wanted = _version(new)
    if version == wanted:
        return state
    migrate = getattr(type(new), "migrate", None)
    if migrate is None:
        cure = f"write {type(new).__qualname__}.migrate(cls, state, from_version)"
        got = f"a state of version {version} and no migrate"
        _refuse("state-version", address, got, f"version {wanted}", cure)
    migrated = _ask(lambda: migrate(state, version), address, "migrate")
    if not isinstance(migrated, dict) and isinstance(state, dict):
        got = f"migrate returned {type(migrated).__qualname__}"
        _refuse("migrate", address, got, "a dict of attributes", "return the state")
    return migrated


def _ask(call: Callable[[], T], address: str, hook: str) -> T:
    """Call one of the actor's own hooks; its error is a refusal that names the line."""
    try:
        return call()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a guest's sys.exit() is no end of the host
        got = f"{told(error)} ({line_of(error, hook)})"
        _refuse(hook, address, got, "a return without an error", f"correct {hook} and save again")


def _refuse(code: str, address: str, got: str, wanted: str, cure: str) -> NoReturn:
    raise Refused(Refusal(code, address, got, wanted, cure))
