"""Objects of superseded classes become objects of the new ones; all else stays what it is.

The old objects are not touched: whoever gives up in the middle has lost nothing.
"""

from __future__ import annotations

import time
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum, Flag
from functools import partial, reduce
from operator import or_
from types import BuiltinMethodType, FunctionType, MethodType, ModuleType, UnionType
from typing import Any, NoReturn, TypeVar, get_origin
from weakref import ReferenceType, WeakSet

from .cells import name_of
from .refusal import Refusal, Refused
from .shape import LEFT_OUT, Shape
from .successors import NoSuccessor, Successors
from .survey import ATOMS, CONTAINERS, FROZEN, SEQUENCES, WEAK, Limit, Survey, is_alias

T = TypeVar("T")

MOST_NODES = 200_000
MOST_SECONDS = 0.05

_SCALARS = frozenset({int, float, complex, str, bytes})
_REBUILT = (BaseException, date, timedelta, Decimal)
_KEEP = "keep it, convert it in migrate, or name the attribute in reload_transient"


class Reclass:
    """Converts values for one transaction, in which each old object becomes one new object.

    ==============================================  =========================================
    a value                                         becomes
    ==============================================  =========================================
    an instance of a superseded class               one of its successor, field by field
    a member of a superseded enum                   the member of that name
    a superseded class, function or module          its successor
    a bound method, a partial, ``list[Line]``       the same of what it is made of
    a built-in container, a weak reference or       a copy, where something inside changes
    container
    anything else                                   itself: nobody looks inside
    ==============================================  =========================================

    No ``__init__`` runs. Sharing and cycles are kept. Raises `Refused`, naming the path, for a
    new field that has neither value nor default, for what has no successor, and for a value
    that holds more than `nodes` objects or takes more than `seconds` to look through, by the
    thread's own time. `notes` tells which fields were lost and which got their default.
    """

    def __init__(
        self,
        successors: Successors,
        *,
        nodes: int = MOST_NODES,
        seconds: float = MOST_SECONDS,
        clock: Callable[[], float] = time.thread_time,
    ) -> None:
        self.successors = successors
        self.notes: dict[str, None] = {}
        self._limit = Limit(nodes, seconds, clock)
        self._made: dict[int, tuple[object, object]] = {}
        self._shapes: dict[type, Shape] = {}

    def shape_of(self, cls: type) -> Shape:
        """Return the shape of a class; it is looked at once."""
        if cls not in self._shapes:
            self._shapes[cls] = Shape.of(cls)
        return self._shapes[cls]

    def seed(self, old: object, new: object) -> None:
        """Let `new` stand wherever `old` does: a behaviour, say, that was made otherwise."""
        self._made[id(old)] = (old, new)

    def convert(self, value: T, place: str, *, copy: bool = False, attributes: bool = False) -> T:
        """Return what `value`, found at `place`, becomes.

        With `copy` all containers in it are new ones; with `attributes` it is the dict of an
        instance, and paths are written so.
        """
        if type(value) in ATOMS:
            return value
        survey = Survey(place, self.successors, self._made, self.shape_of, copy=copy)
        survey.explore(value, self._limit, attributes=attributes)
        converted: T = _Conversion(survey, self).run(value)
        return converted

    def remap(self, message: T) -> T:
        """Return what a waiting message becomes."""
        return self.convert(message, f"a waiting {type(message).__qualname__}")

    def copier(self) -> Reclass:
        """Return one that makes instances of superseded classes anew as what they are."""
        limit = self._limit
        return Reclass(
            self.successors.themselves(),
            nodes=limit.nodes,
            seconds=limit.seconds,
            clock=limit.clock,
        )


