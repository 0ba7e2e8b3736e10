"""A new behaviour gets the state of the one before it, or the reason why not; the old keeps its."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from textwrap import dedent
from typing import Any

import pytest

from aplay_host.kernel import Actor, ActorSystem, Quiesce
from aplay_host.reload import (
    Before,
    Handover,
    Reclass,
    Refusal,
    Refused,
    ReloadInfo,
    hand_over,
    state_of,
    tell_reload,
)

from .sources import Sources, successors

HEAD = """
from dataclasses import dataclass
from aplay_host.kernel import Actor
"""
BODY = """
class Tail(Actor):
    def __init__(self, step=1):
        self.step = step
        self.seen = []
        self.gone = 1
        self.table = {}

    async def msg_handler(self, msg):
        pass
"""


class Swap:
    """An actor on the old code, and how it fares on the new."""

    def __init__(self, system: ActorSystem) -> None:
        self.system = system
        self.old: Actor
        self.new: Actor
        self.report: Handover
        self.reclass: Reclass

    async def __call__(
        self, old: str, new: str, live: Callable[[Any], None] = lambda it: None, **kwargs: Any
    ) -> Any:
        """Return the new behaviour, not yet in place; `live` is what happens before."""
        with Sources(guest=HEAD + dedent(old)) as sources:
            sources.load("guest")
            before, after = sources.edit("guest", HEAD + dedent(new))
        await self.system.spawn(before.Tail, "tail", kwargs=kwargs)
        async with self.system.quiesce(["/tail"]) as quiet:
            (cell,) = quiet.cells
            assert cell.behaviour is not None
            self.old = cell.behaviour
            live(self.old)
            self.reclass = Reclass(successors(after))
            then = self.first(quiet)

            def build(new: Actor) -> None:
                type(new).__init__(new, **cell.spec.kwargs)
                self.report = hand_over(new, Before(self.old, then), self.reclass)

            spec = replace(cell.spec, cls=getattr(after, "Tail", None) or after.Other)
            staged = quiet.stage("/tail", spec=spec, build=build)
            assert staged.behaviour is not None
            self.new = staged.behaviour
            with staged.recording():
                tell_reload(self.new, ReloadInfo(2, "edit", self.report.from_version))
            return self.new

    def first(self, quiet: Quiesce) -> Actor | None:
        try:
            return quiet.stage("/tail").behaviour
        except ZeroDivisionError:
            return None

    async def refusal(self, *args: Any, **kwargs: Any) -> Refusal:
        with pytest.raises(Refused) as caught:
            await self(*args, **kwargs)
        return caught.value.refusal


@pytest.fixture
async def swap() -> AsyncIterator[Swap]:
    async with ActorSystem("test") as system:
        yield Swap(system)


# ---- merge -------------------------------------------------------------------------------


async def test_a_changed_default_takes_effect_and_what_the_actor_did_stays(swap: Swap) -> None:
    def live(tail: Any) -> None:
        tail.seen.append("line")
        tail.late = 5
        del tail.table

    now = BODY.replace("self.step = step", "self.step = step + 9").replace("gone", "fresh")
    new = await swap(BODY, now, live)
    assert state_of(new) == {"step": 10, "seen": ["line"], "fresh": 1, "late": 5}
    assert swap.report.fates == {
        "step": "renewed",
        "seen": "kept",
        "fresh": "added",
        "gone": "dropped",
        "table": "deleted",
        "late": "kept",
    }
    assert swap.report.way == "merge"


async def test_what_looks_renamed_is_noted(swap: Swap) -> None:
    def live(tail: Any) -> None:
        tail.gone = 5

    new = await swap(BODY, BODY.replace("gone", "fresh"), live)
    assert (new.fresh, new.gone) == (1, 5)
    (note,) = swap.report.notes
    assert note == (
        "/tail: gone is kept, and fresh begins anew; "
        "where that is a new name, write state_version and migrate"
    )


@pytest.mark.parametrize("new", ["self.gone = 1", "pass"], ids=["same", "no more"])
async def test_what_is_not_renamed_is_not_noted(swap: Swap, new: str) -> None:
    def live(tail: Any) -> None:
        tail.gone = 5

    await swap(BODY, BODY.replace("self.gone = 1", new).replace("= {}", "= {1: 2}"), live)
    assert swap.report.notes == ()


async def test_arguments_of_the_actor_are_those_of_both_beginnings(swap: Swap) -> None:
    new = await swap(BODY, BODY.replace("step\n", "step * 2\n"), step=4)
    assert new.step == 8


async def test_the_kernels_own_names_are_no_state(swap: Swap) -> None:
    new = await swap(BODY, BODY)
    assert set(state_of(new)) == {"step", "seen", "gone", "table"}
    assert new._cell is swap.old._cell


async def test_an_old_init_that_raises_now_lets_every_live_value_win(swap: Swap) -> None:
    once = BODY.replace(
        "self.step = step", "self.step = step / len(Tail.left)\n        Tail.left = ()"
    )
    once = once.replace("def __init__", "left = (1,)\n    def __init__")
    new = await swap(once, BODY.replace("= step", "= 9"))
    assert new.step == 1
    assert any("__init__ raises" in note for note in swap.report.notes)


async def test_functions_and_methods_made_in_init_are_made_by_the_new_one(swap: Swap) -> None:
    text = BODY.replace(
        "self.gone = 1",
        "self.key = lambda line: 'old'\n        self.routes = {'a': self.answer}",
    )
    text += "    def answer(self): return 'old', self.step\n"
    new = await swap(text, text.replace("'old'", "'new'"))
    assert new.key(1) == "new"
    assert new.routes["a"]() == ("new", 1)


async def test_methods_that_came_later_are_those_of_the_new_instance(swap: Swap) -> None:
    text = BODY + "    def answer(self): return 'old', self\n"

    def live(tail: Any) -> None:
        tail.seen.append(tail.answer)
        tail.me = tail

    new = await swap(text, text.replace("'old'", "'new'"), live)
    assert new.seen[0]() == ("new", new)
    assert new.me is new


async def test_instances_of_edited_classes_are_converted_and_the_old_state_is_intact(
    swap: Swap,
) -> None:
    models = "@dataclass\nclass Line:\n    ts: int\n    text: str = 'old'\n"

    def live(tail: Any) -> None:
        tail.seen.append(type(tail).msg_handler.__globals__["Line"](3))

    new = await swap(models + BODY, models + "    level: int = 7\n" + BODY, live)
    assert (new.seen[0].ts, new.seen[0].level) == (3, 7)
    assert type(new.seen[0]) is not type(swap.old.seen[0])  # type: ignore[attr-defined]
    assert swap.reclass.notes


async def test_a_renamed_field_without_migrate_is_refused_with_the_path_to_it(swap: Swap) -> None:
    models = "@dataclass\nclass Line:\n    ts: int\n"

    def live(tail: Any) -> None:
        tail.seen += [0, type(tail).msg_handler.__globals__["Line"](3)]

    found = await swap.refusal(models + BODY, models.replace("ts", "time") + BODY, live)
    assert found.place == "/tail.seen[1].time"
    assert swap.system.ref("/tail").status().state == "running"


async def test_a_transient_attribute_is_not_carried(swap: Swap) -> None:
    def live(tail: Any) -> None:
        tail.seen.append(lambda: "of old code")
        tail.late = lambda: "of old code"

    text = BODY.replace("def __init__", "reload_transient = ('seen', 'late')\n    def __init__")
    new = await swap(BODY, text, live)
    assert new.seen == []
    assert not hasattr(new, "late")


async def test_slots_of_an_actor_are_merged_like_its_dict(swap: Swap) -> None:
    text = BODY.replace("def __init__", "__slots__ = ('step', 'gone')\n    def __init__")

    def live(tail: Any) -> None:
        tail.gone = 3

    new = await swap(text, text.replace("= step", "= 9"), live)
    assert (new.step, new.gone) == (9, 3)


# ---- another class -----------------------------------------------------------------------


async def test_another_class_at_the_address_begins_empty(swap: Swap) -> None:
    def live(tail: Any) -> None:
        tail.seen.append(1)

    new = await swap(BODY, BODY.replace("Tail", "Other"), live)
    assert new.seen == []
    assert swap.report.way == "empty"
    assert "begins empty" in swap.report.notes[0]


async def test_another_class_takes_what_get_state_gives(swap: Swap) -> None:
    pair = """
    def get_state(self): return {"seen": self.seen}
    def set_state(self, state): self.seen = state["seen"]
