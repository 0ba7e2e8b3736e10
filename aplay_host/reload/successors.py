"""What stands in the place of the classes, functions and modules that a reload supersedes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import reduce
from types import FunctionType, ModuleType
from typing import Any

_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE


class NoSuccessor(Exception):
    """Nothing stands in the place of a superseded thing; the text says what is missing."""


class Successors:
    """Finds what replaces a thing: what has the same module and qualified name now.

    `modules` are the superseded ones: the new module for each name, None for one that is gone.
    With `themselves` each thing replaces itself, for a copy in which nothing new is seen.
    """

    def __init__(
        self, modules: Mapping[str, ModuleType | None], *, themselves: bool = False
    ) -> None:
        self._modules = modules
        self._themselves = themselves
        self._superseded: dict[type, bool] = {}
        self._found: dict[type, Any] = {}

    def themselves(self) -> Successors:
        """Return one that finds the same things superseded, and keeps them."""
        return Successors(self._modules, themselves=True)

    def supersede(self, thing: object) -> bool:
        """Tell whether `thing` is a class, function or module in whose place another stands."""
        if isinstance(thing, type):
            if thing not in self._superseded:
                self._superseded[thing] = self._is_superseded(thing)
            return self._superseded[thing]
        return isinstance(thing, FunctionType | ModuleType) and self._is_superseded(thing)

    def _is_superseded(self, thing: type | FunctionType | ModuleType) -> bool:
        if _home(thing) not in self._modules:
            return False
        try:
            return self._themselves or self.of(thing) is not thing
        except NoSuccessor:
            return True

    def of(self, thing: Any) -> Any:
        """Return what stands in the place of `thing`.

        Raises `NoSuccessor` where there is nothing, nothing of its kind, or no name to go by.
        """
        if self._themselves:
            return thing
        if not isinstance(thing, type):
            return self._look_up(thing)
        if thing not in self._found:
            self._found[thing] = self._look_up(thing)
        return self._found[thing]

    def _look_up(self, thing: Any) -> Any:
        module = self._modules[_home(thing)]
        if module is None:
            raise NoSuccessor(f"module {_home(thing)} is gone")
        if isinstance(thing, ModuleType):
            return module
        generic = (
            vars(thing).get("__pydantic_generic_metadata__") if isinstance(thing, type) else None
        )
        if generic and (origin := generic["origin"]):  # a model with parameters has no name
            return self.of(origin)[
                tuple(self.of(it) if self.supersede(it) else it for it in generic["args"])
            ]
        name = f"{_home(thing)}:{thing.__qualname__}"
        if "<" in thing.__qualname__:
            raise NoSuccessor(f"{name} has no name outside of the function that made it")
        try:
            found: Any = reduce(getattr, thing.__qualname__.split("."), module)
        except AttributeError:
            raise NoSuccessor(f"{name} is gone") from None
        if isinstance(thing, type):
            found = inspect.unwrap(found)  # a decorator may have put a function in its place
        if isinstance(found, type) != isinstance(thing, type) or not callable(found):
            raise NoSuccessor(f"{name} is a {type(found).__name__} now")
        if isinstance(thing, type) and solid_base(found) is not solid_base(thing):
            raise NoSuccessor(f"{name} derives from {solid_base(found).__name__} now")
        return found


def solid_base(cls: type) -> type:
    """Return the class written in C that `cls` derives from; it decides what instances are."""
    return next(base for base in cls.__mro__ if not base.__flags__ & _HEAP_TYPE)


def _home(thing: Any) -> str:
    return thing.__name__ if isinstance(thing, ModuleType) else str(thing.__module__)
