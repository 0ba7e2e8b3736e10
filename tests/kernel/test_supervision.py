"""What is decided about a life that ended: every cell of the tables, by pure functions."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aplay_host.kernel import Actor, ActorSpec
from aplay_host.kernel.supervision import (
    Backoff,
    Ended,
    EndedBy,
    OnError,
    RestartPlan,
    RestartType,
    Sibling,
    Strategy,
    plan_directive,
    plan_restart,
)

EVEN = Backoff(jitter=0.0)


def spec(**settings: Any) -> ActorSpec:
    return ActorSpec.of(Actor, settings={"backoff": {"jitter": 0.0}, **settings})


def family(**changed: dict[str, Any]) -> list[Sibling]:
    """Return the children a, b, c, d, all permanent and running but for what is `changed`."""
    born = [Sibling(name, "permanent") for name in "abcd"]
    return [replace(one, **changed.get(one.name, {})) for one in born]


def plan(
    of: ActorSpec | None = None,
    siblings: list[Sibling] | None = None,
    strategy: Strategy = "one_for_one",
    ending: EndedBy = "error",
    stamps: tuple[float, ...] = (),
    now: float = 100.0,
    name: str = "b",
) -> RestartPlan:
    chance = random.Random(1)
    siblings = family() if siblings is None else siblings
    life = Ended(name, of or spec(), ending, stamps)
    return plan_restart(life, siblings, strategy, now, chance)


# Directives


class Base(Exception): ...


class Derived(Base): ...


BY_CLASS: OnError = {Base: "restart", Exception: "stop", BaseException: "escalate"}


@pytest.mark.parametrize(
    ("on_error", "error", "directive"),
    [
        ("resume", ValueError(), "resume"),
        ("restart", ValueError(), "restart"),
        ("stop", SystemExit(), "stop"),
        ("escalate", ValueError(), "escalate"),
        (BY_CLASS, Base(), "restart"),
        (BY_CLASS, Derived(), "restart"),
        (BY_CLASS, ValueError(), "stop"),
        (BY_CLASS, SystemExit(), "escalate"),
        ({Derived: "restart", Base: "stop"}, Derived(), "restart"),
        ({Derived: "restart", Base: "stop"}, Base(), "stop"),
        ({Base: "restart"}, ValueError(), "resume"),
        ({}, ValueError(), "resume"),
    ],
)
def test_the_nearest_class_of_the_error_decides(
    on_error: OnError, error: BaseException, directive: str
) -> None:
    assert plan_directive(on_error, error) == directive


# Restart types


@pytest.mark.parametrize(
    ("ending", "restart", "fate"),
    [
        ("error", "permanent", "restart"),
        ("error", "transient", "restart"),
        ("error", "temporary", "remove"),
        ("done", "permanent", "restart"),
        ("done", "transient", "remove"),
        ("done", "temporary", "remove"),
    ],
)
def test_the_way_a_life_ended_and_the_restart_type_decide(
    ending: EndedBy, restart: RestartType, fate: str
) -> None:
    assert plan(spec(restart=restart), ending=ending).fate == fate


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
@pytest.mark.parametrize(
    ("restart", "group", "removed"),
    [("permanent", True, False), ("transient", True, False), ("temporary", False, True)],
)
def test_a_sibling_that_shares_a_restart_is_restarted_or_removed_by_its_own_type(
    strategy: Strategy, restart: RestartType, group: bool, removed: bool
) -> None:
    made = plan(siblings=family(c={"restart": restart}), strategy=strategy)
    assert ("c" in made.group, "c" in made.removed) == (group, removed)


def test_an_actor_that_is_removed_takes_no_sibling_with_it() -> None:
    made = plan(spec(restart="temporary"), strategy="one_for_all", stamps=(99.0,))
    assert made == RestartPlan("remove", ("b",))


@pytest.mark.parametrize("ending", ["error", "done"])
def test_a_spent_budget_fails_whoever_would_be_restarted(ending: EndedBy) -> None:
    spent = (99.0,) * 5
    assert plan(stamps=spent, ending=ending).fate == "fail"
    kinds = {"transient": "fail" if ending == "error" else "remove", "temporary": "remove"}
    for restart, fate in kinds.items():
        assert plan(spec(restart=restart), stamps=spent, ending=ending).fate == fate


# Strategies


@pytest.mark.parametrize("spent", [False, True], ids=["restarts", "fails"])
@pytest.mark.parametrize(
    ("strategy", "of", "group"),
    [
        ("one_for_one", "b", "b"),
        ("one_for_all", "b", "abcd"),
        ("rest_for_one", "a", "abcd"),
        ("rest_for_one", "b", "bcd"),
        ("rest_for_one", "d", "d"),
    ],
)
def test_the_strategy_says_who_shares_the_fate(
    strategy: Strategy, of: str, group: str, spent: bool
) -> None:
    made = plan(strategy=strategy, stamps=(99.0,) * 5 * spent, name=of)
    assert made.fate == ("fail" if spent else "restart")
    assert made.group == tuple(group)


@pytest.mark.parametrize("spent", [False, True], ids=["restarts", "fails"])
@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_who_is_held_or_failed_is_left_alone(strategy: Strategy, spent: bool) -> None:
    siblings = family(c={"left_alone": True})
    made = plan(siblings=siblings, strategy=strategy, stamps=(99.0,) * 5 * spent)
    assert "c" not in made.group + made.removed
    assert {"b", "d"} <= set(made.group)


# Budget and back-off


def test_each_restart_is_stamped_and_the_pause_grows() -> None:
    stamps: tuple[float, ...] = ()
    pauses = []
    for moment in range(5):
        made = plan(stamps=stamps, now=float(moment))
        stamps = made.stamps
        pauses.append(made.pause)
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2]
    assert stamps == (0.0, 1.0, 2.0, 3.0, 4.0)
    assert plan(stamps=stamps, now=5.0).fate == "fail"


def test_a_stamp_older_than_the_budgets_time_does_not_count() -> None:
    stamps = (70.0, 70.1, 80.0, 90.0, 99.0)
    made = plan(stamps=stamps, now=100.0)  # the first is exactly 30 s old
    assert (made.fate, made.stamps) == ("restart", (*stamps[1:], 100.0))
    assert made.pause == 3.2
    assert plan(stamps=stamps, now=99.99).fate == "fail"
    assert plan(stamps=stamps, now=1000.0).pause == 0.2


def test_a_budget_of_none_is_spent_at_once() -> None:
    assert plan(spec(budget={"max": 0})).fate == "fail"
    assert plan(spec(budget={"max": 1})).fate == "restart"
    assert plan(spec(budget={"max": 1, "within": 1.0}), stamps=(99.5,)).fate == "fail"
    assert plan(spec(budget={"max": 1, "within": 1.0}), stamps=(98.5,)).fate == "restart"


@pytest.mark.parametrize(
    ("backoff", "number", "pause"),
    [
        (EVEN, 1, 0.2),
        (EVEN, 8, 25.6),
        (EVEN, 9, 30.0),
        (EVEN, 10_000, 30.0),
        (Backoff(initial=1.0, factor=1.0, jitter=0.0), 7, 1.0),
        (Backoff(initial=0.0, jitter=0.0), 7, 0.0),
        (Backoff(initial=50.0, jitter=0.0), 1, 30.0),
        (Backoff(initial=1.0, factor=3.0, max=20.0, jitter=0.0), 3, 9.0),
    ],
)
def test_the_pause_grows_by_the_factor_up_to_the_most(
    backoff: Backoff, number: int, pause: float
) -> None:
    assert backoff.pause(number, random.Random()) == pytest.approx(pause)


@given(st.integers(0, 2**32), st.integers(1, 20), st.floats(0, 1))
def test_jitter_stays_within_its_part_of_the_pause(seed: int, number: int, jitter: float) -> None:
    even = EVEN.pause(number, random.Random())
    pause = Backoff(jitter=jitter).pause(number, random.Random(seed))
    assert even * (1 - jitter) - 1e-9 <= pause <= even * (1 + jitter) + 1e-9
    assert pause == Backoff(jitter=jitter).pause(number, random.Random(seed))


def test_jitter_differs_from_one_actor_to_the_next() -> None:
    chance = random.Random(1)
    assert len({Backoff().pause(1, chance) for _ in range(10)}) == 10


# Whatever the input

RESTARTS: st.SearchStrategy[RestartType] = st.sampled_from(["permanent", "transient", "temporary"])
PARENTS = st.sampled_from(["one_for_one", "one_for_all", "rest_for_one"])


@st.composite
def families(draw: st.DrawFn) -> tuple[list[Sibling], int]:
    others = st.tuples(RESTARTS, st.booleans())
    drawn = draw(st.lists(others, min_size=1, max_size=6))
    born = [Sibling(f"n{number}", *one) for number, one in enumerate(drawn)]
    return born, draw(st.integers(0, len(born) - 1))


@given(
    families(),
    PARENTS,
    st.sampled_from(["error", "done"]),
    st.lists(st.floats(0, 100), max_size=8).map(sorted),
    st.integers(0, 6),
    st.integers(0, 2**32),
)
def test_a_plan_is_total_and_never_restarts_who_is_not_to_be(
    born: tuple[list[Sibling], int],
    strategy: Strategy,
    ending: EndedBy,
    stamps: list[float],
    most: int,
    seed: int,
) -> None:
    siblings, place = born
    me = siblings[place]
    mine = Ended(me.name, spec(restart=me.restart, budget={"max": most}), ending, stamps)
    made, again = (
        plan_restart(mine, siblings, strategy, 100.0, random.Random(seed)) for _ in range(2)
    )
    assert made == again
    assert me.name in made.group
    assert not set(made.group) & set(made.removed)
    names = [one.name for one in siblings]
    assert list(made.group) == sorted(made.group, key=names.index)
    others = [one for one in siblings if one is not me]
    assert not [one for one in others if one.left_alone and one.name in made.group + made.removed]
    if made.fate == "restart":
        assert me.restart != "temporary"
        assert not [one for one in others if one.restart == "temporary" and one.name in made.group]
        assert len(made.stamps) <= most
        assert made.stamps[-1] == 100.0
        assert all(100.0 - stamp < 30.0 for stamp in made.stamps)
        assert made.pause >= 0.0
    else:
        assert (made.removed, made.stamps) == ((), ())
    if strategy == "one_for_one" or made.fate == "remove":
        assert made.group == (me.name,)
