"""Where guests' modules are, and what was read of them.

Python is asked, and only when a module is needed: whatever layout an installation has, the
finders that belong to it know. So nothing here knows of wheels, ``.pth`` files or links.
"""

from __future__ import annotations

import hashlib
import linecache
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import decode_source
from io import StringIO
from itertools import accumulate
from types import CodeType, ModuleType

_OWN = __name__.partition(".")[0]
"""This package: its modules are nobody's guests, whoever names them."""
_INSTALLED = {"site-packages", "dist-packages"}
_STANDARD_LIBRARY = os.path.dirname(os.path.realpath(os.__file__))


@dataclass(frozen=True, slots=True)
class Located:
    """A module in scope that was imported, or tried: its file, its source and the hash of it.

    `origin` is None for a namespace package, and so is `root`, the first package on the way to
    it or its file; `digest` is None where there is no `source`.
    """

    name: str
    origin: str | None
    root: str | None
    digest: str | None
    source: bytes | None = field(default=None, repr=False)

    @property
    def is_package(self) -> bool:
        """Tell whether it is a package with a file of its own."""
        return self.origin is not None and os.path.basename(self.origin).startswith("__init__.")


@dataclass(frozen=True, slots=True)
class Noted:
    """What a finder had found out at one moment, and can go back to."""

    located: dict[str, Located]
    missing: set[str]
    foreign: set[str]


def digest_of(source: bytes) -> str:
    """Return the hash by which one source is told from another."""
    return hashlib.blake2b(source, digest_size=16).hexdigest()


def read_file(path: str) -> bytes:
    """Return the bytes of `path`."""
    with open(path, "rb") as stream:
        return stream.read()


