"""The source of a package, read into records; nothing of it is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Scope = Literal["module", "class", "function"]
"""Where a statement stands: those in a module or a class run when the module is imported."""


@dataclass(frozen=True, slots=True)
class Import:
    """One name that is imported; `target` is a module, resolved to its absolute name."""

    target: str
    line: int
    at_import: bool


@dataclass(frozen=True, slots=True)
class Module:
    """One file: its dotted `name`, its `path` from the package's parent, and what it says."""

    name: str
    path: str
    text: str
    tree: ast.Module
    imports: tuple[Import, ...]

    @property
    def home(self) -> str:
        """The package or the lone file below the top package that this module belongs to."""
        return home_of(self.name)


def home_of(dotted: str) -> str:
    """Return the second part of a dotted name; the top package itself is ``__init__``."""
    return dotted.split(".")[1] if "." in dotted else "__init__"


def read_package(root: Path) -> list[Module]:
    """Read every file below `root`, in the order of their names."""
    paths = sorted(root.rglob("*.py"))
    texts = {path: path.read_text(encoding="utf-8") for path in paths}
    trees = {path: ast.parse(text, str(path)) for path, text in texts.items()}
    names = {path: _dotted(path, root) for path in paths}
    # What a door offers comes from the door, also where a file inside has the same name.
    offered = {f"{names[path]}.{name}" for path in paths for name in _offers(trees[path])}
    submodules = frozenset(names.values()) - offered
    return [
        Module(
            names[path],
            path.relative_to(root.parent).as_posix(),
            texts[path],
            trees[path],
            tuple(_imports(trees[path], _package(path, names[path]), submodules)),
        )
        for path in paths
    ]


def statements(body: Iterable[ast.AST], scope: Scope = "module") -> Iterator[tuple[ast.AST, Scope]]:
    """Yield every statement at any depth with its scope, except what ``if TYPE_CHECKING`` hides."""
    for node in body:
        yield node, scope
        if isinstance(node, ast.If) and _is_type_checking(node.test):
            yield from statements(node.orelse, scope)
        else:
            yield from statements(_blocks(node), _scope_inside(node, scope))


def _blocks(node: ast.AST) -> Iterator[ast.AST]:
    kinds = (ast.stmt, ast.excepthandler, ast.match_case)
    return (child for child in ast.iter_child_nodes(node) if isinstance(child, kinds))


def _scope_inside(node: ast.AST, scope: Scope) -> Scope:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return "function"
    return "class" if isinstance(node, ast.ClassDef) and scope == "module" else scope


def _is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def _dotted(path: Path, root: Path) -> str:
    parts = path.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _package(path: Path, name: str) -> str:
    return name if path.stem == "__init__" else name.rpartition(".")[0]


def _offers(tree: ast.Module) -> list[str]:
    """Return the names that the ``__all__`` of a module spells out."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [str(entry.value) for entry in ast.walk(node) if isinstance(entry, ast.Constant)]
    return []


def _imports(tree: ast.Module, package: str, submodules: frozenset[str]) -> Iterator[Import]:
    for node, scope in statements(tree.body):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            targets = _from_targets(node, package, submodules)
        else:
            continue
        for target in targets:
            yield Import(target, node.lineno, scope != "function")


def _from_targets(node: ast.ImportFrom, package: str, submodules: frozenset[str]) -> list[str]:
    """Name the modules behind ``from x import a``: ``x.a`` where that is one, otherwise ``x``."""
    base = _climb(package, node.level) if node.level else ""
    module = ".".join(part for part in (base, node.module) if part)
    candidates = (f"{module}.{alias.name}" for alias in node.names)
    return list(dict.fromkeys(name if name in submodules else module for name in candidates))


def _climb(package: str, level: int) -> str:
    parts = package.split(".")
    return ".".join(parts[: len(parts) - level + 1])
