"""The floor plan, and what breaks it: pure functions from modules to messages.

Every rule in `RULES` takes the modules of a package, as `read_package` returns them, and
returns one line for each breach: its place, what stands there, and which rule it breaks.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from .source import Import, Module, Scope, home_of, statements

Rule = Callable[[Sequence[Module]], list[str]]

FLOORS = (
    {"kernel"},
    {"errors"},
    {"config", "plugins", "mailboxes"},
    {"reload", "control", "telemetry"},
    {"host"},
    {"cli", "testing"},
)
"""From the ground up; what stands on one floor are strangers to each other."""

DOORS_ON_TOP = {"__init__", "__main__", "aplay"}
"""Open every floor to the outside; no floor imports them."""

COMMON = {"_door", "_version"}
"""May be imported by everyone."""

HOMES = {
    "anyio": {"testing"},
    "click": {"cli"},
    "h11": {"control"},
    "msgspec": {"mailboxes"},
    "pluggy": {"plugins"},
    "prometheus_client": {"telemetry"},
    "pydantic": {"config"},
    "pytest": {"testing"},
    "starlette": {"control"},
    "tomli": {"config"},
    "uvicorn": {"control"},
    "uvloop": {"host"},
    "watchfiles": {"reload"},
}
"""Where each library is imported; the kernel is nobody's home."""

GUESTS = {("config", "msgspec")}
"""Imported inside a function only: when an Options class turns out to be a Struct."""

LONGEST_FILE = 450
LONGEST_BODY = 60

_LEVEL = {home: level for level, floor in enumerate(FLOORS, start=1) for home in floor}
_CONSTANT = re.compile(r"_*[A-Z][A-Z0-9_]*|__\w+__")
_MUTABLE_DISPLAYS = (ast.Dict, ast.List, ast.Set, ast.DictComp, ast.ListComp, ast.SetComp)
_MUTABLE_CALLS = {
    *("dict", "list", "set", "bytearray", "deque", "defaultdict", "OrderedDict", "Counter"),
    *("WeakSet", "WeakKeyDictionary", "WeakValueDictionary", "count", "cache", "lru_cache"),
}
_CACHES = {"cache", "lru_cache"}


def broken_floors(modules: Sequence[Module]) -> list[str]:
    """Imports point down, and every file stands on a floor."""
    placed = _LEVEL.keys() | DOORS_ON_TOP | COMMON
    homeless = [
        f"{module.path}:1 stands on no floor: give {module.home!r} one in FLOORS"
        for module in modules
        if module.home not in placed
    ]
    upward = [
        f"{module.path}:{found.line} imports {found.target}: {why}"
        for module, found in _crossings(modules)
        if (why := _against_gravity(module.home, home_of(found.target)))
    ]
    return homeless + upward


def broken_doors(modules: Sequence[Module]) -> list[str]:
    """A package is entered through its ``__init__``, never through a file inside."""
    return [
        f"{module.path}:{found.line} imports {found.target}: enter through the door, "
        f"{'.'.join(found.target.split('.')[:2])}"
        for module, found in _crossings(modules)
        if found.target.count(".") > 1
    ]


def broken_homes(modules: Sequence[Module]) -> list[str]:
    """A third-party library is imported in its home alone."""
    return [
        f"{module.path}:{found.line} imports {library}: {why}"
        for module in modules
        for library, found in _third_party(module)
        if (why := _away_from_home(module.home, library, found.at_import))
    ]


def import_circles(modules: Sequence[Module]) -> list[str]:
    """No module needs itself in order to be imported; the first circle found is told."""
    ours = {module.name for module in modules}
    lines = {
        (module.name, found.target): f"{module.path}:{found.line} imports {found.target}"
        for module in modules
        for found in module.imports
        if found.at_import and found.target in ours
    }
    needs: dict[str, set[str]] = {}
    for importer, target in lines:
        needs.setdefault(importer, set()).add(target)
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        circle = error.args[1][::-1]
        steps = [lines[pair] for pair in pairwise(circle)]
        return [f"import circle: {', '.join(steps)}"]
    return []


