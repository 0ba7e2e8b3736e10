"""The imports in a source are found, and a change reaches exactly who holds what it replaces."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from types import FunctionType, ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aplay_host.reload import FileChange, Import, ImportGraph, imports_of, plan_reload

from .sources import Sources

STYLES = (
    "import pkg.{0}",
    "import pkg.{0} as other",
    "from pkg import {0}",
    "from pkg import {0} as other",
    "from . import {0}",
    "from .{0} import Thing as Other",
    "from pkg.{0} import *",
    "from . import *",
    "import pkg\nHELD = pkg.{0}.Thing",
    "def later():\n    from .{0} import Thing\n    return Thing",
    "from importlib import import_module\nHELD = import_module('pkg.{0}').Thing",
    "from importlib import import_module\nHELD = import_module('.{0}', __package__)",
)


def targets(source: str, module: str = "pkg.sub.mod", *, is_package: bool = False) -> list[str]:
    found = imports_of(source.encode(), module, is_package=is_package)
    return [one.target for one in found]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import a", ["a"]),
        ("import a.b.c", ["a", "a.b", "a.b.c"]),
        ("import a.b as c", ["a.b"]),
        ("from a.b import c, d as e", ["a.b", "a.b.c", "a.b.d"]),
        ("from a import *", ["a", "a.*"]),
        ("from . import x", ["pkg.sub", "pkg.sub.x"]),
        ("from .x import y", ["pkg.sub.x", "pkg.sub.x.y"]),
        ("from ..x import y", ["pkg.x", "pkg.x.y"]),
        ("from ....x import y", []),
        ("def f():\n    import a", ["a"]),
        ("try:\n    import fast\nexcept ImportError:\n    import slow", ["fast", "slow"]),
        ("import importlib\nimportlib.import_module('a.b')", ["importlib", "a.b"]),
        ("import_module('.x', __package__)", ["pkg.sub.x"]),
        ("import_module(name)", []),
        ("import a\na.b.c()", ["a", "a.b.c", "a.b"]),
        ("from a import b as c\nc.d", ["a", "a.b", "a.b.d"]),
        ("def f(:", []),
        ("x = '\0'", []),
    ],
)
def test_each_way_to_import_names_what_it_may_load(source: str, found: list[str]) -> None:
    assert [it for it in targets(source) if it != "importlib.import_module"] == found


def test_a_relative_import_in_a_package_itself_begins_at_that_package() -> None:
    assert targets("from .x import y", "pkg", is_package=True) == ["pkg.x", "pkg.x.y"]
    assert targets("from .x import y", "alone") == []


@pytest.mark.parametrize("test", ["TYPE_CHECKING", "typing.TYPE_CHECKING", "t.TYPE_CHECKING"])
def test_what_only_a_type_checker_sees_is_no_import(test: str) -> None:
    assert targets(f"if {test}:\n    import a\nelse:\n    import b\n") == ["b"]


def test_a_source_too_deep_to_be_looked_through_keeps_nobody_from_looking_at_the_others() -> None:
    assert targets("import a\nx = " + "+".join(["1"] * 5000)) == []
    name = "a" + ".b" * 990
    assert targets(f"import a\n{name}")[:2] == ["a", name]


def test_an_import_is_told_with_its_line_and_as_it_is_written() -> None:
    source = b"import os\n\nfrom .models import (\n    Line,\n    Other as O,\n)\n"
    found = imports_of(source, "pkg.parse", is_package=False)
    assert Import("pkg.models.Line", "from .models import Line", 3) in found
    assert Import("pkg.models.Other", "from .models import Other as O", 3) in found


def test_a_change_reaches_importers_of_importers_by_the_shortest_chain() -> None:
    with Sources(
        pkg="",
        pkg__a="X = 1",
        pkg__b="from .a import X",
        pkg__c="from .b import X\nfrom . import a",
    ) as sources:
        sources.load("pkg.c")
        reached = sources.graph().reach(["pkg.a"])
    assert set(reached) == {"pkg.a", "pkg.b", "pkg.c"}
    assert reached["pkg.a"] is None
    assert (step := reached["pkg.c"]) is not None
    assert (step.module, step.by.line) == ("pkg.a", 2)


def test_a_cycle_is_reached_as_a_whole_and_entered_where_it_was_entered_before() -> None:
    with Sources(
        pkg="",
        pkg__z="from .a import late\nclass Z: ...",
        pkg__a="def late():\n    from .z import Z\n    return Z",
    ) as sources:
        sources.load("pkg.z")
        plan = plan_reload(
            sources.running(), [FileChange("edited", "pkg.a", "a.py")], sources.graph(), []
        )
    assert plan.order == ("pkg.z", "pkg.a")


def test_a_package_contains_its_modules_and_is_no_dependency_of_theirs() -> None:
    with Sources(pkg="", pkg__a="", pkg__b="from . import a", pkg__c="import pkg.a") as sources:
        sources.load("pkg.b", "pkg.c")
        assert set(sources.graph().reach(["pkg"])) == {"pkg", "pkg.b", "pkg.c"}


def test_who_tried_in_vain_to_import_a_module_is_reached_when_it_appears() -> None:
    graph = ImportGraph({"user": imports_of(b"import fast.core", "user", is_package=False)})
    assert set(graph.reach(["fast"])) == {"fast", "user"}
    assert set(graph.reach(["fast.core"])) == {"fast.core", "user"}
    assert set(graph.reach(["faster"])) == {"faster"}


def test_who_imports_all_of_a_package_is_reached_by_each_module_in_it() -> None:
    with Sources(pkg="", pkg__a="", pkg__a__deep="", pkg__b="from . import *") as sources:
        sources.load("pkg.a.deep", "pkg.b")
        assert "pkg.b" in sources.graph().reach(["pkg.a"])
        assert "pkg.b" not in sources.graph().reach(["pkg.a.deep"])


@st.composite
def packages(draw: st.DrawFn) -> tuple[dict[str, str], set[str]]:
    """Draw the modules of a package, each importing some before it, and those to edit."""
    count = draw(st.integers(2, 7))
    texts = {"pkg": draw(st.sampled_from(["", "VERSION = 1"]))}
    for number in range(count):
        before = st.sampled_from([f"m{it}" for it in range(number)]) if number else st.nothing()
        asked = draw(st.lists(st.tuples(before, st.sampled_from(STYLES)), max_size=min(number, 3)))
        lines = [style.format(name) for name, style in asked]
        base = next((it for it, style in asked if " as Other" in style), None)
        derived = "" if base is None else "class Derived(Other): ..."
        texts[f"pkg.m{number}"] = "\n".join(
            [*lines, "class Thing:", "    def ask(self):", "        return Thing", derived]
        )
    changed = draw(st.sets(st.sampled_from(sorted(texts)), min_size=1))
    return texts, changed


@given(packages())
@settings(deadline=None)
def test_nothing_that_runs_after_a_reload_belongs_to_a_superseded_module(
    drawn: tuple[dict[str, str], set[str]],
) -> None:
    texts, changed = drawn
    sources = Sources()
    sources.texts = texts
    with sources:
        sources.load(*texts)
        before = {name: sys.modules[name] for name in texts}
        changes = [FileChange("edited", name, name) for name in sorted(changed)]
        plan = plan_reload(sources.running(), changes, sources.graph(), [])
        sources.exchange(plan.superseded, plan.order)
        assert changed <= set(plan.order)
        for name in texts:
            assert (sys.modules[name] is before[name]) is (name not in plan.superseded)
            for found in reachable(sys.modules[name]):
                assert is_present(found), f"{name} holds {found!r}, after {sorted(changed)}"


def reachable(root: ModuleType) -> Iterator[object]:
    """Yield the modules, classes and functions of the package that can be got at from `root`."""
    waiting: list[object] = [root]
    seen: set[int] = set()
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or not isinstance(thing, ModuleType | type | FunctionType):
            continue
        seen.add(id(thing))
        home = inspect.getmodule(thing) if isinstance(thing, ModuleType) else thing.__module__
        name = getattr(home, "__name__", home)
        if str(name).partition(".")[0] == "pkg":
            yield thing
            waiting += vars(thing).values()
            waiting += thing.__mro__ if isinstance(thing, type) else ()


def is_present(thing: object) -> bool:
    if isinstance(thing, ModuleType):
        return thing is sys.modules[thing.__name__]
    assert isinstance(thing, type | FunctionType)
    module = sys.modules[thing.__module__]
    if isinstance(thing, FunctionType):
        return thing.__globals__ is vars(module)
    return vars(module).get(thing.__qualname__) is thing
