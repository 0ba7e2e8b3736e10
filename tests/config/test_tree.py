"""From a configuration to the tree that the kernel plants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from pydantic import Field

from aplay_host.config import (
    Faulty,
    Known,
    Resolved,
    ResolvedKind,
    SqliteBoxTable,
    Unresolved,
    list_config,
    plan_tree,
)
from aplay_host.errors import ConfigError
from aplay_host.kernel import Actor, Group, MailboxSpec, TreePlan

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


class Saving(Actor):
    saved_type = dict


class SavingOne(Saving):
    max_tasks = 1


class SavingMany(Saving):
    max_tasks = 4


class Misnamed(Actor):
    mailbox = {"size": 5}  # noqa: RUF012


class Durable(Actor):
    mailbox = {"kind": "sqlite"}  # noqa: RUF012


class Ringed(Actor):
    mailbox = {"kind": "ring", "size": 7}  # noqa: RUF012


class Misringed(Actor):
    mailbox = {"kind": "ring", "size": 0}  # noqa: RUF012


@dataclass(frozen=True)
class Ring:
    size: Annotated[int, Field(ge=1)] = 100
    keep: str = "newest"


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
    "saving": Resolved(Saving),
    "saving-one": Resolved(SavingOne),
    "saving-many": Resolved(SavingMany),
    "misnamed": Resolved(Misnamed),
    "durable": Resolved(Durable),
    "ringed": Resolved(Ringed),
    "misringed": Resolved(Misringed),
    "bad-options": Resolved(BadOptions),
    "leaving": Resolved(Leaving),
    "broken": Faulty("ImportError at x.py:3"),
    "known": Known(),
}


KINDS: dict[str, ResolvedKind | Known | Faulty] = {
    "memory": ResolvedKind(),
    "ring": ResolvedKind(Ring),
    "plain": ResolvedKind(),
    "file": ResolvedKind(SqliteBoxTable),
    "unseen": Known(),
    "broken": Faulty("these are not loaded: acme/queues"),
}


class Names:
    """What is installed; `asked` are the uses that somebody wanted to know of."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def actor(self, use: str) -> Resolved | Known | Faulty | Unresolved:
        self.asked.append(use)
        missing = Unresolved(f'no actor "{use}" is installed', "did you mean tail?")
        return ANSWERS.get(use, missing)

    def mailbox(self, kind: str) -> ResolvedKind | Known | Faulty | Unresolved:
        return KINDS.get(kind) or Unresolved(f'no plugin offers the mailbox kind "{kind}"')


Plan = Callable[[str], TreePlan]


@pytest.fixture
def plan(load: Load) -> Plan:
    return lambda text: plan_tree(load(text), Names())


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
    names = Names()
    (node,) = plan_tree(load("[actors.a]\nuse = 'group'\n"), names).nodes
    assert node.spec is not None
    assert (node.spec.cls, names.asked) == (Group, [])


def test_an_unknown_actor_is_a_problem_at_the_value_of_use(plan: Plan) -> None:
    error = refused(plan, "[actors.'/a']\nuse = 'tial'\n")
    assert str(error).splitlines() == [
        'aplay.toml:2:7: error: actors."/a".use: no actor "tial" is installed',
        "    2 | use = 'tial'",
        "      |       ^^^^^^ did you mean tail?",
        "1 error in aplay.toml; nothing was started",
    ]
    assert error.problems[0].code == "unknown-actor"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("actors.a = { use = 'saving', max_tasks = 2 }", "actors.a.max_tasks"),
        ("actors.a = { use = 'saving-one', max_tasks = 2 }", "actors.a.max_tasks"),
        ("defaults.max_tasks = 2\nactors.a = { use = 'saving' }", "defaults.max_tasks"),
    ],
)
def test_more_tasks_than_a_saved_type_allows_are_a_mistake_of_the_file(
    plan: Plan, text: str, key: str
) -> None:
    (problem,) = refused(plan, text).problems
    assert (problem.key, problem.got) == (key, "2")
    assert "has a saved_type" in problem.hint


def test_a_class_with_a_saved_type_that_states_one_task_needs_no_more(plan: Plan) -> None:
    (node,) = plan("defaults.max_tasks = 2\nactors.a = { use = 'saving-one' }").nodes
    assert node.spec is not None
    assert node.spec.max_tasks == 1


