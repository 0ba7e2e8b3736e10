"""Times and errors in the words of a sentence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from aplay_host.host.wording import brief, since, span, told, when
from aplay_host.kernel import Failure

MIDNIGHT = datetime(2026, 3, 1, 0, 5, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-3.0, "0 s"), (0.0, "0 s"), (0.25, "0.2 s"), (1.4, "1 s"), (119.0, "119 s"),
        (120.0, "2 min"), (7199.0, "120 min"), (7200.0, "2 h"), (360_000.0, "100 h"),
    ],
)  # fmt: skip
def test_a_length_of_time_has_one_unit(seconds: float, told: str) -> None:
    assert span(seconds) == told


@pytest.mark.parametrize(
    ("ago", "at", "lasting"),
    [
        (timedelta(seconds=59), "59 s ago", "for 59 s"),
        (timedelta(seconds=60), "at 00:04", "since 00:04"),
        (timedelta(minutes=6), "at 2026-02-28 23:59", "since 2026-02-28 23:59"),
    ],
)
def test_a_time_is_told_by_its_age_then_by_the_clock_then_with_its_date(
    ago: timedelta, at: str, lasting: str
) -> None:
    moment = (MIDNIGHT - ago).astimezone(UTC)
    assert when(moment, MIDNIGHT) == at
    assert since(moment, MIDNIGHT) == lasting


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (Failure("E", "a\n b", "/x/y.py:3 in f", 0.0), "E: a b at y.py:3 in f"),
        (Failure("E", "", "y.py:3 in f", 0.0), "E at y.py:3 in f"),
        (Failure("E", "a", "", 0.0), "E: a"),
    ],
)
def test_an_error_is_told_on_one_line(error: Failure, sentence: str) -> None:
    assert told(error) == sentence


def test_a_text_is_cut_only_where_it_is_too_long() -> None:
    assert brief("x" * 200) == "x" * 200
    assert brief("x" * 201) == "x" * 197 + "..."
