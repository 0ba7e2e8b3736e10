"""Which of three states wins: where the code began, where it has got to, what it is to be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import CellType, FunctionType, MethodType
from typing import Any, Literal

from .cells import name_of

_CONTAINERS = frozenset({dict, defaultdict, list, tuple})

Fate = Literal["kept", "renewed", "added", "dropped", "deleted"]


@dataclass(frozen=True, slots=True)
class Merged:
    """The state to run with, and what became of each name that any of the three has.

    ``kept`` is the live value, ``renewed`` what the new code starts with in its place,
    ``added`` what only the new code has, ``dropped`` what the new code gave up, and
    ``deleted`` what the actor itself deleted.
    """

    state: dict[str, Any]
    fates: dict[str, Fate]


def merge(
    base: Mapping[str, Any] | None,
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    *,
    pair: tuple[object, object] = (None, None),
) -> Merged:
    """Merge by attribute: `base` is what the old ``__init__`` sets now, `theirs` the new one.

    ===================================================  ==========  ========================
    ours                                                 in theirs   result
    ===================================================  ==========  ========================
    the same as in base                                  yes         theirs: ``renewed``
    the same as in base                                  no          none: ``dropped``
    differs, or not in base, or cannot be compared       either      ours: ``kept``
    not there, and not in base                           yes         theirs: ``added``
    not there, but in base                               yes         none: ``deleted``
    ===================================================  ==========  ========================

    Without a `base` nothing is the same as in it. The same is what is identical, or equal
    and of one type; of functions, those that one line of code made of the same things.
    `pair` are the live instance and the one that `base` was read from: they correspond.
    """
    start = base or {}
    state: dict[str, Any] = {}
    fates: dict[str, Fate] = {}
    for name in dict.fromkeys((*theirs, *ours)):
        if name not in ours:
            fates[name] = "deleted" if name in start else "added"
        elif name in start and is_same(ours[name], start[name], pair):
            fates[name] = "renewed" if name in theirs else "dropped"
        else:
            fates[name] = "kept"
        if fates[name] == "kept":
            state[name] = ours[name]
        elif fates[name] in ("renewed", "added"):
            state[name] = theirs[name]
    return Merged(state, fates)


def counterparts(
    base: object, ours: object, theirs: object, *, pair: tuple[object, object] = (None, None)
) -> list[tuple[object, object]]:
    """Return the live lambdas and local functions that are as in `base`, with those of `theirs`.

    They have no name by which they could be found. Looked for at the same place in all three:
    in dicts, lists and tuples, as a default factory, and in objects whose class is edited.
    """
    found: list[tuple[object, object]] = []
    seen: set[int] = set()
    waiting: list[tuple[Any, Any, Any]] = [(base, ours, theirs)]
    while waiting:
        start, live, new = waiting.pop()
        if id(live) in seen or name_of(type(live)) != name_of(type(new)):
            continue
        seen.add(id(live))
        if isinstance(live, FunctionType):
            if "<" in live.__qualname__ and is_same(live, start, pair):
                found.append((live, new))
        elif type(live) in _CONTAINERS or type(live) is not type(new):
            first, last = _parts(start), _parts(new)
            waiting += [
                (first[it], part, last[it])
                for it, part in _parts(live).items()
                if it in first and it in last
            ]
    return found


def _parts(thing: Any) -> dict[object, Any]:
    """Return what is in a container, or in an object of Python code, by where it is."""
    if isinstance(thing, dict):
        factory = {defaultdict: getattr(thing, "default_factory", None)}
        return factory | {key: thing[key] for key in thing if isinstance(key, str | int)}
    if isinstance(thing, list | tuple):
        return dict(enumerate(thing))
    return getattr(thing, "__dict__", {})


def is_same(ours: object, base: object, pair: tuple[object, object] = (None, None)) -> bool:
    """Tell whether `ours` is what `base` is; False where that cannot be found out."""
    try:
        return _is_same(ours, base, pair)
    except Exception:  # of a guest's __eq__, or nested too deeply
        return False


def _is_same(ours: Any, base: Any, pair: tuple[object, object]) -> bool:
    if ours is base or (ours is pair[0] and base is pair[1]):
        return True
    kind = type(ours)
    if kind is not type(base):
        return False
    if kind in (list, tuple):
        return len(ours) == len(base) and all(
            _is_same(one, other, pair) for one, other in zip(ours, base, strict=True)
        )
    if kind is dict:
        return list(ours) == list(base) and all(_is_same(ours[it], base[it], pair) for it in ours)
    if kind in (FunctionType, MethodType, partial, CellType):
        return all(map(partial(_is_same, pair=pair), _made_of(ours), _made_of(base)))
    return bool(ours == base)


def _made_of(thing: Any) -> tuple[object, ...]:
    match thing:
        case FunctionType():
            return thing.__code__, thing.__defaults__, thing.__kwdefaults__, thing.__closure__
        case MethodType():
            return thing.__func__, thing.__self__
        case CellType():
            return (thing.cell_contents,)
        case _:
            return thing.func, thing.args, thing.keywords