class ScopeFinder:
    """Finds the modules of guests, and no others, ahead of all other finders.

    It asks the others where a module is, reads and compiles the source itself (``.pyc``
    files, which may be out of date unnoticed, are neither read nor written), and remembers:
    `located` by name, in the order of the first look, and `missing`, the names in scope that
    nobody found. Tracebacks show the lines that `located` has. `read` gives the source for a
    path. `on_module` is called before the code of each module in scope runs; `slowest` is the
    one whose own code took longest since that was last reset, with its seconds, which include
    the libraries that it imports.

    Names come into scope by `add`. It is active between `install` and `remove`, and inside
    of `in_place`.
    """

    def __init__(self, read: Callable[[str], bytes] = read_file) -> None:
        self.read = read
        self.on_module: Callable[[], None] = lambda: None
        self.located: dict[str, Located] = {}
        self.missing: set[str] = set()
        self.slowest = (0.0, "")
        self._spent = 0.0
        self._prefixes: dict[str, bool] = {}  # of the targets, and whether wherever they are
        self._foreign: set[str] = set()

    # ---- scope ---------------------------------------------------------------------------

    def add(self, module: str, *, wherever: bool = True) -> None:
        """Take the package that `module` lies in into scope.

        Where `wherever` is False it is in scope only outside of site directories and the
        standard library: what is installed there without being a plugin is a library.
        """
        for prefix in _prefixes(module) if module.partition(".")[0] != _OWN else ():
            self._prefixes[prefix] = wherever or self._prefixes.get(prefix, False)

    def add_place(self, path: str, *, wherever: bool = True) -> None:
        """Take the modules in a folder into scope, or the one package or module at `path`.

        `wherever` is that of `add`.
        """
        below = sorted(os.listdir(path)) if os.path.isdir(path) and not _is_package(path) else None
        for one in [path] if below is None else [os.path.join(path, name) for name in below]:
            if _is_package(one) or one.endswith(".py"):
                self.add(_name_of(one), wherever=wherever)

    def covers(self, name: str) -> bool:
        """Tell whether the module `name` is in scope, as far as it is known.

        A package counts as a whole. A namespace package counts for the way to a target
        alone, and its other parts are somebody else's.
        """
        return self._package_of(name) is not None

    def _package_of(self, name: str) -> str | None:
        """Return the package in scope that the module `name` counts to, if there is one."""
        if name.partition(".")[0] not in self._prefixes:
            return None
        package = next((one for one in _prefixes(name) if not _is_bare(one)), name)
        in_scope = package in self._prefixes and package not in self._foreign
        return package if in_scope else None

    @contextmanager
    def timing(self, name: str) -> Iterator[None]:
        """Take the time of the module that the block runs, without that of others in scope."""
        began, before = time.perf_counter(), self._spent
        try:
            yield
        finally:
            took = time.perf_counter() - began
            self.slowest = max(self.slowest, (took - (self._spent - before), name))
            self._spent = before + took

    # ---- being on sys.meta_path ----------------------------------------------------------

    def install(self) -> None:
        """Become the first finder; do nothing more if it is."""
        if not sys.meta_path or sys.meta_path[0] is not self:
            self.remove()
            sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """Be no finder any more; what was imported stays."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Be the first finder for the block."""
        was_there = self in sys.meta_path
        self.install()
        try:
            yield
        finally:
            if not was_there:
                self.remove()

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module in scope, with a loader of ours if it has source."""
        package = self._package_of(name)
        if package is None:
            return None
        spec = self._ask_the_others(name, path, target)
        if spec is None:
            self.missing.add(name)
        elif not self._prefixes[package] and _is_library(spec.origin):
            self._foreign.add(package)
        else:
            self._note(spec)
        return spec

    def _note(self, spec: ModuleSpec) -> None:
        """Remember where a module is, and load it from the bytes that are there now."""
        source = digest = None
        # Another kind of loader rewrites what it loads, or loads no source: its business.
        if type(spec.loader) in (SourceFileLoader, _Loader) and spec.origin:
            source = self.read(spec.origin)
            digest = digest_of(source)
            spec.loader = _Loader(spec.name, spec.origin, source, self)
        self.missing.discard(spec.name)
        root = _root(spec.name, spec.origin) if spec.origin else None
        found = Located(spec.name, spec.origin, root, digest, source)
        self.located[spec.name] = found
        _show(found)

    def _ask_the_others(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        finders = list(sys.meta_path)
        # Those before were asked already, and two of this kind must not ask each other.
        others = finders[finders.index(self) + 1 :] if self in finders else finders
        for finder in others:
            find_spec = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find_spec(name, path, target) if find_spec else None
            if spec is not None:
                return spec
        return None

    # ---- another try ---------------------------------------------------------------------

    def noted(self) -> Noted:
        """Return what has been found out so far."""
        return Noted(dict(self.located), set(self.missing), set(self._foreign))

    def shift(self, before: Noted, after: Noted) -> None:
        """Know of `after` what differs from `before`; what was found out meanwhile stays known."""
        located = dict[str, Located]()
        for name in dict.fromkeys((*after.located, *self.located)):
            was, now = before.located.get(name), after.located.get(name)
            found = self.located.get(name) if was is now else now
            if found is not None:
                located[name] = found
                if found is not self.located.get(name):
                    _show(found)
        self.located = located
        self.missing = self.missing - (before.missing - after.missing) | (
            after.missing - before.missing
        )
        self._foreign = self._foreign - (before.foreign - after.foreign) | (
            after.foreign - before.foreign
        )

    def forget(self, names: Iterable[str]) -> None:
        """Know nothing of the modules `names` any more."""
        for name in names:
            self.located.pop(name, None)

    def file_now(self, name: str) -> str | None:
        """Return the file that the module `name` would be imported from now, None for none.

        Nothing is imported or noted.
        """
        parent = name.rpartition(".")[0]
        path = self._path_now(parent) if parent else None
        if parent and path is None:
            return None
        spec = self._look_up(name, path)
        return spec.origin if spec is not None and spec.has_location else None

    def _path_now(self, package: str) -> Sequence[str] | None:
        """Return where the modules in `package` would be looked for; None if it is none."""
        if package in sys.modules:
            return getattr(sys.modules[package], "__path__", None)
        parent = package.rpartition(".")[0]
        path = self._path_now(parent) if parent else None
        if parent and path is None:
            return None
        spec = self._look_up(package, path)
        places = None if spec is None else spec.submodule_search_locations
        return None if places is None else list(places)

    def _look_up(self, name: str, path: Sequence[str] | None) -> ModuleSpec | None:
        """Return what is found for a module whose parents need not be imported."""
        try:
            return self._ask_the_others(name, path)
        except KeyError:  # a namespace in a namespace asks its parent, which is not there yet
            return PathFinder.find_spec(name.rpartition(".")[2], path)

    # ---- where it all is -----------------------------------------------------------------

    def roots(self) -> tuple[str, ...]:
        """Return where the modules are: directories and single files, by real path, none nested.

        For each module that was located this is the first package on the way to it.
        """
        found = {one.root for one in self.located.values() if one.root}
        kept: list[str] = []
        for root in sorted(found):
            if not kept or not root.startswith(kept[-1] + os.sep):
                kept.append(root)
        return tuple(kept)

    def to_watch(self) -> tuple[str, ...]:
        """Return `roots` less what is installed, and where names tried in vain would be.

        What is installed changes as a whole, and whoever did it leaves other traces.
        """
        found = [one for one in self.roots() if not _is_library(one)]
        for name in self.missing:
            parent, _, last = name.rpartition(".")
            path = getattr(sys.modules.get(parent), "__path__", ()) if parent else sys.path
            places = (os.path.join(os.path.realpath(one), last) for one in path)
            found += [one for it in places if not _is_library(it) for one in (it, f"{it}.py")]
        return tuple(found)

    def file_of(self, module: str) -> str | None:
        """Return the file of `module`, None where it was not located or has none."""
        return self.located[module].origin if module in self.located else None

    def root_of(self, module: str) -> str | None:
        """Return which one of `roots` the file of `module` is in, None where it has none."""
        return self.located[module].root if module in self.located else None

    def is_loaded(self, module: str) -> bool:
        """Tell whether code of the package that `module` is in was loaded from here."""
        package = self._package_of(module) or module
        inside = (one for one in self.located if one == package or one.startswith(f"{package}."))
        return any(one in sys.modules for one in inside)

    def stamp(self, module: str) -> str:
        """Return a text that is another one after any file beside `module` has changed.

        Covers the package that `module` is in. Nothing is imported or remembered; the text
        is empty where the module is not found.
        """
        file = self.file_now(module)
        return _stamp(_root(module, file)) if file else ""


class _Loader(SourceFileLoader):
    """Runs the source that was read when the module was found."""

    def __init__(self, name: str, path: str, source: bytes, finder: ScopeFinder) -> None:
        super().__init__(name, path)
        self._source = source
        self._finder = finder

    def get_code(self, fullname: str) -> CodeType:
        """Return the compiled source; there is no cache."""
        code: CodeType = self.source_to_code(self._source, self.path)
        return code

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code; a package holds what survived in it before that."""
        self._finder.on_module()
        _hold_submodules(module)
        with self._finder.timing(self.name):
            super().exec_module(module)


