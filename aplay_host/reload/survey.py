"""What a value holds, at any depth, and what of it has to be made anew."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial
from types import BuiltinMethodType, MethodType, ModuleType
from typing import Any, Literal, NoReturn, get_origin
from weakref import ReferenceType, WeakKeyDictionary, WeakSet, WeakValueDictionary

from .refusal import Refusal, Refused
from .shape import Shape
from .successors import Successors

ATOMS = frozenset({int, float, complex, bool, str, bytes, bytearray, type(None), type(...)})
MAPPINGS = frozenset({dict, OrderedDict, defaultdict, Counter})
SEQUENCES = frozenset({list, deque})
FROZEN = frozenset({tuple, frozenset})
CONTAINERS = MAPPINGS | SEQUENCES | FROZEN | {set}

WEAK: frozenset[Any] = frozenset({ReferenceType, WeakSet, WeakKeyDictionary, WeakValueDictionary})

Style = Literal[".name", "[key]", "[key]'s key", "{item}", "weakly"]
Part = tuple[Style, object, object]
"""How a part is reached from what holds it, by which name, key or index, and the part."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How much one value may hold, and for how long it may be looked through."""

    nodes: int
    seconds: float
    clock: Callable[[], float]


class Survey:
    """One value, looked through: `changed` are the ids of all that has to be made anew.

    Looks into built-in containers, bound methods, partials, generic aliases and instances of
    superseded classes; everything else is taken as it is. What is held weakly changes if
    something else holds it, too. `made` holds by id what was made anew before. With `copy`
    every container counts as changed.
    """

    def __init__(
        self,
        place: str,
        successors: Successors,
        made: Mapping[int, object],
        shape_of: Callable[[type], Shape],
        *,
        copy: bool,
    ) -> None:
        self.changed: set[int] = set()
        self._place, self._successors, self._made = place, successors, made
        self._shape_of, self._copy = shape_of, copy
        self._seen: dict[int, object] = {}  # alive, so that no id is used twice
        self._came: dict[int, tuple[int, Style, object]] = {}
        self._holders: dict[int, list[int]] = {}

    def explore(self, root: object, limit: Limit, *, attributes: bool) -> None:
        """Look through `root`; with `attributes` it is the dict of an instance.

        Raises `Refused` beyond the limit.
        """
        self._seen[id(root)], waiting = root, [root]
        ends = limit.clock() + limit.seconds
        while waiting:
            thing = waiting.pop()
            is_changed, parts = self._look(thing)
            if is_changed:
                self.changed.add(id(thing))
            for style, key, part in parts:
                if type(part) not in ATOMS:
                    self._holders.setdefault(id(part), []).append(id(thing))
                    if style != "weakly" and id(part) not in self._seen:
                        self._seen[id(part)] = part
                        own = attributes and thing is root
                        self._came[id(part)] = (id(thing), ".name" if own else style, key)
                        waiting.append(part)
                if len(self._seen) > limit.nodes:
                    self.refuse_size(f"holds more than {limit.nodes} objects")
            if limit.clock() > ends:
                self.refuse_size(f"takes more than {limit.seconds:g} s to look through")
        self._spread()

    def path(self, thing: object) -> str:
        """Return where `thing` was found, as ``/tail.pending[3]``."""
        labels: list[str] = []
        found = id(thing)
        while found in self._came:
            found, style, key = self._came[found]
            labels.insert(0, _label(style, key))
        return self._place + "".join(labels)

    def refuse_size(self, got: str) -> NoReturn:
        """Refuse a value that is too large to be looked through."""
        wanted = "a state that can be handed over while everything waits"
        cure = "define get_state and set_state: what they hand over is not looked through"
        raise Refused(Refusal("state-too-large", self._place, got, wanted, cure))

    def _look(self, thing: Any) -> tuple[bool, Iterable[Part]]:
        """Return whether `thing` itself is to be made anew, and what it holds."""
        kind, superseded = type(thing), self._successors.supersede
        if id(thing) in self._made:
            return True, ()
        if kind in CONTAINERS:
            return self._copy, _items(thing, kind)
        if kind in WEAK:
            held, parts = _held_weakly(thing, kind)
            weakly: list[Part] = [("weakly", None, it) for it in held]
            return any(id(it) in self._made for it in held), (*parts, *weakly)
        if is_alias(thing):
            return False, (
                *_items(thing.__args__, tuple),
                (".name", "__origin__", get_origin(thing)),
            )
        if kind is partial:
            parts = [(".name", "func", thing.func), *_items(thing.args, tuple)]
            return False, (*parts, *_items(thing.keywords, dict))
        if kind is MethodType:
            return superseded(thing.__func__), ((".name", "__self__", thing.__self__),)
        if kind is BuiltinMethodType and not isinstance(thing.__self__, ModuleType):
            return False, ((".name", "__self__", thing.__self__),)
        if not superseded(kind):
            return superseded(thing), ()
        return True, () if issubclass(kind, Enum | type) else self._contents(thing, kind)

    def _contents(self, thing: object, kind: type) -> Iterator[Part]:
        """Yield what an instance of a superseded class holds."""
        shape = self._shape_of(kind)
        if shape.base in CONTAINERS and not shape.is_whole:
            yield from _items(thing, shape.base)
        for name, value in shape.values(thing).items():
            yield ".name", name, value

    def _spread(self) -> None:
        """Let everything change that holds what changes."""
        waiting = list(self.changed)
        while waiting:
            for holder in self._holders.get(waiting.pop(), ()):
                if holder not in self.changed:
                    self.changed.add(holder)
                    waiting.append(holder)


def is_alias(thing: object) -> bool:
    """Tell whether `thing` is a class with its parameters, such as ``list[Line]``."""
    return type(thing).__module__ in ("types", "typing") and hasattr(thing, "__args__")


def _held_weakly(thing: Any, kind: type) -> tuple[list[object], Iterable[Part]]:
    """Return what `thing` holds weakly, and the rest of what it holds."""
    if kind is ReferenceType:
        return [thing()], ((".name", "__callback__", thing.__callback__),)
    if kind is WeakKeyDictionary:
        return list(thing), [("[key]", key, value) for key, value in thing.items()]
    return list(thing if kind is WeakSet else thing.values()), ()


def _items(thing: Any, base: Any) -> Iterator[Part]:
    """Yield what a container holds, past what a subclass makes of it; nothing for atoms alone."""
    if base in MAPPINGS:
        if not (_has_atoms_alone(dict.values(thing)) and _has_atoms_alone(dict.keys(thing))):
            for key, value in dict.items(thing):
                yield "[key]", key, value
                yield "[key]'s key", key, key
        if base is defaultdict:
            yield ".name", "default_factory", thing.default_factory
    elif not _has_atoms_alone(items := list(base.__iter__(thing))):
        ordered = base in SEQUENCES or base is tuple
        for index, item in enumerate(items):
            yield ("[key]", index, item) if ordered else ("{item}", item, item)


def _has_atoms_alone(items: Iterable[object]) -> bool:
    return ATOMS.issuperset(map(type, items))


def _label(style: Style, key: object) -> str:
    if style == ".name":
        return f".{key}"
    if style == "{item}":
        return f"{{{type(key).__qualname__}}}"
    told = repr(key) if type(key) in ATOMS else type(key).__qualname__
    return f"[{told}]" + style.removeprefix("[key]")