class _Conversion:
    """Makes anew what a survey found changed.

    What can change later is made empty first, so that cycles end, and filled afterwards; sets
    and mappings last, since a hash may look at what the others are filled with.
    """

    def __init__(self, survey: Survey, reclass: Reclass) -> None:
        self._survey, self._reclass = survey, reclass
        self._made, self._successors = reclass._made, reclass.successors
        self._unfilled: list[Any] = []
        self._unhashed: list[Any] = []

    def run(self, root: Any) -> Any:
        """Return what `root` becomes, complete."""
        try:
            made = self._new(root)
            self._fill()
            while self._unhashed:
                thing = self._unhashed.pop()
                with self._refusing(thing):
                    self._fill_hashed(thing)
        except RecursionError:
            self._survey.refuse_size("is nested too deeply")
        return made

    def _new(self, thing: Any) -> Any:
        """Return what `thing` becomes, which may be empty as yet."""
        if id(thing) in self._made:
            return self._made[id(thing)][1]
        if id(thing) not in self._survey.changed:
            return thing
        with self._refusing(thing):
            made = self._make(thing, type(thing))
        self._reclass.seed(thing, made)
        return made

    def _make(self, thing: Any, kind: Any) -> Any:
        if kind in CONTAINERS:
            return self._container(thing, kind, kind)
        if kind is partial:
            keywords = {key: self._new(value) for key, value in thing.keywords.items()}
            return partial(self._new(thing.func), *map(self._new, thing.args), **keywords)
        if kind in WEAK:
            return self._weak(thing, kind)
        if is_alias(thing):
            arguments = tuple(map(self._new, thing.__args__))
            return (
                reduce(or_, arguments)
                if kind is UnionType
                else self._new(get_origin(thing))[arguments]
            )
        if kind is BuiltinMethodType:
            return getattr(self._new(thing.__self__), thing.__name__)
        if kind is MethodType:
            function = thing.__func__
            if self._successors.supersede(function):
                function = self._successors.of(function)
            # Looked up on its class, a class method comes bound to it.
            return MethodType(getattr(function, "__func__", function), self._new(thing.__self__))
        if isinstance(thing, type | FunctionType | ModuleType):
            return self._successors.of(thing)
        return self._instance(thing, self._successors.of(kind))

    def _instance(self, thing: Any, cls: Any) -> Any:
        if isinstance(thing, Enum):
            return _member(thing, cls)
        shape = self._reclass.shape_of(cls)
        base: Any = shape.base
        if shape.is_whole:
            return cls(**self._values(thing, cls))
        if base in CONTAINERS:
            made = self._container(thing, base, cls)
        elif base in _SCALARS:
            made = base.__new__(cls, *base.__getnewargs__(thing))
        elif issubclass(base, _REBUILT) and not issubclass(base, BaseExceptionGroup):
            made = base.__new__(cls, *base.__reduce__(thing)[1])
        elif base is object:
            made = object.__new__(cls)
        else:
            raise NoSuccessor(f"{name_of(type(thing))} derives from {base.__qualname__}")
        self._unfilled.append(thing)
        return made

    def _container(self, thing: Any, base: Any, cls: Any) -> Any:
        """Make a container: a frozen one with what is in it, any other empty."""
        if base in FROZEN:
            parts = [self._new(part) for part in base.__iter__(thing)]
            if base is frozenset:
                self._fill()
            return base.__new__(cls, parts)
        made = base.__new__(cls)
        if base is deque:
            deque.__init__(made, (), thing.maxlen)
        if base in SEQUENCES:
            self._unfilled.append(thing)
        else:
            self._unhashed.append(thing)
        return made

    def _weak(self, thing: Any, kind: Any) -> Any:
        """Make what holds weakly: a reference whole, a container empty."""
        if kind is not ReferenceType:
            self._unhashed.append(thing)
            return kind()
        target = thing()
        return thing if target is None else kind(self._new(target), self._new(thing.__callback__))

    # ---- filling -------------------------------------------------------------------------

    def _fill(self) -> None:
        """Fill all sequences and instances that are empty as yet."""
        while self._unfilled:
            thing = self._unfilled.pop()
            made, kind = self._made[id(thing)][1], type(thing)
            base: Any = kind if kind in CONTAINERS else self._reclass.shape_of(kind).base
            if base in SEQUENCES and not made:
                base.extend(made, [self._new(part) for part in base.__iter__(thing)])
            if kind not in CONTAINERS:
                shape = self._reclass.shape_of(type(made))
                for name in shape.fill(made, self._values(thing, type(made))):
                    self._note(f"{name_of(type(made))} has no room for {name}, which is lost")

    def _fill_hashed(self, thing: Any) -> None:
        made: Any = self._made[id(thing)][1]
        base: Any = next(
            it for it in (set, WeakSet, OrderedDict, dict, type(thing)) if isinstance(thing, it)
        )
        if base in (set, WeakSet):
            parts = [self._new(part) for part in base.__iter__(thing)]
            self._fill()
            base.update(made, parts)
            return
        pairs = [(self._new(key), self._new(value)) for key, value in base.items(thing)]
        self._fill()
        for key, value in pairs:
            base.__setitem__(made, key, value)
        if isinstance(thing, defaultdict):
            made.default_factory = self._new(thing.default_factory)

    def _values(self, thing: object, cls: type) -> dict[str, Any]:
        """Return what the new instance is to hold, by name."""
        old, new = self._reclass.shape_of(type(thing)), self._reclass.shape_of(cls)
        values = {}
        for name, value in old.values(thing).items():
            if new.is_closed and name in old.fields and name not in new.fields:
                self._note(f"{name_of(cls)} has no field {name} any more, it is lost")
            else:
                values[name] = self._new(value)
        for name in new.fields.keys() - old.fields.keys() - values.keys():
            default = new.fields[name]
            if default is None:
                self._refuse_field(thing, cls, name)
            self._note(f"{name_of(cls)} has a new field {name}, it got its default")
            if (value := default()) is not LEFT_OUT:
                values[name] = value
        return values

    def _note(self, text: str) -> None:
        self._reclass.notes[text] = None

    # ---- saying no -----------------------------------------------------------------------

    @contextmanager
    def _refusing(self, thing: object) -> Iterator[None]:
        """Make a refusal of what goes wrong with `thing`."""
        try:
            yield
        except (Refused, RecursionError):
            raise
        except NoSuccessor as error:
            self._refuse("no-successor", thing, str(error))
        except Exception as error:  # of a hash or a constructor: the classes are a guest's
            self._refuse("not-convertible", thing, f"{type(error).__name__}: {error}")

    def _refuse(self, code: str, thing: object, got: str) -> NoReturn:
        place = self._survey.path(thing)
        raise Refused(Refusal(code, place, got, "something that can take its place", _KEEP))

    def _refuse_field(self, thing: object, cls: type, name: str) -> NoReturn:
        raise Refused(
            Refusal(
                "no-default",
                f"{self._survey.path(thing)}.{name}",
                f"a new field of {name_of(cls)}, and the old object has only "
                f"{', '.join(self._reclass.shape_of(type(thing)).values(thing)) or 'nothing'}",
                "a value for each field",
                "give it a default, or raise state_version and write migrate",
            )
        )


def _member(member: Enum, cls: Any) -> Any:
    if isinstance(member, Flag) and member.name not in type(member).__members__:
        return cls(member.value)
    if member.name not in cls.__members__:
        raise NoSuccessor(f"{name_of(cls)} has no {member.name} any more")
    return cls[member.name]
