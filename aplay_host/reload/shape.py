"""What the instances of a class hold, and what the class wants them to hold."""

from __future__ import annotations

import dataclasses
import dis
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from operator import attrgetter
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import Any, Final

from .successors import solid_base

Default = Callable[[], Any]
LEFT_OUT: Final = object()
"""Stands for a default that the constructor fills in."""

# Not the traceback: it holds the frames of old code.
_OF_ERRORS = ("args", "__cause__", "__context__", "__suppress_context__")


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """How to take instances of a class apart and to fill them, past all that the class does.

    `fields` are what it wants its instances to have, each with what makes its default, None
    where it has none:

    ==============  =================================================================
    a class         its fields
    ==============  =================================================================
    dataclass       its fields
    NamedTuple      its fields
    Struct          its fields
    pydantic model  its fields
    any other       its slots, and what its ``__init__`` sets on the instance, less
                    what the class itself has a value for
    ==============  =================================================================

    `is_closed`: there should be nothing but the fields. `is_whole`: instances are made by the
    constructor, complete. `base` is the class in C that it derives from.
    """

    base: type
    fields: Mapping[str, Default | None]
    is_closed: bool
    is_whole: bool
    readers: Mapping[str, Callable[[Any], Any]]
    slots: Mapping[str, MemberDescriptorType | GetSetDescriptorType]

    @classmethod
    def of(cls, owner: type) -> Shape:
        """Look at a class."""
        slots = dict(_slots_of(owner))
        readers: dict[str, Callable[[Any], Any]] = {it: slots[it].__get__ for it in slots}
        base, is_tuple = solid_base(owner), hasattr(owner, "_field_defaults")
        if is_tuple:
            readers |= {it: attrgetter(it) for it in getattr(owner, "_fields", ())}
        if issubclass(base, BaseException):
            readers |= {it: attrgetter(it) for it in _OF_ERRORS}
            slots |= {it: getattr(BaseException, it) for it in _OF_ERRORS}
        is_whole = is_tuple or hasattr(owner, "__struct_fields__")
        is_model = isinstance(vars(owner).get("__pydantic_fields__"), dict)
        is_closed = is_whole or is_model or dataclasses.is_dataclass(owner)
        return cls(base, _fields_of(owner, slots), is_closed, is_whole, readers, slots)

    def values(self, instance: object) -> dict[str, Any]:
        """Return what `instance` has of its own, in its dict or elsewhere."""
        values = dict(getattr(instance, "__dict__", ()))
        for name, read in self.readers.items():
            try:
                values[name] = read(instance)
            except AttributeError:
                pass  # a slot that was never set
        return values

    def fill(self, instance: object, values: Mapping[str, Any]) -> list[str]:
        """Set attributes; return the names for which there is no room."""
        no_room = []
        for name, value in values.items():
            if name in self.slots:
                self.slots[name].__set__(instance, value)
            elif hasattr(instance, "__dict__"):
                instance.__dict__[name] = value
            else:
                no_room.append(name)
        return no_room

    def clear(self, instance: object, names: Iterable[str]) -> None:
        """Delete attributes that are there."""
        for name in names:
            if name in self.slots:
                self.slots[name].__delete__(instance)
            else:
                del instance.__dict__[name]


def _slots_of(cls: type) -> Iterator[tuple[str, MemberDescriptorType]]:
    """Yield the slots by the names under which classes keep them: private ones are mangled."""
    for base in reversed(cls.__mro__):
        if "__slots__" in vars(base):
            for name, found in vars(base).items():
                if isinstance(found, MemberDescriptorType):
                    yield name, found


def _fields_of(cls: type, slots: Iterable[str]) -> dict[str, Default | None]:
    if dataclasses.is_dataclass(cls):
        return {it.name: _default_of(it) for it in dataclasses.fields(cls)}
    if hasattr(cls, "_field_defaults"):
        defaults, names = cls._field_defaults, getattr(cls, "_fields", ())
        return {it: partial(defaults.get, it) if it in defaults else None for it in names}
    if hasattr(cls, "__struct_fields__"):
        signature = inspect.signature(cls).parameters.values()
        return {it.name: None if it.default is it.empty else _left_out for it in signature}
    if isinstance(found := vars(cls).get("__pydantic_fields__"), dict):
        return {
            name: None if it.is_required() else partial(it.get_default, call_default_factory=True)
            for name, it in found.items()
        }
    return dict.fromkeys((*slots, *(it for it in _set_by_init(cls) if not hasattr(cls, it))))


def _default_of(field: dataclasses.Field[Any]) -> Default | None:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory
    if field.default is not dataclasses.MISSING:
        return partial(_same, field.default)
    return None


def _left_out() -> object:
    return LEFT_OUT


def _same(value: object) -> object:
    return value


def _set_by_init(cls: type) -> Iterator[str]:
    """Yield the names that the ``__init__`` of `cls`, or of a base, sets on its first argument."""
    for base in cls.__mro__:
        init = inspect.unwrap(vars(base).get("__init__", base))
        if isinstance(init, FunctionType) and init.__code__.co_varnames:
            before: Any = None
            for step in dis.get_instructions(init):
                # Newer interpreters load two names in one instruction; the last is on top.
                top = before[-1] if isinstance(before, tuple) and before else before
                if step.opname == "STORE_ATTR" and top == init.__code__.co_varnames[0]:
                    yield step.argval
                before = step.argval