"""
    new = await swap(BODY + pair, (BODY + pair).replace("Tail", "Other"))
    assert new.seen is swap.old.seen  # type: ignore[attr-defined]
    assert swap.report.way == "set_state"


# ---- versions ----------------------------------------------------------------------------

MIGRATE = """
    @classmethod
    def migrate(cls, state, from_version):
        state["steps"] = [(from_version, cls.state_version)]
        state["seen"].append("migrated")
        return state
"""


def versioned(version: int, more: str = "") -> str:
    return BODY.replace("def __init__", f"state_version = {version}\n    def __init__") + more


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 2)])
async def test_migrate_gets_a_copy_of_the_state_up_and_down(
    swap: Swap, before: int, after: int
) -> None:
    seen: list[Any] = []

    def live(tail: Any) -> None:
        tail.seen.append("line")
        seen.append(copy.deepcopy(state_of(tail)))

    new = await swap(versioned(before), versioned(after, MIGRATE), live)
    assert new.seen == ["line", "migrated"]
    assert new.steps == [(before, after)]
    assert state_of(swap.old) == seen[0]
    assert swap.report.from_version == before


async def test_no_version_is_version_one(swap: Swap) -> None:
    assert (await swap(BODY, versioned(1))).step == 1


async def test_another_version_without_migrate_is_refused_with_both(swap: Swap) -> None:
    found = await swap.refusal(versioned(1), versioned(3))
    assert (found.code, found.place) == ("state-version", "/tail")
    assert "version 1" in found.got
    assert found.wanted == "version 3"
    assert "Tail.migrate" in found.cure


async def test_migrate_is_not_asked_while_the_version_is_the_same(swap: Swap) -> None:
    assert not hasattr(await swap(BODY, BODY + MIGRATE), "steps")


async def test_migrate_that_raises_is_refused_with_its_line(swap: Swap) -> None:
    found = await swap.refusal(versioned(1), versioned(2, MIGRATE.replace('"seen"', '"nope"')))
    assert found.code == "migrate"
    assert "KeyError: 'nope'" in found.got
    assert "guest:" in found.got


async def test_migrate_that_returns_nothing_is_refused(swap: Swap) -> None:
    found = await swap.refusal(
        versioned(1), versioned(2, MIGRATE.replace("return state", "return"))
    )
    assert "migrate returned NoneType" in found.got


async def test_migrate_may_rename_fields_of_what_is_inside(swap: Swap) -> None:
    models = "@dataclass\nclass Line:\n    ts: int\n"
    migrate = """
    @classmethod
    def migrate(cls, state, from_version):
        for line in state["seen"]:
            line.time = line.__dict__.pop("ts")
        return state
