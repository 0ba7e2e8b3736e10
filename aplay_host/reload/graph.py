"""Who imports whom, read from the source: what a change reaches, and along which imports."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Import:
    """A module that the code of another asks for, perhaps: `target` may be no module at all.

    `target` is an absolute name; it ends in ``.*`` for all that is inside a package.
    `statement` is how the code says it, at `line`, which counts from 1.
    """

    target: str
    statement: str
    line: int


@dataclass(frozen=True, slots=True)
class Step:
    """Why a module is reached: with `by` it imports `module`, which is reached too."""

    module: str
    by: Import


def imports_of(source: bytes, module: str, *, is_package: bool) -> tuple[Import, ...]:
    """Return what `source` imports, at any depth; each target once, where it comes first.

    ============================  =====================================================
    in the source                 targets
    ============================  =====================================================
    ``import a.b``                a, a.b
    ``import a.b as c``           a.b
    ``from a.b import c``         a.b, a.b.c; a relative name is resolved
    ``from a import *``           a, a.*
    ``import_module("a.b")``      a.b; other names than literals are not seen
    ``a.b.c`` where a is bound    a.b, a.b.c
    under ``if TYPE_CHECKING``    none
    ============================  =====================================================

    Source that cannot be parsed imports nothing, as far as anybody can see.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    package = module if is_package else module.rpartition(".")[0]
    nodes = list(_what_runs(tree))
    found: dict[str, Import] = {}
    bound: dict[str, set[str]] = {}
    for node in nodes:
        for target, name, statement in _asked(node, package):
            bound.setdefault(name, set()).add(target)
            found.setdefault(target, Import(target, statement, getattr(node, "lineno", 0)))
    for node in nodes:
        for target, statement in _used(node, bound):
            if target not in found:
                found[target] = Import(target, statement, getattr(node, "lineno", 0))
    return tuple(found.values())


class ImportGraph:
    """The imports among the modules of one generation, by importer.

    A package is no dependency of the modules in it: it contains them.
    """

    def __init__(self, imports: Mapping[str, Iterable[Import]]) -> None:
        self._importers: dict[str, list[tuple[str, Import]]] = {}
        for importer, asked in imports.items():
            for one in asked:
                for target in _targets(one.target, imports):
                    self._importers.setdefault(target, []).append((importer, one))

    def reach(self, changed: Iterable[str]) -> dict[str, Step | None]:
        """Return all modules that a change of `changed` reaches, nearest first, with the reason.

        What is changed itself has None. A changed name need not be that of a module: who
        tried in vain to import it is reached.
        """
        reached: dict[str, Step | None] = dict.fromkeys(changed)
        line = list(reached)
        for module in line:
            for importer, by in self._importers.get(module, ()):
                if importer not in reached:
                    reached[importer] = Step(module, by)
                    line.append(importer)
        return reached


def prefixes(name: str) -> Iterator[str]:
    """Yield ``a``, ``a.b``, ``a.b.c`` for ``a.b.c``."""
    return accumulate(name.split("."), "{}.{}".format)


def _what_runs(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield all nodes in the order of the source, less those for type checkers alone."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        hidden = node.body if isinstance(node, ast.If) and _is_type_checking(node.test) else []
        waiting += [one for one in ast.iter_child_nodes(node) if one not in hidden][::-1]


def _is_type_checking(test: ast.expr) -> bool:
    return getattr(test, "id", getattr(test, "attr", "")) == "TYPE_CHECKING"


def _asked(node: ast.AST, package: str) -> Iterator[tuple[str, str, str]]:
    """Yield target, the name it is bound to (or nothing) and statement, for one node."""
    match node:
        case ast.Import(names=aliases):
            for alias in aliases:
                statement = f"import {ast.unparse(alias)}"
                if alias.asname:
                    yield alias.name, alias.asname, statement
                else:
                    for one in prefixes(alias.name):
                        yield one, one if "." not in one else "", statement
        case ast.ImportFrom(module=name, names=aliases, level=level):
            base = _resolve("." * level + (name or ""), package)
            for alias in aliases if base else ():
                statement = f"from {'.' * level}{name or ''} import {ast.unparse(alias)}"
                yield base, "", statement
                yield f"{base}.{alias.name}", alias.asname or alias.name, statement
        case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]):
            called = getattr(function, "attr", getattr(function, "id", ""))
            if called == "import_module" and (target := _resolve(name, package)):
                yield target, "", f'import_module("{name}")'


def _resolve(name: str, package: str) -> str:
    """Return the absolute name; empty for one that leads out of the package."""
    below = name.lstrip(".")
    level = len(name) - len(below)
    if not level:
        return name
    parts = package.split(".") if package else []
    if level > len(parts):
        return ""
    return ".".join([*parts[: len(parts) - level + 1], *filter(None, [below])])


def _used(node: ast.AST, bound: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
    """Yield what an attribute of an imported name may be, if that is a package, and its text."""
    chain: list[str] = []
    while isinstance(node, ast.Attribute):
        chain.insert(0, node.attr)
        node = node.value
    if chain and isinstance(node, ast.Name):
        for target in sorted(bound.get(node.id, ())):
            yield ".".join([target, *chain]), ".".join([node.id, *chain])


def _targets(target: str, known: Collection[str]) -> Iterator[str]:
    """Yield the names of which a change reaches whoever asks for `target`."""
    package, _, last = target.rpartition(".")
    if last == "*":
        yield from (name for name in known if name.rpartition(".")[0] == package)
        return
    # Python looks for packages on the way first: it may be those that are missing.
    yield from (name for name in prefixes(target) if name == target or name not in known)
