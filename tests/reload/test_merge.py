"""Of three states each attribute has one winner, by a table; what cannot be compared is kept."""

from __future__ import annotations

import threading
from functools import partial
from types import FunctionType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aplay_host.reload.merge import Fate, is_same, merge

ABSENT: Any = object()


class Incomparable:
    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    __hash__ = None  # type: ignore[assignment]


class Hazy:
    """Is equal, says it, to something whose truth cannot be told: an array, for example."""

    def __eq__(self, other: object) -> Any:
        return Incomparable2()


class Incomparable2:
    def __bool__(self) -> bool:
        raise ValueError("ambiguous")


def state(value: Any) -> dict[str, Any]:
    return {} if value is ABSENT else {"x": value}


SHARED = object()


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "result", "fate"),
    [
        (1, 1, 5, 5, "renewed"),
        (SHARED, SHARED, 5, 5, "renewed"),
        ([], [], [1], [1], "renewed"),
        (1, 1, ABSENT, ABSENT, "dropped"),
        (1, 2, 5, 2, "kept"),
        (1, 2, ABSENT, 2, "kept"),
        (1, True, 5, True, "kept"),
        (1, 1.0, 5, 1.0, "kept"),
        ([1], [1.0], 5, [1.0], "kept"),
        ([], ["appended"], [], ["appended"], "kept"),
        (ABSENT, 2, 5, 2, "kept"),
        (ABSENT, 2, ABSENT, 2, "kept"),
        (ABSENT, ABSENT, 5, 5, "added"),
        (1, ABSENT, 5, ABSENT, "deleted"),
    ],
)
def test_each_row_of_the_table(base: Any, ours: Any, theirs: Any, result: Any, fate: Fate) -> None:
    merged = merge(state(base), state(ours), state(theirs))
    assert merged.state == state(result)
    assert type(merged.state.get("x")) is type(state(result).get("x"))
    assert merged.fates == {"x": fate}


@pytest.mark.parametrize("made", [Incomparable, Hazy, object, threading.Lock])
def test_what_cannot_be_compared_is_kept(made: Any) -> None:
    ours = made()
    merged = merge({"x": made()}, {"x": ours}, {"x": made()})
    assert merged.state["x"] is ours


def test_without_a_base_the_live_value_wins_everywhere() -> None:
    merged = merge(None, {"a": 1, "b": 2}, {"a": 1, "c": 3})
    assert merged.state == {"a": 1, "b": 2, "c": 3}
    assert merged.fates == {"a": "kept", "b": "kept", "c": "added"}


class Holder:
    def __init__(self, factor: int = 1) -> None:
        self.factor = factor
        self.key = lambda x: x * factor
        self.mine = lambda: self.factor
        self.table = {"add": self.add, "twice": partial(self.add, 2)}

    def add(self, number: int) -> int:
        return self.factor + number


@pytest.mark.parametrize("name", ["key", "mine", "table"])
def test_functions_that_one_line_made_of_the_same_things_are_the_same(name: str) -> None:
    live, first, other = Holder(), Holder(), Holder(2)
    pair = (live, first)
    assert is_same(vars(live)[name], vars(first)[name], pair)
    assert not is_same(vars(live)[name], vars(other)[name], pair)


def test_an_endless_structure_is_not_compared_to_its_end() -> None:
    ours: list[Any] = []
    base: list[Any] = []
    ours.append(ours)
    base.append(base)
    assert not is_same(ours, base)


def test_an_empty_cell_of_a_function_makes_it_another_one() -> None:
    def make() -> FunctionType:
        def inner() -> object:
            return later

        if SimpleNamespace():
            return inner  # type: ignore[return-value]
        later = 1
        return inner  # type: ignore[return-value]

    assert not is_same(make(), make())


VALUES = st.dictionaries(st.sampled_from("abc"), st.one_of(st.integers(0, 2), st.booleans()))


@given(VALUES, VALUES, VALUES)
def test_a_live_value_that_was_changed_is_never_lost(
    base: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any]
) -> None:
    merged = merge(base, ours, theirs)
    assert merged.fates.keys() == ours.keys() | theirs.keys()
    for name, value in ours.items():
        if name not in base or not (base[name] == value and type(base[name]) is type(value)):
            assert merged.state[name] is value
    assert merge(base, base, theirs).state == theirs