"""

    def live(tail: Any) -> None:
        tail.seen.append(type(tail).msg_handler.__globals__["Line"](3))

    now = models.replace("ts", "time") + versioned(2, migrate)
    new = await swap(models + versioned(1), now, live)
    assert new.seen[0].time == 3
    assert new.seen[0] == new.msg_handler.__globals__["Line"](3)
    assert swap.old.seen[0].ts == 3  # type: ignore[attr-defined]


# ---- get_state and set_state -------------------------------------------------------------

PAIR = """
    def get_state(self): return self.parcel
    def set_state(self, state): self.got = state
"""


async def test_what_get_state_gives_is_handed_over_by_identity(swap: Swap) -> None:
    parcel = {"lock": object(), "own": []}

    def live(tail: Any) -> None:
        parcel["old"] = type(tail)
        tail.parcel = parcel
        tail.seen.append(lambda: "not looked at")

    new = await swap(BODY + PAIR, BODY + PAIR, live)
    assert new.got is parcel
    assert new.got["old"] is type(swap.old)
    assert new.seen == []


@pytest.mark.parametrize("lacks", ["get_state", "set_state"])
async def test_one_of_the_pair_alone_changes_nothing(swap: Swap, lacks: str) -> None:
    text = BODY + PAIR.replace(lacks, "other")
    await swap(text, text)
    assert swap.report.way == "merge"


async def test_migrate_stands_between_get_state_and_set_state(swap: Swap) -> None:
    def live(tail: Any) -> None:
        tail.parcel = {"seen": []}

    new = await swap(versioned(1, PAIR), versioned(2, PAIR + MIGRATE), live)
    assert new.got["steps"] == [(1, 2)]


@pytest.mark.parametrize("hook", ["get_state", "set_state"])
async def test_a_state_hook_that_raises_is_a_refusal(swap: Swap, hook: str) -> None:
    text = BODY + PAIR.replace("self.parcel", "{}").replace(
        f"def {hook}(self", f"def {hook}(self, *, missing"
    )
    found = await swap.refusal(text, text)
    assert (found.code, found.place) == (hook, "/tail")
    assert "TypeError" in found.got


async def test_hooks_are_those_of_the_class_whatever_its_instances_answer(swap: Swap) -> None:
    proxy = BODY + "    def __getattr__(self, name): return lambda *args: 1 / 0\n"
    new = await swap(proxy, proxy, lambda old: old.seen.append(1))
    assert (vars(new)["seen"], swap.report.way) == ([1], "merge")


# ---- on_reload ---------------------------------------------------------------------------


async def test_on_reload_sees_the_state_and_what_began_it(swap: Swap) -> None:
    def live(tail: Any) -> None:
        tail.seen.append("line")

    hook = "    def on_reload(self, info): self.told = info, list(self.seen)\n"
    new = await swap(versioned(4), versioned(4, hook), live)
    assert new.told == (ReloadInfo(2, "edit", 4), ["line"])


async def test_on_reload_that_mutates_and_raises_leaves_the_old_state_intact(swap: Swap) -> None:
    seen: list[Any] = []

    def live(tail: Any) -> None:
        tail.seen.append(["inner"])
        seen.append(copy.deepcopy(state_of(tail)))

    hook = """
    def on_reload(self, info):
        self.seen[0].clear()
        self.table["x"] = 1
        self.ref().tell_nowait("never")
        raise ValueError("not now")
