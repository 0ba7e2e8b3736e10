"""The parts of a box that are never written, and those that are in the file only."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from aplay_host.mailboxes.asides import Asides
from aplay_host.mailboxes.backlog import NO_LIMIT, Backlog


def _messages(*numbers: int) -> Any:
    return [SimpleNamespace(seq=number, parcel=number) for number in numbers]


@pytest.mark.parametrize(
    ("after", "messages", "room", "missing", "line"),
    [
        ([], [1, 2], 9, None, [1, 2]),
        ([0], [], 9, None, ["0a"]),
        ([1, 1, 3], [1, 2, 3, 4], 9, None, [1, "1a", "1b", 2, 3, "3c", 4]),
        ([2], [1, 2], 9, None, [1, 2, "2a"]),
        ([2], [1, 2], 2, None, [1, 2]),  # no room behind the last message
        ([2, 5], [1, 2], 9, 4, [1, 2, "2a"]),  # message 4 comes before the second one
        ([3], [], 9, 3, []),
    ],
)
def test_a_request_stands_where_it_was_accepted(
    after: list[int], messages: list[int], room: int, missing: int | None, line: list[Any]
) -> None:
    asides: Any = Asides()
    for number, letter in zip(after, "abc", strict=False):
        asides.add(f"{number}{letter}", after=number)
    assert asides.merge(_messages(*messages), room, missing) == line
    assert len(asides) == len(after) - sum(isinstance(one, str) for one in line)


def _rows(*numbers: int) -> Any:
    return [SimpleNamespace(seq=number, at=number * 10) for number in numbers]


def _backlog(count: int) -> Backlog:
    backlog = Backlog()
    for number in range(1, count + 1):
        backlog.add(number * 10)
    return backlog


@pytest.mark.parametrize(
    ("rows", "until", "count", "cursor"),
    [
        ([1, 2], NO_LIMIT, 1, 2),
        ([], NO_LIMIT, 0, 0),  # nothing is there, whatever was counted
        ([], 7, 3, 7),  # nothing up to 7: what is counted comes later
        ([1, 2, 3, 4], NO_LIMIT, 0, 4),  # one that was in doubt is there
    ],
)
def test_what_was_read_is_in_the_file_only_no_more(
    rows: list[int], until: int, count: int, cursor: int
) -> None:
    backlog = _backlog(3)
    backlog.take(_rows(*rows), until)
    assert (backlog.count, backlog.cursor) == (count, cursor)


@pytest.mark.parametrize(
    ("count", "reading", "passed"),
    [(0, False, True), (1, False, False), (0, True, False), (1, True, False)],
)
def test_nothing_passes_what_is_in_the_file_only_or_is_being_read(
    count: int, reading: bool, passed: bool
) -> None:
    backlog = _backlog(count)
    backlog.is_reading = reading
    assert backlog.is_passed is passed


def test_what_is_given_back_is_read_again_from_the_start() -> None:
    backlog = _backlog(3)
    backlog.take(_rows(1, 2), NO_LIMIT)
    backlog.give_back(2, oldest=10)
    assert (backlog.count, backlog.cursor, backlog.oldest) == (3, 0, 10)
    backlog.take(_rows(1, 2, 3), NO_LIMIT)
    backlog.give_back(0, oldest=0)
    assert (backlog.count, backlog.oldest) == (0, 30)
