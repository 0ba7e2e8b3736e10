"""The one place where guests' modules are run: a transaction that leaves all or nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final, TypeVar

from .failure import Failure
from .finder import ScopeFinder
from .surroundings import Surroundings

T = TypeVar("T")
MISSING: Final = object()


class Exchange:
    """The modules of one transaction, from their first line until they take their places.

    Guests' code runs in `run`; what is around it is noted before its first line. Nobody else
    sees the new modules until `keep`; `drop` puts all that was journaled back, by identity:

    ================================================  ==========  ==========
    what the code changed                             `keep`      `drop`
    ================================================  ==========  ==========
    modules in scope, and what was there before       takes over  undone
    their names in packages that were there before    takes over  undone
    ``sys.path``, ``meta_path``, ``path_hooks``       stays       undone
    signal handlers, handlers of the root logger      stays       undone
    ``warnings.filters``                              stays       undone
    streams, ``sys.excepthook``, working directory    told        undone
    modules of others, imported for the first time    stays       stays
    threads, exit handlers, environment               told        told
    ================================================  ==========  ==========

    Modules of others stay because not all of them survive a second import.
    """

    def __init__(self, finder: ScopeFinder) -> None:
        self._finder = finder
        self._surroundings: Surroundings | None = None
        self._places: dict[tuple[int, str], _Place] = {}

    def take(self, names: Iterable[str]) -> None:
        """Have the modules `names` imported anew by what runs from now on."""
        for name in names:
            self._note(sys.modules, name, sys.modules.get(name, MISSING), MISSING)
            parent, _, child = name.rpartition(".")
            if parent in sys.modules:
                attributes = _vars(sys.modules[parent])
                self._note(attributes, child, attributes.get(child, MISSING), MISSING)

    def run(self, action: Callable[[], T]) -> T:
        """Call `action` with what is staged in place, stage what it imports; errors pass."""
        if self._surroundings is None:
            self._surroundings = Surroundings()
        self.keep()
        table, modules = sys.modules, dict(sys.modules)
        attributes = {name: dict(found) for name, found in self._packages(modules).items()}
        try:
            return action()
        finally:
            sys.modules = table
            for name in [one for one in table if not isinstance(one, str)]:
                del table[name]
            self._stage(modules, attributes)
            self.put_back()

    def keep(self) -> None:
        """Let everything that is staged take its place."""
        for place in self._places.values():
            _put(place.where, place.key, place.new)

    def put_back(self) -> None:
        """Undo `keep`; what is staged stays so."""
        for place in self._places.values():
            _put(place.where, place.key, place.old)

    def drop(self) -> None:
        """Undo everything, as far as it can be."""
        self.put_back()
        if self._surroundings is not None:
            self._surroundings.restore()

    def reversed(self) -> Exchange:
        """Return one in which what this has put in its place goes, and what was there comes."""
        back = Exchange(self._finder)
        for key, it in self._places.items():
            back._places[key] = _Place(it.where, it.key, it.new, it.old)
        return back

    def modules(self) -> dict[str, ModuleType | None]:
        """Return the staged modules by name, None for one that is taken out."""
        found = {it.key: it.new for it in self._places.values() if it.where is sys.modules}
        return {
            name: module if isinstance(module, ModuleType) else None
            for name, module in found.items()
        }

    def left(self) -> tuple[str, ...]:
        """Return what the code has begun or changed and a `keep` leaves so, as text."""
        return () if self._surroundings is None else self._surroundings.left()

    def robbery(self) -> Failure | None:
        """Return the failure of code that took away what the imports of others need."""
        lost = "" if self._surroundings is None else self._surroundings.lost()
        message = f"its import takes something out of {lost}, which others need"
        return Failure("import", "took-away", message) if lost else None

    def _packages(self, modules: dict[str, ModuleType]) -> dict[str, dict[str, Any]]:
        """Return the attributes of the packages in scope: importing into them sets some."""
        found = {name: _vars(modules[name]) for name in filter(self._finder.covers, modules)}
        return {name: attributes for name, attributes in found.items() if "__path__" in attributes}

    def _stage(self, modules: dict[str, ModuleType], attributes: dict[str, dict[str, Any]]) -> None:
        for name in {**modules, **sys.modules}:
            old, new = modules.get(name, MISSING), sys.modules.get(name, MISSING)
            if old is new or (old is MISSING and not self._is_guests(name)):
                continue
            self._note(sys.modules, name, old, new)
            parent, _, child = name.rpartition(".")
            if parent in sys.modules:
                was_there = modules.get(parent) is sys.modules[parent]
                before = attributes.get(parent, {}).get(child, MISSING) if was_there else MISSING
                owner = _vars(sys.modules[parent])
                self._note(owner, child, before, owner.get(child, MISSING))

    def _is_guests(self, name: str) -> bool:
        """Tell whether a new module may go again: not a namespace in which others stay."""
        if not self._finder.covers(name):
            return False
        inside = (one for one in sys.modules if one.startswith(f"{name}."))
        has_code = _vars(sys.modules[name]).get("__file__") is not None
        return has_code or all(map(self._finder.covers, inside))

    def _note(self, where: dict[str, Any], key: str, old: object, new: object) -> None:
        place = self._places.setdefault((id(where), key), _Place(where, key, old, new))
        place.new = new


@dataclass(slots=True)
class _Place:
    """A key of a mapping, with what was there and what is to be there."""

    where: dict[str, Any]
    key: str
    old: object
    new: object


def _vars(module: object) -> dict[str, Any]:
    """Return the attributes of a module; none for what a guest may have put in its place."""
    found = getattr(module, "__dict__", None)
    return found if isinstance(found, dict) else {}


def _put(where: dict[str, Any], key: str, value: object) -> None:
    if value is MISSING:
        where.pop(key, None)
    else:
        where[key] = value