"""
    found = await swap.refusal(BODY, BODY + hook, live)
    assert (found.code, found.place) == ("on_reload", "/tail")
    assert "ValueError: not now (guest:" in found.got
    assert state_of(swap.old) == seen[0]
    status = swap.system.ref("/tail").status()
    assert (status.accepted, status.state) == (0, "running")


async def test_on_reload_must_be_a_plain_def(swap: Swap) -> None:
    found = await swap.refusal(BODY, BODY + "    async def on_reload(self, info): ...\n")
    assert found.wanted == "a plain def"


# ---- what has no name of its own ---------------------------------------------------------

NAMELESS = """
from collections import defaultdict

class Store:
    def __init__(self, key):
        self.key, self.items = key, []

class Tail(Actor):
    def __init__(self):
        self.counts = defaultdict(lambda: "old")
        self.store = Store(lambda it: (self, "old"))
        self.rules = {"first": [lambda: "old"]}

    async def msg_handler(self, msg):
        pass
"""


async def test_a_lambda_that_init_makes_is_that_of_the_new_init(swap: Swap) -> None:
    def live(it: Any) -> None:
        it.counts["a"] += "+"
        it.store.items.append(1)
        it.rules["second"] = it.rules["first"]

    after = await swap(NAMELESS, NAMELESS.replace('"old"', '"new"'), live)
    assert (dict(after.counts), after.counts["b"]) == ({"a": "old+"}, "new")
    assert after.store.items == [1]
    assert after.store.key(1) == (after, "new")
    assert after.rules["first"][0]() == "new"
    assert after.rules["second"] is after.rules["first"]


async def test_a_lambda_that_was_made_later_is_refused_with_the_path_to_it(swap: Swap) -> None:
    later = (
        NAMELESS + "    def more(self):\n        self.counts = defaultdict(lambda: 'more', a=1)\n"
    )
    with pytest.raises(Refused) as caught:
        await swap(later, later, lambda it: it.more())
    assert caught.value.refusal.place == "/tail.counts.default_factory"
    assert caught.value.refusal.code == "no-successor"