def test_a_class_with_a_saved_type_and_more_tasks_is_a_fault(plan: Plan) -> None:
    (node,) = plan("actors.a = { use = 'saving-many' }").nodes
    assert "max_tasks: got 4, want 1 with a saved_type" in str(node.fault)


def test_a_faulty_actor_keeps_its_mail_as_its_table_says(plan: Plan) -> None:
    (node,) = plan("actors.a = { use = 'broken', mailbox = { kind = 'ring', size = 3 } }").nodes
    assert (node.spec, node.fault) == (None, "ImportError at x.py:3")
    assert node.mailbox == MailboxSpec("ring", options=Ring(3))


def test_the_mailbox_of_a_faulty_actor_is_checked(plan: Plan) -> None:
    error = refused(plan, "actors.a = { use = 'broken', mailbox = { kind = 'ring', size = 0 } }")
    assert [one.key for one in error.problems] == ["actors.a.mailbox.size"]


def test_own_keys_for_the_kind_of_a_class_that_is_not_there_are_no_mistake(plan: Plan) -> None:
    text = "actors.a = { use = 'broken', mailbox = { max_attempts = 3, capacity = 7 } }"
    (node,) = plan(text).nodes
    assert (node.fault, node.mailbox) == ("ImportError at x.py:3", MailboxSpec(capacity=7))


def test_a_faulty_actor_whose_mailbox_cannot_be_had_keeps_its_mail_in_memory(plan: Plan) -> None:
    (node,) = plan("actors.a = { use = 'broken', mailbox.kind = 'broken' }").nodes
    assert (node.fault, node.mailbox) == ("ImportError at x.py:3", MailboxSpec())


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
        ("misnamed", ":Misnamed: mailbox size: unknown key"),
        ("durable", ':Durable: mailbox kind: no plugin offers the mailbox kind "sqlite"'),
        ("misringed", ":Misringed: mailbox size: got 0, want an integer >= 1"),
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
    assert plan_tree(config, Names()) == plan_tree(config, Names())


def test_options_that_exit_are_a_fault_of_their_actor(plan: Plan) -> None:
    (node,) = plan('[actors.a]\nuse = "leaving"').nodes
    assert node.fault is not None
    assert "Options cannot be used: SystemExit: 3" in node.fault


# ---- mailboxes ---------------------------------------------------------------------------


def mailbox_of(plan: Plan, text: str) -> MailboxSpec:
    (node,) = plan(text).nodes
    assert node.spec is not None, node.fault
    return node.spec.mailbox


def test_the_own_keys_of_a_kind_are_checked_by_its_model(plan: Plan) -> None:
    text = "actors.a = { use = 'plain', mailbox = { kind = 'ring', size = 3, capacity = 9 } }"
    assert mailbox_of(plan, text) == MailboxSpec("ring", 9, options=Ring(3))


def test_the_own_keys_of_a_kind_come_key_by_key_from_all_who_state_them(plan: Plan) -> None:
    text = "defaults.mailbox = {{ kind = 'ring', keep = 'oldest', size = 5 }}\nactors.a = {{ {} }}"
    assert mailbox_of(plan, text.format("use = 'plain'")).options == Ring(5, "oldest")
    assert mailbox_of(plan, text.format("use = 'ringed'")).options == Ring(7, "oldest")
    own = "use = 'ringed', mailbox.size = 8"
    assert mailbox_of(plan, text.format(own)).options == Ring(8, "oldest")


def test_what_is_inherited_is_shown_like_what_the_actor_states_itself(load: Load) -> None:
    text = "defaults.mailbox = { kind = 'file', max_crashes = 9, retry_cap = '1m' }\n"
    config: Any = load(text + "actors.a = { use = 'plain', mailbox.max_attempts = 2 }")
    (node,) = plan_tree(config, Names()).nodes
    assert node.spec is not None
    options = SqliteBoxTable(max_crashes=9, retry_cap=60, max_attempts=2)
    assert node.spec.mailbox.options == options
    listed = {one.key: one.value for one in list_config(config, {})}
    assert (listed["defaults.mailbox.max_crashes"], listed["actors.a.mailbox.max_attempts"]) == (
        9,
        2,
    )