def module_state(modules: Sequence[Module]) -> list[str]:
    """Nothing changeable hangs on a module; what is UPPER_CASE is taken for a constant."""
    return [
        f"{module.path}:{line} {what}: module-level state; hang it on an object"
        for module in modules
        for node, scope in statements(module.tree.body)
        for line, what in _state(node, scope)
    ]


def oversized(modules: Sequence[Module]) -> list[str]:
    """No file and no function body, docstring aside, is longer than its limit."""
    return [
        f"{module.path}:{line} {what} has {length} lines: at most {limit}"
        for module in modules
        for line, what, length, limit in _lengths(module)
        if length > limit
    ]


def stray_prints(modules: Sequence[Module]) -> list[str]:
    """Only the command line prints."""
    return [
        f"{module.path}:{node.lineno} prints: only cli does"
        for module in modules
        if module.home != "cli" and "print" in module.text
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print"
    ]


RULES: tuple[Rule, ...] = (
    broken_floors,
    broken_doors,
    broken_homes,
    import_circles,
    module_state,
    oversized,
    stray_prints,
)


def _crossings(modules: Sequence[Module]) -> Iterator[tuple[Module, Import]]:
    """Yield the imports that lead from one home of the package into another."""
    for module in modules:
        top = module.name.split(".")[0]
        for found in module.imports:
            inside = found.target.split(".")[0] == top
            if inside and home_of(found.target) != module.home:
                yield module, found


def _against_gravity(here: str, there: str) -> str:
    """Say why `here` may not import `there`; empty where it may."""
    if there in COMMON or here in DOORS_ON_TOP:
        return ""
    if there in DOORS_ON_TOP:
        return "a door on top, which no floor imports"
    if floorless := {here, there} - _LEVEL.keys():
        return f"{' and '.join(sorted(floorless))} has no floor"
    if _LEVEL[there] == _LEVEL[here]:
        return f"{here} and {there} share a floor and are strangers"
    if _LEVEL[there] > _LEVEL[here]:
        return f"imports point down, and {there} is above {here}"
    return ""


def _third_party(module: Module) -> Iterator[tuple[str, Import]]:
    for found in module.imports:
        library = found.target.split(".")[0]
        if library not in sys.stdlib_module_names and library != module.name.split(".")[0]:
            yield library, found


def _away_from_home(here: str, library: str, at_import: bool) -> str:
    """Say why `here` may not import `library`; empty where it may."""
    homes = HOMES.get(library)
    if homes is None:
        return "it has no home; give it one in HOMES and a row in docs/dependencies.md"
    if here in homes or ((here, library) in GUESTS and not at_import):
        return ""
    return f"its home is {' and '.join(sorted(homes))}"


def _state(node: ast.AST, scope: Scope) -> Iterator[tuple[int, str]]:
    """Yield line and description of what one statement keeps outside of objects."""
    if isinstance(node, ast.Global):
        yield node.lineno, f"global {', '.join(node.names)}"
    elif isinstance(node, ast.Assign | ast.AnnAssign) and scope == "module":
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        if _is_mutable(node.value):
            yield from ((node.lineno, name) for name in names if not _CONSTANT.fullmatch(name))
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and scope != "function":
        caches = [entry for entry in node.decorator_list if _last_name(entry) in _CACHES]
        yield from ((entry.lineno, f"@{ast.unparse(entry)}") for entry in caches)


def _is_mutable(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        return _last_name(value) in _MUTABLE_CALLS
    return isinstance(value, _MUTABLE_DISPLAYS)


def _last_name(expression: ast.expr) -> str:
    """Return ``c`` for ``c``, ``a.b.c`` and calls of them, with any number of brackets."""
    while isinstance(expression, ast.Call):
        expression = expression.func
    if isinstance(expression, ast.Attribute):
        return expression.attr
    return expression.id if isinstance(expression, ast.Name) else ""


def _lengths(module: Module) -> Iterator[tuple[int, str, int, int]]:
    """Yield line, description, length and limit of the file and of each function in it."""
    yield 1, "the file", len(module.text.splitlines()), LONGEST_FILE
    for node, _ in statements(module.tree.body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, f"{node.name}()", _body_length(node), LONGEST_BODY


def _body_length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
