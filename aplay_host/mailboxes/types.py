"""Which class a name stands for, and how an older major becomes it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Set
from types import FunctionType
from typing import Any

import msgspec

from ..errors import BadMessageType
from .messages import Step, TypeName, name_of, parse_name, step_of
from .plain import PLAIN

ANY = "aplay:any@1"
"""The name of plain values, which need no class."""

PACK = msgspec.msgpack.Encoder().encode
UNPACK: Callable[[Any], Any] = msgspec.msgpack.Decoder().decode

Upcaster = FunctionType
Steps = dict[tuple[str, int], tuple[Step, Upcaster]]
"""By base and the major from which they lead."""


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
        self._steps: Steps = {}
        self._readers: dict[str, Reader] = {ANY: Reader(object)}

    def register(self, *classes: type) -> frozenset[str]:
        """Know `classes`, and the upcasters in their modules; return what can be read now.

        These are the names, older majors included, that could not be read before. Raises
        `BadMessageType` where a class is of another kind, has no name or one that belongs to
        another class, or where two functions are marked for one step; nothing is changed then.
        """
        return self.learn(classes, {cls.__module__ for cls in classes})

    def learn(self, classes: Collection[type], modules: Set[str]) -> frozenset[str]:
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

    def reader_as(self, name: str, cls: type) -> Reader | None:
        """Return what reads bodies of that name as a `cls`, registered or not, or None.

        Upcasters are those that are known, and those in its module. Raises as `register`.
        """
        reader = self._readers.get(name)
        if cls in PLAIN:
            return reader if name == ANY else None
        if reader is not None and reader.cls is cls:
            return reader
        known = {checked_name(cls): cls}
        return _readers(known, _renewed(self._steps, {cls.__module__})).get(name)

    def why_unknown(self, name: str) -> str:
        """Say why there is no reader for `name`."""
        try:
            wanted = parse_name(name)
        except BadMessageType:
            return f"{name!r} is no name of a type"
        majors = sorted(one.major for one in self._classes if one.base == wanted.base)
        if not majors:
            return f"no actor that is loaded accepts a class named {name}"
        if wanted.major > majors[-1]:
            return f"{name} is newer than what is loaded, {wanted.base}@{majors[-1]}"
        return f"no upcast leads from {name} to {wanted.base}@{majors[-1]}"


def accept(types: TypeRegistry, *actors: type) -> frozenset[str]:
    """Register what each of the actor classes `actors` accepts, and its `saved_type`.

    Upcasters are found in the modules of these classes and of the actors. Returns and raises
    what `TypeRegistry.register` does. It may be called again for the same classes, and is to
    be after each change of code, before an actor handles mail with the new one.
    """
    classes: list[type] = []
    modules: set[str] = set()
    for actor in actors:
        taken = [cls for cls in _taken_by(actor) if cls not in PLAIN]
        if taken:
            classes += taken
            modules |= {actor.__module__, *(cls.__module__ for cls in taken)}
    return types.learn(classes, modules)


def checked_name(cls: type) -> TypeName:
    """Return the name of a class that can be kept; raises `BadMessageType`."""
    name = name_of(cls)
    if name is None:
        raise BadMessageType(
            f"{_place(cls)} has no name to be kept under; write @message('dist:Name@1') above it"
        )
    if not (issubclass(cls, msgspec.Struct) or dataclasses.is_dataclass(cls) or _is_model(cls)):
        kinds = "a msgspec Struct, a dataclass or a pydantic model"
        raise BadMessageType(f"{_place(cls)} is to be kept as {name}: wanted is {kinds}")
    return parse_name(name)


def _taken_by(actor: type) -> list[type]:
    """Return `accepts` and `saved_type` of an actor class; raises `BadMessageType`."""
    accepts = getattr(actor, "accepts", ())
    saved = getattr(actor, "saved_type", None)
    taken = [*(accepts if isinstance(accepts, tuple | list) else ()), *((saved,) if saved else ())]
    if not isinstance(accepts, tuple | list) or not all(isinstance(cls, type) for cls in taken):
        raise BadMessageType(
            f"{_place(actor)}: accepts is {accepts!r} and saved_type {saved!r}; wanted are a "
            "tuple of classes and a class"
        )
    return taken


def _joined(known: Mapping[TypeName, type], classes: Collection[type]) -> dict[TypeName, type]:
    """Return `known` with `classes`; raises `BadMessageType` where a name has two owners.

    Of several generations it is the one that its module has now, else the last.
    """
    kept = [cls for cls in known.values() if not _is_replaced(cls)]
    newest_last = sorted([*kept, *classes], key=_is_replaced, reverse=True)
    joined: dict[TypeName, type] = {}
    for cls in {_place(cls): cls for cls in newest_last}.values():
        other = joined.setdefault(checked_name(cls), cls)
        if other is not cls:
            raise BadMessageType(
                f"two classes are named {name_of(cls)}: {_place(other)} and {_place(cls)}; "
                "give one of them another name, or the next major"
            )
    return joined


def _is_replaced(thing: type | Upcaster) -> bool:
    """Tell whether the module of `thing` was loaded anew since, without it or with a newer one."""
    found: Any = sys.modules.get(thing.__module__)
    if found is None or "<" in thing.__qualname__:
        return False
    for name in thing.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is not thing


def _renewed(steps: Steps, modules: Set[str]) -> Steps:
    """Return `steps` with those in `modules`, and without those that were replaced."""
    renewed = {key: it for key, it in steps.items() if not _is_replaced(it[1])}
    for step, function in _found(modules):
        other = renewed.setdefault((step.base, step.old), (step, function))[1]
        if _place(other) != _place(function):
            raise BadMessageType(
                f"two functions upcast {step.base}@{step.old}: {_place(other)} and "
                f"{_place(function)}; leave one of them"
            )
        renewed[step.base, step.old] = step, function
    return renewed


def _found(modules: Set[str]) -> Iterator[tuple[Step, Upcaster]]:
    for module in sorted(modules):
        for thing in list(getattr(sys.modules.get(module), "__dict__", {}).values()):
            if step := step_of(thing):
                yield step, thing


def _readers(classes: Mapping[TypeName, type], steps: Steps) -> dict[str, Reader]:
    """Return a reader for each class, and for each older major from which steps lead to one."""
    readers = {str(name): Reader(cls) for name, cls in classes.items()}
    for base, old in steps:
        way: tuple[Upcaster, ...] = ()
        at = TypeName(base, old)
        while at not in classes and (base, at.major) in steps:
            step, function = steps[base, at.major]
            way, at = (*way, function), TypeName(base, step.new)
        if at in classes:
            readers[f"{base}@{old}"] = Reader(classes[at], way)
    return readers


def _decoder_of(cls: type) -> Callable[[Any], Any]:
    """Return what makes an instance of `cls` from bytes."""
    if cls is object:
        return UNPACK
    if _is_model(cls):
        validate: Callable[[Any], Any] = cls.model_validate  # type: ignore[attr-defined]
        return lambda body: validate(UNPACK(body))
    try:
        decode: Callable[[Any], Any] = msgspec.msgpack.Decoder(cls).decode
    except Exception as error:
        raise BadMessageType(f"{_place(cls)} has fields that cannot be read: {error}") from error
    return decode


def _is_model(cls: type) -> bool:
    """Tell whether `cls` is a pydantic model, without pydantic."""
    return hasattr(cls, "model_validate") and hasattr(cls, "model_dump")


def _place(thing: type | Upcaster) -> str:
    return f"{thing.__module__}:{thing.__qualname__}"
