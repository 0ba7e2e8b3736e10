"""A package that exists in memory only, and can be loaded again after an edit."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from textwrap import dedent
from types import ModuleType
from typing import Self

from aplay_host.reload import Import, ImportGraph, Running, RunningModule, Successors, imports_of


class Sources(MetaPathFinder, Loader):
    """Serves modules from text; what was loaded is forgotten when the block is left."""

    def __init__(self, **texts: str) -> None:
        self.texts = {name.replace("__", "."): dedent(text) for name, text in texts.items()}
        self.began: list[str] = []

    def __enter__(self) -> Self:
        sys.meta_path.insert(0, self)
        return self

    def __exit__(self, *exc: object) -> None:
        sys.meta_path.remove(self)
        for name in self.texts:
            sys.modules.pop(name, None)

    def is_package(self, name: str) -> bool:
        return any(other.startswith(f"{name}.") for other in self.texts)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self.texts:
            return None
        return spec_from_loader(name, self, is_package=self.is_package(name))

    def exec_module(self, module: ModuleType) -> None:
        for name in self.texts:  # what survives in a package is in it before its code runs
            parent, _, child = name.rpartition(".")
            if parent == module.__name__ and name in sys.modules:
                setattr(module, child, sys.modules[name])
        if module.__name__ not in self.began:
            self.began.append(module.__name__)
        exec(compile(self.texts[module.__name__], module.__name__, "exec"), vars(module))

    def load(self, *names: str) -> dict[str, ModuleType]:
        return {name: import_module(name) for name in names}

    def edit(self, name: str, text: str) -> tuple[ModuleType, ModuleType]:
        """Load another text for a module that is loaded; return the old and the new one."""
        old = sys.modules.pop(name)
        self.texts[name] = dedent(text)
        return old, import_module(name)

    def exchange(self, superseded: Iterable[str], order: Iterable[str]) -> None:
        """Take modules out and run them anew, as a reload does."""
        for name in superseded:
            del sys.modules[name]
            parent, _, child = name.rpartition(".")
            if parent in sys.modules:
                delattr(sys.modules[parent], child)
        self.load(*order)

    def imports(self, name: str) -> tuple[Import, ...]:
        source = self.texts[name].encode()
        return imports_of(source, name, is_package=self.is_package(name))

    def graph(self) -> ImportGraph:
        return ImportGraph({name: self.imports(name) for name in self.began})

    def running(self) -> Running:
        modules = {name: RunningModule(f"/src/{name}.py", "old") for name in self.began}
        return Running(41, modules)


def successors(new: ModuleType) -> Successors:
    """Return what finds the things of `new`, which is the only module that was replaced."""
    return Successors({new.__name__: new})
