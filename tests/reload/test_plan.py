"""A plan says what a reload would do to modules, actors and plugins, and why, or why it cannot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import pytest

from aplay_host.kernel import Actor, ActorSpec, Address, CellView, State
from aplay_host.reload import (
    FileChange,
    Import,
    ImportGraph,
    ReloadPlan,
    Running,
    RunningModule,
    plan_changes,
    plan_reload,
)

GRAPH = ImportGraph(
    {
        "pkg.parse": [Import("pkg.models", "from .models import Line", 4)],
        "pkg.tail": [Import("pkg.parse", "from . import parse", 2)],
        "pkg.base": [],
        "pkg.broken": [Import("pkg.models", "import pkg.models", 1)],
        "ext.user": [Import("pkg.models", "import pkg.models", 7)],
    }
)
MODULES = {
    name: RunningModule(f"/src/{name.replace('.', '/')}.py", "old", name != "pkg.broken")
    for name in ("pkg", "pkg.tail", "pkg.parse", "pkg.models", "pkg.base", "pkg.broken")
}
RUNNING = Running(41, MODULES)


class FoundFile:
    def __init__(self, path: str, digest: str) -> None:
        self.path, self.digest = path, digest


def edited(*modules: str, kind: Any = "edited") -> list[FileChange]:
    return [FileChange(kind, name, f"/src/{name}.py") for name in modules]


def actor_class(module: str, name: str = "Tail", base: type[Actor] = Actor) -> type[Actor]:
    return type(name, (base,), {"__module__": module, "__qualname__": name})


def cell(address: str, cls: type[Actor], state: State = "running", mail: int = 0) -> CellView:
    spec = ActorSpec.of(cls)
    return CellView(Address(address), spec, state, 1, None, (), (), mail)


def declared(**actors: Mapping[str, Any]) -> dict[Address, Mapping[str, Any]]:
    return {Address("/" + name.replace("__", "/")): entry for name, entry in actors.items()}


def plan(changes: list[FileChange], *cells: CellView, **more: Any) -> ReloadPlan:
    return plan_reload(more.pop("running", RUNNING), changes, GRAPH, cells, **more)


def codes(plan: ReloadPlan) -> list[str]:
    return [it.code for it in plan.refusals]


# ---- what changed ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "found", "kind"),
    [
        ("pkg.tail", FoundFile("/src/pkg/tail.py", "old"), None),
        ("pkg.tail", FoundFile("/src/pkg/tail.py", "new"), "edited"),
        ("pkg.tail", FoundFile("/src/pkg/tail/__init__.py", "old"), "edited"),
        ("pkg.tail", None, "deleted"),
        ("space", FoundFile("/src/space/__init__.py", "new"), "added"),
        ("space", None, None),
        ("fast", FoundFile("/src/fast.py", "new"), "phantom"),
        ("fast", None, None),
        ("nobody.asked", FoundFile("/src/nobody/asked.py", "new"), None),
    ],
)
def test_only_what_was_loaded_or_tried_can_change(
    module: str, found: FoundFile | None, kind: str | None
) -> None:
    modules = {**MODULES, "space": RunningModule(None, None)}
    running = Running(41, modules, missing=frozenset({"fast"}))
    assert [it.kind for it in plan_changes(running, {module: found})] == ([kind] if kind else [])


# ---- modules -----------------------------------------------------------------------------


def test_a_helper_two_imports_away_is_told_with_the_whole_chain() -> None:
    found = plan(edited("pkg.models"))
    assert found.order == ("pkg.tail", "pkg.parse", "pkg.models")
    why = {it.module: it.why() for it in found.affected}
    assert why["pkg.models"] == "changed"
    chain = "from . import parse (tail.py:2) ← from .models import Line (parse.py:4)"
    assert why["pkg.tail"] == chain


def test_a_module_that_never_loaded_is_tried_again_and_is_not_in_the_order() -> None:
    found = plan(edited("pkg.models"), running=replace(RUNNING, plugins={"pkg/b": "pkg.broken"}))
    assert "pkg.broken" not in found.order
    assert [(it.id, it.step) for it in found.plugins] == [("pkg/b", "retry")]


def test_a_plugin_whose_module_was_missing_is_tried_when_the_file_appears() -> None:
    running = replace(RUNNING, plugins={"new/x": "new.x"}, missing=frozenset({"new"}))
    found = plan(edited("new", kind="phantom"), running=running)
    assert [(it.id, it.step) for it in found.plugins] == [("new/x", "retry")]


def test_a_deleted_module_is_dropped_and_its_importers_run_anew() -> None:
    found = plan(edited("pkg.parse", kind="deleted"))
    assert found.order == ("pkg.tail",)
    assert found.superseded == ("pkg.tail", "pkg.parse")
    assert not found.refusals


def test_a_package_must_not_become_a_namespace() -> None:
    found = plan(edited("pkg", kind="deleted"))
    assert codes(found) == ["package-gone"]
    everything = edited(*MODULES, kind="deleted")
    assert codes(plan(everything)) == []


def test_what_owns_an_extension_module_needs_a_restart_and_the_rest_goes_on() -> None:
    more = {
        "ext": RunningModule("/src/ext/__init__.py", "old"),
        "ext._c": RunningModule("c.so", None),
    }
    running = Running(41, {**MODULES, **more})
    found = plan(edited("ext", "pkg.tail"), running=running)
    assert [it.module for it in found.restart] == ["ext"]
    assert found.order == ("pkg.tail",)
    assert not found.refusals


def test_a_change_that_reaches_what_cannot_run_anew_is_refused() -> None:
    more = {
        "ext.user": RunningModule("/src/ext/user.py", "old"),
        "ext._c": RunningModule("c.so", None),
    }
    found = plan(edited("pkg.models"), running=Running(41, {**MODULES, **more}))
    assert codes(found) == ["restart-needed"]
    assert found.refusals[0].place == "ext.user"
    assert "import pkg.models (user.py:7)" in found.refusals[0].got


# ---- actors ------------------------------------------------------------------------------


def test_exactly_the_actors_whose_class_or_base_is_affected_are_swapped() -> None:
    base = actor_class("pkg.base", "Base")
    cells = [
        cell("/a", actor_class("pkg.tail")),
        cell("/b", actor_class("other", "Sub", base)),
        cell("/c", actor_class("other")),
    ]
    own, inherited = plan(edited("pkg.models"), *cells), plan(edited("pkg.base"), *cells)
    assert [(it.address, it.reason) for it in own.cells] == [("/a", "its class pkg.tail:Tail")]
    assert [(it.address, it.reason) for it in inherited.cells] == [
        ("/b", "its class other:Sub, by pkg.base:Base")
    ]


@pytest.mark.parametrize(
    ("state", "action"),
    [
        ("new", "swap"),
        ("starting", "swap"),
        ("running", "swap"),
        ("paused", "swap"),
        ("stopping", "swap"),
        ("stopped", "swap"),
        ("restarting", "start"),
        ("failed", "start"),
    ],
)
def test_who_has_failed_or_waits_for_a_restart_starts_afresh(state: State, action: str) -> None:
    found = plan(edited("pkg.tail"), cell("/a", actor_class("pkg.tail"), state, mail=3))
    assert [(it.action, it.pending) for it in found.cells] == [(action, 3)]


def test_an_actor_may_be_named_for_another_reason() -> None:
    cells = [cell("/a", actor_class("other")), cell("/b", actor_class("other"))]
    found = plan([], *cells, because={Address("/b"): "its interceptor is another one"})
    assert [(it.address, it.reason) for it in found.cells] == [
        ("/b", "its interceptor is another one")
    ]


def test_the_file_starts_swaps_and_removes() -> None:
    before = declared(keep={"use": "x"}, edit={"use": "x", "options": {"n": 1}}, go={"use": "x"})
    now = declared(keep={"use": "x"}, edit={"use": "x", "options": {"n": 2}}, come={"use": "y"})
    cells = [cell(it, actor_class("other")) for it in before]
    found = plan([], *cells, running=replace(RUNNING, declared=before), declared=now)
    assert [(it.address, it.action, it.reason) for it in found.cells] == [
        ("/edit", "swap", "aplay.toml: options.n"),
        ("/go", "remove", "no longer in aplay.toml"),
        ("/come", "start", "new in aplay.toml"),
    ]
    assert [(it.key, it.before, it.after) for it in found.config] == [
        ('actors."/edit".options.n', 1, 2),
        ('actors."/go"', {"use": "x"}, None),
        ('actors."/come"', None, {"use": "y"}),
    ]


def test_a_parent_that_is_no_longer_declared_stays_above_its_children() -> None:
    before = declared(a={"use": "x"}, a__b={"use": "x"})
    cells = [cell(it, actor_class("other")) for it in before]
    running = replace(RUNNING, declared=before)
    found = plan([], *cells, running=running, declared=declared(a__b={"use": "x"}))
    assert [(it.address, it.action) for it in found.cells] == [("/a", "swap")]


def test_a_class_with_actors_cannot_vanish_and_they_are_named() -> None:
    gone = edited("pkg.tail", kind="deleted")
    users = [cell("/a", actor_class("pkg.tail")), cell("/b", actor_class("pkg.tail"))]
    found = plan(gone, *users)
    assert codes(found) == ["class-gone"]
    assert found.refusals[0].place == "pkg.tail:Tail"
    assert "/a, /b" in found.refusals[0].got


@pytest.mark.parametrize("now", [declared(a={"use": "new"}), declared()])
def test_a_class_may_vanish_with_the_last_actor_that_uses_it(now: Any) -> None:
    running = replace(RUNNING, declared=declared(a={"use": "old"}))
    gone = edited("pkg.tail", kind="deleted")
    found = plan(gone, cell("/a", actor_class("pkg.tail")), running=running, declared=now)
    assert not found.refusals


@pytest.mark.parametrize(
    ("before", "now", "refused"),
    [
        ({"mailbox": {"kind": "memory"}}, {"mailbox": {"kind": "sqlite"}}, ["mailbox-kind"]),
        ({"mailbox": {"kind": "sqlite"}}, {"mailbox": {"capacity": 5}}, ["mailbox-kind"]),
        ({"mailbox": {"kind": "sqlite"}}, {"mailbox": {}}, ["mailbox-kind"]),
        ({"mailbox": {"kind": "sqlite"}}, {}, ["mailbox-kind"]),
        ({}, {"mailbox": {"kind": "sqlite"}}, ["mailbox-kind"]),
        ({}, {"mailbox": {"kind": "memory"}}, []),
    ],
)
def test_another_kind_of_mailbox_is_refused(before: Any, now: Any, refused: list[str]) -> None:
    running = replace(RUNNING, declared=declared(a={"use": "x", **before}))
    now = declared(a={"use": "x", **now})
    found = plan([], cell("/a", actor_class("o")), running=running, declared=now)
    assert codes(found) == refused


@pytest.mark.parametrize(("kind", "refused"), [("sqlite", []), ("memory", ["mailbox-kind"])])
def test_a_kind_that_the_class_states_is_no_other_one(kind: str, refused: list[str]) -> None:
    running = replace(RUNNING, declared=declared(a={"use": "x"}))
    steadfast = actor_class("o")
    steadfast.mailbox = {"kind": "sqlite"}
    now = declared(a={"use": "x", "mailbox": {"kind": kind}})
    assert codes(plan([], cell("/a", steadfast), running=running, declared=now)) == refused


# ---- the plan itself ---------------------------------------------------------------------


def test_nothing_changed_is_an_empty_plan() -> None:
    assert plan([], cell("/a", actor_class("pkg.tail"))).is_empty
    assert not plan(edited("pkg.base")).is_empty


def test_the_same_input_gives_an_equal_plan_that_becomes_json_and_text() -> None:
    cells = [cell("/a", actor_class("pkg.tail"))]
    running = replace(RUNNING, plugins={"pkg/tail": "pkg.tail"})
    first, second = (plan(edited("pkg.models"), *cells, running=running) for _ in range(2))
    assert first == second
    assert hash(first) == hash(second)
    told = json.loads(json.dumps(asdict(first)))
    assert told["base"] == 41
    assert told["affected"][1]["chain"][0]["place"] == "parse.py:4"
    text = "\n".join(first.lines())
    assert "run pkg.parse ← from .models import Line (parse.py:4)" in text
    assert "swap /a: its class pkg.tail:Tail" in text
    assert "run plugin pkg/tail" in text
