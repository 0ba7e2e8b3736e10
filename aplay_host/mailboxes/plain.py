"""Plain values, which travel without a class: what they are, and where one is not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

MAX_NESTING = 64
KINDS = "None, bool, int of 64 bit, float, str, bytes, list, and dict with str keys"

Parts = Iterator[tuple[str, Any]]

PLAIN = frozenset({type(None), bool, int, float, str, bytes, list, dict})
_SCALARS = PLAIN - {int, list, dict}
_NESTS = bytes((*range(0x80, 0xA0), *range(0xDC, 0xE0)))
_OTHERS = bytes(set(range(256)) - set(_NESTS))


class Survey(Enum):
    """What was found of a value as a whole."""

    PLAIN = "plain"
    FOREIGN = "foreign"
    DEEP = "deep"
    WIDE = "wide"


def survey(value: Any, widest: int) -> Survey:
    """Tell whether `value` is plain, without recursion.

    It is DEEP when it nests more than 64 levels (a circle does), and WIDE when a level has
    more than `widest` values, of which each takes a byte at least.
    """
    level = [value]
    for _ in range(MAX_NESTING + 1):
        inner: list[Any] = []
        for one in level:
            kind = type(one)
            if kind in _SCALARS:
                continue
            if kind is list:
                inner += one
            elif kind is dict:
                for key in one:
                    if type(key) is not str:
                        return Survey.FOREIGN
                inner += one.values()
            elif kind is not int or not -(1 << 63) <= one < 1 << 64:
                return Survey.FOREIGN
            if len(inner) > widest:
                return Survey.WIDE
        if not inner:
            return Survey.PLAIN
        level = inner
    return Survey.DEEP


def is_deep(value: Any) -> bool:
    """Tell whether lists and dicts nest more than 64 levels in `value`, which has no circle."""
    level = [value]
    for _ in range(MAX_NESTING + 1):
        inner: list[Any] = []
        for one in level:
            if isinstance(one, list):
                inner += one
            elif isinstance(one, dict):
                inner += one.values()
        if not inner:
            return False
        level = inner
    return True


def may_nest_deep(body: bytes) -> bool:
    """Tell whether msgpack bytes have so many that may open a list or map; fast and rough."""
    return len(body.translate(None, _OTHERS)) > MAX_NESTING


def find_culprit(
    value: Any, is_bad: Callable[[Any], bool], parts: Callable[[Any], Parts]
) -> tuple[str, Any]:
    """Return path and value of the innermost part of `value` that `is_bad`, as `value` is."""
    path = "$"
    while True:
        bad = next((part for part in parts(value) if is_bad(part[1])), None)
        if bad is None:
            return path, value
        path, value = path + bad[0], bad[1]


def describe(culprit: Any) -> str:
    """Say what is wrong with a value that cannot be kept, and what can be."""
    kind = type(culprit)
    what = f"a value of type {kind.__qualname__}"
    if kind is int:
        what = f"an int of {culprit.bit_length()} bits"
    elif kind is str:
        what = "a str that is no UTF-8 (half of a surrogate pair)"
    elif kind is dict:
        what = "a dict with a key that is no str, or no UTF-8"
    return f"{what} cannot be kept; wanted: {KINDS}, or one whole object whose class has @message"


def plain_parts(value: Any) -> Parts:
    """Yield the parts of a list or dict with the piece that each adds to a path."""
    if type(value) is dict:
        yield from ((f"[{key!r}]", one) for key, one in value.items())
    elif type(value) is list:
        yield from ((f"[{at}]", one) for at, one in enumerate(value))


def parts(value: Any) -> Parts:
    """Yield the parts of whatever msgspec can write, as `plain_parts` does."""
    if names := getattr(value, "__struct_fields__", ()):
        yield from ((f".{name}", getattr(value, name)) for name in names)
    elif dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        yield from ((f".{it.name}", getattr(value, it.name)) for it in fields)
    elif isinstance(value, tuple | set | frozenset):
        yield from plain_parts(list(value))
    else:
        yield from plain_parts(value)
