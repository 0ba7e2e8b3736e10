"""Which class a name stands for, and how an older major becomes it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from .messages import BadTypeName, Step, TypeName, name_of, parse_name, step_of

ANY = "aplay:any@1"
"""The name of plain values, which need no class."""

PACK = msgspec.msgpack.Encoder().encode
UNPACK: Callable[[Any], Any] = msgspec.msgpack.Decoder().decode

Upcaster = Callable[[Any], Any]


class Reader:
    """Reads the bodies that are kept under one name, by `steps` to its class and its fields.

    `proven` says whether a message of that name has been there and back once.
    """

    __slots__ = ("cls", "dumps", "proven", "read_own", "steps")

    def __init__(self, cls: type, steps: tuple[Upcaster, ...] = ()) -> None:
        self.cls = cls
        self.steps = steps
        self.dumps = _is_model(cls)
        self.read_own = _decoder_of(cls)
        self.proven = False

    def read(self, body: Any) -> Any:
        """Return the message in `body`, the bytes of one; raises whatever goes wrong."""
        if not self.steps:
            return self.read_own(body)
        value = UNPACK(body)
        for step in self.steps:
            value = step(value)
        return self.read_own(PACK(value))


class TypeRegistry:
    """The classes and upcasters that are known to one engine; loop thread only.

    A name belongs to one class, ``module:qualname``. A newer generation of that class takes
    the place of the older one, with all the names that it had.
    """

    def __init__(self) -> None:
        self._classes: dict[TypeName, type] = {}
        self._steps: dict[tuple[str, int], tuple[Step, Upcaster]] = {}
        self._readers: dict[str, Reader] = {ANY: Reader(object)}

    def register(self, *classes: type) -> frozenset[str]:
        """Know `classes`, and the upcasters in their modules; return what can be read now.

        These are the names, older majors included, that could not be read before. Raises
        `BadTypeName` where a class has no name or one that belongs to another class, or where
        two functions are marked for one step, and `TypeError` for a class of another kind;
        nothing is changed then.
        """
        return self.learn(classes, {cls.__module__ for cls in classes})

    def learn(self, classes: tuple[type, ...] | list[type], modules: set[str]) -> frozenset[str]:
        """Know `classes`, and the upcasters in `modules`; as `register` otherwise."""
        known = _joined(self._classes, classes)
        steps = _renewed(self._steps, modules)
        readers = {ANY: self._readers[ANY], **_readers(known, steps)}
        new = frozenset(readers.keys() - self._readers.keys())
        self._classes, self._steps, self._readers = known, steps, readers
        return new

    def reader(self, name: str) -> Reader | None:
        """Return what reads bodies of that name, or None."""
        return self._readers.get(name)

    def why_unknown(self, name: str) -> str:
        """Say why there is no reader for `name`."""
        try:
            wanted = parse_name(name)
        except BadTypeName:
            return f"{name!r} is no name of a type"
        majors = sorted(one.major for one in self._classes if one.base == wanted.base)
        if not majors:
            return f"no class of the name {name} is accepted by an actor that is loaded"
        if wanted.major > majors[-1]:
            return f"{name} is newer than what is loaded, {wanted.base}@{majors[-1]}"
        return f"no upcast leads from {name} to {wanted.base}@{majors[-1]}"


def accept(types: TypeRegistry, *actors: type) -> frozenset[str]:
    """Register what each of the actor classes `actors` accepts, and its `saved_type`.

    Upcasters are found in the modules of these classes and of the actors. Returns and raises
    what `TypeRegistry.register` does. It may be called again for the same classes, and is to
    be after each reload, with the actors that run then.
    """
    classes: list[type] = []
    modules: set[str] = set()
    for actor in actors:
        saved = getattr(actor, "saved_type", None)
        taken = [*getattr(actor, "accepts", ()), *((saved,) if saved else ())]
        if taken:
            classes += taken
            modules |= {actor.__module__, *(cls.__module__ for cls in taken)}
    return types.learn(classes, modules)


def _joined(known: Mapping[TypeName, type], classes: Any) -> dict[TypeName, type]:
    """Return `known` with `classes`; raises `BadTypeName` where a name has two owners."""
    named = [(_checked_name(cls), cls) for cls in classes]
    renewed = {_place(cls) for _, cls in named}
    joined = {name: cls for name, cls in known.items() if _place(cls) not in renewed}
    for name, cls in named:
        other = joined.setdefault(name, cls)
        if _place(other) != _place(cls):
            raise BadTypeName(
                f"two classes are named {name}: {_place(other)} and {_place(cls)}; "
                "give one of them another name, or the next major"
            )
        joined[name] = cls
    return joined


def _checked_name(cls: Any) -> TypeName:
    """Return the name of a class that can be kept; raises `BadTypeName` and `TypeError`."""
    name = name_of(cls) if isinstance(cls, type) else None
    if name is None:
        raise BadTypeName(
            f"{_place(cls)} has no name to be kept under; write @message('dist:Name@1') above it"
        )
    if not (_is_struct(cls) or dataclasses.is_dataclass(cls) or _is_model(cls)):
        kinds = "a msgspec Struct, a dataclass or a pydantic model"
        raise TypeError(f"{_place(cls)} is kept as {name}: wanted is {kinds}")
    return parse_name(name)


def _renewed(
    steps: Mapping[tuple[str, int], tuple[Step, Upcaster]], modules: set[str]
) -> dict[tuple[str, int], tuple[Step, Upcaster]]:
    """Return `steps` with those that `modules` have now in place of those they had."""
    renewed = {key: it for key, it in steps.items() if it[1].__module__ not in modules}
    for step, function in _found(modules):
        other = renewed.setdefault((step.base, step.old), (step, function))[1]
        if _place(other) != _place(function):
            raise BadTypeName(
                f"two functions upcast {step.base}@{step.old}: {_place(other)} and "
                f"{_place(function)}; leave one of them"
            )
        renewed[step.base, step.old] = step, function
    return renewed


def _found(modules: set[str]) -> Iterator[tuple[Step, Upcaster]]:
    for module in sorted(modules):
        for thing in list(getattr(sys.modules.get(module), "__dict__", {}).values()):
            if step := step_of(thing):
                yield step, thing


def _readers(
    classes: Mapping[TypeName, type], steps: Mapping[tuple[str, int], tuple[Step, Upcaster]]
) -> dict[str, Reader]:
    """Return a reader for each class, and for each older major from which steps lead to one."""
    readers = {str(name): Reader(cls) for name, cls in classes.items()}
    for base, old in steps:
        way: tuple[Upcaster, ...] = ()
        at = TypeName(base, old)
        while at not in classes and (base, at.major) in steps:
            step, function = steps[base, at.major]
            way, at = (*way, function), TypeName(base, step.new)
        if way and at in classes:
            readers[f"{base}@{old}"] = Reader(classes[at], way)
    return readers


def _decoder_of(cls: type) -> Callable[[Any], Any]:
    """Return what makes an instance of `cls` from bytes."""
    if cls is object:
        return UNPACK
    if not _is_model(cls):
        decode: Callable[[Any], Any] = msgspec.msgpack.Decoder(cls).decode
        return decode
    validate: Callable[[Any], Any] = cls.model_validate  # type: ignore[attr-defined]
    return lambda body: validate(UNPACK(body))


def _is_struct(cls: type) -> bool:
    return issubclass(cls, msgspec.Struct)


def _is_model(cls: type) -> bool:
    """Tell whether `cls` is a pydantic model, without pydantic."""
    return hasattr(cls, "model_validate") and hasattr(cls, "model_dump")


def _place(thing: Any) -> str:
    return f"{thing.__module__}:{thing.__qualname__}" if callable(thing) else repr(thing)