def test_another_kind_leaves_the_keys_of_the_inherited_one_behind(plan: Plan) -> None:
    text = "defaults.mailbox = { kind = 'ring', size = 5, capacity = 9 }\n"
    text += "actors.a = { use = 'plain', mailbox.kind = 'memory' }"
    assert mailbox_of(plan, text) == MailboxSpec("memory", 9)


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        (
            "actors.a = { use = 'plain', mailbox.kind = 'rign' }",
            "actors.a.mailbox.kind",
            'no plugin offers the mailbox kind "rign"',
        ),
        (
            "defaults.mailbox.kind = 'rign'\nactors.a.use = 'plain'\nactors.b.use = 'plain'",
            "defaults.mailbox.kind",
            'no plugin offers the mailbox kind "rign"',
        ),
        (
            "actors.a = { use = 'plain', mailbox = { kind = 'ring', size = 0 } }",
            "actors.a.mailbox.size",
            "got 0, want an integer >= 1",
        ),
        (
            "defaults.mailbox = { kind = 'ring', size = 0 }\nactors.a.use = 'plain'",
            "defaults.mailbox.size",
            "got 0, want an integer >= 1",
        ),
        (
            "actors.a = { use = 'ringed', mailbox.sice = 1 }",
            "actors.a.mailbox.sice",
            "unknown key",
        ),
        (
            "actors.a = { use = 'plain', mailbox = { kind = 'file', max_attempts = 0 } }",
            "actors.a.mailbox.max_attempts",
            "got 0, want an integer >= 1",
        ),
        (
            "actors.a = { use = 'plain', mailbox = { kind = 'file', retry_base = 'soon' } }",
            "actors.a.mailbox.retry_base",
            'got "soon", want seconds, or text such as "500ms", "30s", "5m", "2h" or "1d"',
        ),
        (
            "actors.a = { use = 'plain', mailbox = { kind = 'file', durability = 'wish' } }",
            "actors.a.mailbox.durability",
            'got "wish", want "power" or "process"',
        ),
        (
            "actors.a = { use = 'plain', mailbox = { kind = 'plain', size = 1 } }",
            "actors.a.mailbox.size",
            "unknown key",
        ),
        (
            "actors.a = { use = 'ringed', mailbox.overflow = 'drop_oldest' }",
            "actors.a.mailbox.overflow",
            'got "drop_oldest", want "reject" or "wait" with "ring"',
        ),
    ],
)
def test_a_mistake_in_a_mailbox_is_located_once(
    plan: Plan, text: str, key: str, message: str
) -> None:
    (problem,) = refused(plan, text).problems
    assert (problem.key, problem.message) == (key, message)


@pytest.mark.parametrize(
    ("text", "key", "hint"),
    [
        ("defaults.mailbox.capasity = 1", "defaults.mailbox.capasity", "did you mean capacity?"),
        (
            "actors.a = { use = 'plain', mailbox.knd = 1 }",
            "actors.a.mailbox.knd",
            "did you mean kind?",
        ),
        (
            "actors.a = { use = 'plain', mailbox = { kind = 'ring', sise = 1 } }",
            "actors.a.mailbox.sise",
            'did you mean size? (options of mailbox "ring")',
        ),
    ],
)
def test_an_unknown_key_of_a_mailbox_is_marked_with_what_may_be_meant(
    plan: Plan, text: str, key: str, hint: str
) -> None:
    (problem,) = refused(plan, text).problems
    assert (problem.key, problem.code, problem.hint) == (key, "unknown-key", hint)


def test_a_kind_that_is_not_loaded_is_not_checked(plan: Plan) -> None:
    text = "actors.a = { use = 'plain', mailbox = { kind = 'unseen', x = 1 } }"
    assert mailbox_of(plan, text) == MailboxSpec("unseen", options={"x": 1})


def test_a_kind_that_a_bad_plugin_may_offer_is_a_fault_of_its_actors(plan: Plan) -> None:
    (node,) = plan("actors.a = { use = 'plain', mailbox.kind = 'broken' }").nodes
    assert node.fault == "these are not loaded: acme/queues"