def _hold_submodules(package: ModuleType) -> None:
    """Set as attributes the modules of `package` that are loaded: an import would have."""
    if hasattr(package, "__path__"):
        head = f"{package.__name__}."
        for name, module in tuple(sys.modules.items()):
            if name.startswith(head) and "." not in name[len(head) :]:
                setattr(package, name[len(head) :], module)


def _show(found: Located) -> None:
    """Let tracebacks show the lines of a module as it was found, whatever is on disk by then.

    A module that was tried in vain, and cannot be decoded, has none.
    """
    if found.origin and found.source is not None:
        with suppress(SyntaxError, UnicodeError):
            lines = list(StringIO(decode_source(found.source)))
            linecache.cache[found.origin] = (len(found.source), None, lines, found.origin)


def _prefixes(module: str) -> Iterator[str]:
    return accumulate(module.split("."), "{}.{}".format)


def _is_package(path: str) -> bool:
    return os.path.isfile(os.path.join(path, "__init__.py"))


def _name_of(path: str) -> str:
    """Return the name of the module or package at `path`, as the packages around it have it."""
    folder, last = os.path.split(path)
    name = last.removesuffix(".py")
    while _is_package(folder):
        folder, last = os.path.split(folder)
        name = f"{last}.{name}"
    return name


def _is_bare(name: str) -> bool:
    """Tell whether the module `name` was imported as a namespace package: it has no file."""
    found = getattr(sys.modules.get(name), "__dict__", {})
    return "__path__" in found and found.get("__file__") is None


def _is_library(origin: str | None) -> bool:
    """Tell whether a module is installed, built in or of the standard library."""
    if origin is None or not os.path.isabs(origin):
        return True
    real = os.path.realpath(origin)
    return bool(_INSTALLED.intersection(real.split(os.sep))) or real.startswith(
        _STANDARD_LIBRARY + os.sep
    )


def _root(name: str, origin: str) -> str:
    """Return the first package on the way to the module `name`, or its file.

    The directory that the link of a file leads to counts as the package if it has its name; one
    with another name may hold anything.
    """
    file, packages = os.path.realpath(origin), name.split(".")
    if not os.path.basename(origin).startswith("__init__."):
        packages.pop()
    way = [file]
    for package in reversed(packages):
        way.insert(0, os.path.dirname(way[0]))
        if os.path.islink(origin) and os.path.basename(way[0]) != package:
            return file
    return next((one for one in way if os.path.exists(os.path.join(one, "__init__.py"))), file)


def _stamp(root: str) -> str:
    files = [root]
    for directory, below, names in os.walk(root):
        below[:] = [one for one in below if one != "__pycache__" and one[0] != "."]
        files += [os.path.join(directory, name) for name in names]
    statuses = ((one, os.stat(one)) for one in sorted(files) if os.path.isfile(one))
    told = [(one, it.st_mtime_ns, it.st_size) for one, it in statuses]
    return hashlib.blake2b(repr(told).encode(), digest_size=16).hexdigest()
