"""From a configuration to the tree that the kernel plants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from aplay_host.config import Faulty, Known, Resolved, Unresolved, plan_tree
from aplay_host.errors import ConfigError
from aplay_host.kernel import Actor, Group, TreePlan

from .conftest import Load


class Plain(Actor):
    max_tasks = 4


class Tail(Actor):
    @dataclass(frozen=True)
    class Options:
        to: str
        count: int = 1


class Zero(Actor):
    max_tasks = 0


class Misnamed(Actor):
    mailbox = {"size": 5}  # noqa: RUF012


class Durable(Actor):
    mailbox = {"kind": "sqlite"}  # noqa: RUF012


class BadOptions(Actor):
    Options = dict


class Leaving(Actor):
    @dataclass
    class Options:
        def __post_init__(self) -> None:
            raise SystemExit(3)


ANSWERS: dict[str, Resolved | Known | Faulty | Unresolved] = {
    "plain": Resolved(Plain),
    "tail": Resolved(Tail),
    "zero": Resolved(Zero),
    "misnamed": Resolved(Misnamed),
    "durable": Resolved(Durable),
    "bad-options": Resolved(BadOptions),
    "leaving": Resolved(Leaving),
    "broken": Faulty("ImportError at x.py:3"),
    "known": Known(),
}


def resolve(use: str) -> Resolved | Known | Faulty | Unresolved:
    missing = Unresolved(f'no actor "{use}" is installed', "did you mean tail?")
    return ANSWERS.get(use, missing)


Plan = Callable[[str], TreePlan]


@pytest.fixture
def plan(load: Load) -> Plan:
    return lambda text: plan_tree(load(text), resolve)


def refused(plan: Plan, text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        plan(text)
    return caught.value


def test_a_resolved_actor_has_its_class_options_and_settings(plan: Plan) -> None:
    (node,) = plan(
        """
        [defaults]
        stop_timeout = 1
        mailbox.overflow = "wait"
        [actors.a]
        use = "tail"
        options = { to = "/b" }
        mailbox.capacity = 5
        """
    ).nodes
    assert (node.address, node.fault) == ("/a", None)
    assert node.spec is not None
    assert (node.address, node.spec.cls) == ("/a", Tail)
    assert node.spec.options == Tail.Options(to="/b")
    assert node.spec.stop_timeout == 1.0
    assert (node.spec.mailbox.capacity, node.spec.mailbox.overflow) == (5, "wait")


def test_a_class_without_options_has_none(plan: Plan) -> None:
    (node,) = plan("[actors.a]\nuse = 'plain'\n").nodes
    assert node.spec is not None
    assert (node.spec.options, node.spec.max_tasks) == (None, 4)


def addresses(plan: TreePlan) -> list[str]:
    return [str(node.address) for node in plan.nodes]


def test_parents_stand_before_their_children_else_the_order_is_the_files(plan: Plan) -> None:
    text = "".join(
        f"[actors.'{address}']\nuse = 'plain'\n"
        for address in ("/z", "/a/b/c", "/y", "/a", "/a/b", "/a/a")
    )
    assert addresses(plan(text)) == ["/z", "/a", "/a/b", "/a/b/c", "/y", "/a/a"]


def test_a_parent_that_nobody_declares_is_not_added(plan: Plan) -> None:
    assert addresses(plan("[actors.'/a/b/c']\nuse = 'plain'\n")) == ["/a/b/c"]


def test_group_needs_no_plugin(load: Load) -> None:
    asked: list[str] = []

    def note(use: str) -> Unresolved:
        asked.append(use)
        return Unresolved("no")

    (node,) = plan_tree(load("[actors.a]\nuse = 'group'\n"), note).nodes
    assert node.spec is not None
    assert (node.spec.cls, asked) == (Group, [])


def test_an_unknown_actor_is_a_problem_at_the_value_of_use(plan: Plan) -> None:
    error = refused(plan, "[actors.'/a']\nuse = 'tial'\n")
    assert str(error).splitlines() == [
        'aplay.toml:2:7: error: actors."/a".use: no actor "tial" is installed',
        "    2 | use = 'tial'",
        "      |       ^^^^^^ did you mean tail?",
        "1 error in aplay.toml; nothing was started",
    ]
    assert error.problems[0].code == "unknown-actor"


def test_a_class_that_cannot_be_loaded_is_a_fault_and_the_rest_is_planned(plan: Plan) -> None:
    broken, sound = plan("[actors.a]\nuse = 'broken'\n[actors.b]\nuse = 'plain'\n").nodes
    assert (broken.spec, broken.fault) == (None, "ImportError at x.py:3")
    assert sound.spec is not None


def test_a_class_that_is_not_loaded_has_no_node_and_unchecked_options(plan: Plan) -> None:
    text = "[actors.a]\nuse = 'known'\noptions.x = 1\n[actors.b]\nuse = 'plain'\n"
    assert addresses(plan(text)) == ["/b"]


def test_a_mistake_in_options_points_into_the_file_and_names_the_class(plan: Plan) -> None:
    error = refused(plan, "[actors.a]\nuse = 'tail'\noptions = { to = '/b', count = 'x' }\n")
    (problem,) = error.problems
    assert (problem.key, problem.line, problem.column) == ("actors.a.options.count", 3, 32)
    assert f"(options of {__name__}:Tail)" in str(error)


def test_options_for_a_group_are_refused(plan: Plan) -> None:
    error = refused(plan, "[actors.a]\nuse = 'group'\noptions.x = 1\n")
    assert ":Group takes no options" in error.problems[0].message


def test_all_problems_of_all_actors_come_at_once_in_the_order_of_the_file(plan: Plan) -> None:
    error = refused(
        plan,
        """
        [actors."/z/y"]
        use = "tail"
        [actors."/z"]
        use = "nothing"
        [actors.b]
        use = "tail"
        options = { too = "/b" }
        [actors.c]
        use = "plain"
        options = { a = 1 }
        """,
    )
    assert [(problem.line, problem.code) for problem in error.problems] == [
        (2, "missing-key"),
        (5, "unknown-actor"),
        (8, "missing-key"),
        (8, "unknown-key"),
        (11, "unknown-key"),
    ]


@pytest.mark.parametrize(
    ("use", "reason"),
    [
        ("zero", ":Zero: max_tasks: got 0, want an integer >= 1"),
        ("misnamed", ":Misnamed: "),
        ("durable", ':Durable: mailbox kind: got "sqlite", want "memory"'),
    ],
)
def test_a_wrong_setting_of_a_class_is_its_fault(plan: Plan, use: str, reason: str) -> None:
    (node,) = plan(f"[actors.a]\nuse = '{use}'\n").nodes
    assert node.spec is None
    assert node.fault is not None
    assert node.fault.startswith("class setting of ")
    assert reason in node.fault


def test_a_wrong_setting_of_a_class_can_be_mended_in_the_file(plan: Plan) -> None:
    (node,) = plan("[actors.a]\nuse = 'zero'\nmax_tasks = 2\n").nodes
    assert node.spec is not None
    assert node.spec.max_tasks == 2


def test_options_that_cannot_be_used_are_a_fault_of_the_class(plan: Plan) -> None:
    (node,) = plan("[actors.a]\nuse = 'bad-options'\n").nodes
    assert (
        node.fault == f"{__name__}:BadOptions.Options is neither a dataclass nor a pydantic model "
        "nor a msgspec.Struct"
    )


def test_planning_changes_nothing(load: Load) -> None:
    config: Any = load("[actors.a]\nuse = 'tail'\noptions = { to = '/b' }\n")
    assert plan_tree(config, resolve) == plan_tree(config, resolve)


def test_options_that_exit_are_a_fault_of_their_actor(plan: Plan) -> None:
    (node,) = plan('[actors.a]\nuse = "leaving"').nodes
    assert node.fault is not None
    assert "Options cannot be used: SystemExit: 3" in node.fault
