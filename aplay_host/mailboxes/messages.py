"""What authors write above their classes: the name under which instances are kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any, TypeVar

from ..errors import BadMessageType

C = TypeVar("C", bound=type)
F = TypeVar("F", bound=Callable[[Any], Any])

_BASE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*:[A-Za-z_][A-Za-z0-9_.]*", re.ASCII)
_MAJOR = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)
_LONGEST = 200
_MESSAGE, _UPCAST = "__aplay_message__", "__aplay_upcast__"


@dataclass(frozen=True, slots=True)
class TypeName:
    """``dist:Name@major`` in its parts; `base` is what stands before the ``@``."""

    base: str
    major: int

    def __str__(self) -> str:
        return f"{self.base}@{self.major}"


@dataclass(frozen=True, slots=True)
class Step:
    """From what major of `base` to which a function leads."""

    base: str
    old: int
    new: int


def message(name: str) -> Callable[[C], C]:
    """Name a class whose instances may be kept: ``@message("acme-shop:Order@2")``.

    The class is a msgspec Struct, a dataclass or a pydantic model. The name is the
    distribution that owns it, a name of one's own, and the major version of its fields; it is
    what the store has, so that the class itself may be moved and renamed. It is not inherited.
    Nothing is registered here: an actor says what it takes by ``accepts = (Order,)``.

    Raises `BadMessageType`.
    """
    parse_name(name)

    def mark(cls: C) -> C:
        setattr(cls, _MESSAGE, name)
        return cls

    return mark


def upcast(base: str, old: int, new: int) -> Callable[[F], F]:
    """Mark what reads an older major: ``@upcast("acme-shop:Order", 1, 2)``.

    The function takes the body as it was kept, a dict for most classes, and returns what
    major `new` has in its place. It stands in the module of the class that it leads to, or of
    the actor that accepts it. Several are applied one after another.

    Raises `BadMessageType`.
    """
    _check_base(base)
    if not 0 < old < new:
        raise BadMessageType(f"upcast of {base} from {old!r} to {new!r}: wanted is 0 < old < new")

    def mark(function: F) -> F:
        setattr(function, _UPCAST, Step(base, old, new))
        return function

    return mark


def parse_name(name: str) -> TypeName:
    """Take ``dist:Name@major`` apart; raises `BadMessageType`."""
    if not isinstance(name, str):
        raise BadMessageType(
            f"@message got {name!r}; wanted is a name: @message('acme-shop:Order@2')"
        )
    base, at, major = name.rpartition("@")
    if at:
        _check_base(base)
    if not _MAJOR.fullmatch(major) or len(name) > _LONGEST:
        raise BadMessageType(
            f"{name!r}: wanted is the distribution, a name and a major version from 1, in at most "
            f"{_LONGEST} characters, as in 'acme-shop:Order@2'"
        )
    return TypeName(base, int(major))


def _check_base(base: str) -> None:
    if not _BASE.fullmatch(base):
        raise BadMessageType(
            f"{base!r}: wanted is the distribution, in small letters and with - for _, and a name, "
            "as in 'acme-shop:Order'"
        )
    if base.startswith("aplay:"):
        raise BadMessageType(
            f"{base!r}: the names of 'aplay' are its own; take your distribution's"
        )


def name_of(cls: type) -> str | None:
    """Return the name that stands above `cls` itself, or None."""
    name: str | None = cls.__dict__.get(_MESSAGE)
    return name


def step_of(thing: object) -> Step | None:
    """Return what `upcast` has marked a function with, or None."""
    step = thing.__dict__.get(_UPCAST) if isinstance(thing, FunctionType) else None
    return step if isinstance(step, Step) else None
