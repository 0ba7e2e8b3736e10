"""What can be shown as JSON, how, and what is refused by name."""

from __future__ import annotations

import asyncio
import datetime
import enum
import json
import math
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pytest

from aplay_host.control import dump, in_slices, plain
from aplay_host.control.jsonable import pieces
from aplay_host.control.slices import SLICE_SECONDS
from aplay_host.kernel import Address


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    label: Any = None


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "null"),
        (True, "true"),
        (2**70, str(2**70)),
        (1.5, "1.5"),
        ("é漢", '"é漢"'),
        (Address("/a"), '"/a"'),
        (Colour.RED, '"red"'),
        (Level.LOW, "1"),
        (Point(1, Colour.RED), '{"x": 1, "label": "red"}'),
        ((1, [2, {3}]), "[1, [2, [3]]]"),
        (OrderedDict(a=(1,)), '{"a": [1]}'),
        ({1: "a", Colour.RED: 2, Address("/x"): 3}, '{"1": "a", "red": 2, "/x": 3}'),
        (datetime.date(2026, 3, 1), '"2026-03-01"'),
        (datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC), '"2026-03-01T00:00:00+00:00"'),
        (PurePosixPath("/etc"), '"/etc"'),
    ],
)
def test_a_value_is_shown_as(value: object, shown: str) -> None:
    assert dump(value).decode() == shown


def test_text_that_no_encoding_has_comes_back_as_it_was() -> None:
    assert json.loads(dump("x\ud800é")) == "x\ud800é"


def test_text_with_line_ends_stays_on_one_line() -> None:
    assert dump("a\nb\u2028").count(b"\n") == 0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_lacks_are_refused(value: float) -> None:
    with pytest.raises(TypeError, match=r"(nan|inf) cannot be shown as JSON"):
        plain({"rate": [value]})


@pytest.mark.parametrize("value", [object(), b"raw", Point, 1j, {1: {2: iter(())}}])
def test_other_types_are_refused_by_name(value: object) -> None:
    with pytest.raises(TypeError, match=r"a value of type .+ cannot be shown as JSON"):
        plain(value)


def test_what_contains_itself_is_refused() -> None:
    ring: list[Any] = []
    ring.append({"again": ring})
    with pytest.raises(TypeError, match="nested too deep"):
        dump(ring)


@pytest.mark.parametrize(
    "value",
    [
        [],
        [1, [Point(1, "é")], ()],
        Point(2, (Point(3, (Point(4, ()), Point(5))), Point(6, {"a": (1,)}))),
        {"rows": [Point(1)]},
        "text",
    ],
)
def test_pieces_are_what_the_whole_would_be(value: object) -> None:
    assert b"".join(pieces(value)) == dump(value)


def test_a_list_of_records_comes_in_a_piece_for_each() -> None:
    assert len(list(pieces([Point(number) for number in range(100)]))) == 201


def slow(number: int) -> int:
    time.sleep(SLICE_SECONDS)
    return number


async def test_the_loop_has_its_turn_between_slices() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.ensure_future(others())
    seen = [slow(one) async for one in in_slices(range(3))]
    other.cancel()
    assert (seen, turns) == ([0, 1, 2], 3)
    assert SLICE_SECONDS <= 0.02


def test_an_iterator_is_shown_as_a_list_and_read_only_as_far_as_it_is_shown() -> None:
    made = []

    def points() -> Iterator[Point]:
        for x in range(3):
            made.append(x)
            yield Point(x, iter([Point(7)]))

    going = pieces(points())
    shown = next(going) + next(going)
    assert made == [0]
    listed = [Point(x, (Point(7),)) for x in range(3)]
    assert shown + b"".join(going) == dump(listed)
