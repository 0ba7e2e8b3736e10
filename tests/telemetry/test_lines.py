"""One line a record, safe to read, for people and for programs."""

from __future__ import annotations

import json
import logging
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from aplay_host.telemetry import ConsoleFormatter, JsonFormatter
from aplay_host.telemetry.lines import priority


def record(text: str, *args: object, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("acme.sql", logging.WARNING, "x.py", 7, text, args, None)
    made.__dict__.update(fields)
    return made


def line(text: str, *args: object, **fields: object) -> str:
    return ConsoleFormatter().format(record(text, *args, **fields))


def raised(text: str) -> str:
    """Return what is logged for a `ValueError` with this text."""
    try:
        raise ValueError(text)
    except ValueError:
        return line("it failed", exc_info=sys.exc_info())


def test_a_line_has_time_level_logger_and_text() -> None:
    assert line("got %d of %s", 3, "x", created=0.25, msecs=250.0) == (
        "1970-01-01T00:00:00.250Z WARNING acme.sql: got 3 of x"
    )


def test_the_record_of_an_actor_names_its_address_once() -> None:
    shown = line("/tail failed: no file", actor="/tail")
    assert shown.partition(" WARNING ")[2] == "/tail: failed: no file"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", r"a\nb"),
        ("a\r\x1b[31mb", r"a\x0d\x1b[31mb"),
        ("a\x00\x7fb", r"a\x00\x7fb"),
        ("a\x9b2Jb\x85c", r"a\x9b2Jb\x85c"),
        ("a\tb é 漢", "a\tb é 漢"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(text: str, shown: str) -> None:
    assert line("%s", text).endswith(f": {shown}")


def test_a_line_is_cut_at_16_ki_characters_and_says_how_long_it_was() -> None:
    shown = line("x" * 100_000)
    assert len(shown) < 17_000
    assert re.search(r"x… \(100\d\d\d characters\)$", shown)


def test_a_traceback_follows_on_indented_lines() -> None:
    first, *rest = raised("no such thing").split("\n")
    assert first.endswith("acme.sql: it failed")
    assert rest[0] == "    Traceback (most recent call last):"
    assert rest[-1] == "    ValueError: no such thing"


def test_no_text_of_an_exception_can_pass_for_a_record_or_steer_a_terminal() -> None:
    forged = "x\n2026-01-01T00:00:00.000Z ERROR   aplay_host: forged \x1b[2J\r!"
    shown = raised(forged).split("\n")
    assert [one for one in shown if not one.startswith("    ")] == shown[:1]
    assert shown[-1].endswith(r"forged \x1b[2J\x0d!")


def test_each_line_of_a_traceback_is_cut_too() -> None:
    assert len(raised("y" * 100_000)) < 20_000


def test_the_level_has_a_colour_where_that_is_asked_for_and_nothing_else_has() -> None:
    shown = ConsoleFormatter(colour=True).format(record("a \x1b[31mb"))
    assert re.findall(r"\x1b\[[0-9;]*m", shown) == ["\x1b[33m", "\x1b[0m"]
    assert "\x1b[33mWARNING\x1b[0m acme.sql" in shown


def loaded(text: str, **fields: object) -> dict[str, Any]:
    """Return the JSON line of a record, which is ASCII and one line."""
    shown = JsonFormatter("edge-1").format(record(text, **fields))
    assert re.fullmatch(r"[ -~]{1,16384}", shown)
    found = json.loads(shown)
    assert isinstance(found, dict)
    return found


def test_a_json_line_of_anybody_has_six_fields() -> None:
    assert loaded("hé\n", created=0.25, msecs=250.0, process=7) == {
        "ts": "1970-01-01T00:00:00.250Z",
        "level": "warning",
        "logger": "acme.sql",
        "msg": "hé\n",
        "host": "edge-1",
        "pid": 7,
    }


def test_a_json_line_of_an_actor_has_what_is_known_of_it() -> None:
    known = {
        "actor": "/tail",
        "actor_type": "logwatch/logwatch.tail",
        "plugin": "logwatch",
        "generation": 4,
        "message_id": "m1",
        "message_type": "LogLine",
    }
    assert loaded("x", **known).items() >= known.items()
    assert "plugin" not in loaded("x", actor="/tail", plugin=None)


def test_an_error_has_its_type_and_its_traceback_in_a_json_line() -> None:
    try:
        raise ValueError("no such thing")
    except ValueError:
        found = loaded("it failed", exc_info=sys.exc_info())
    assert found["error.type"] == "ValueError"
    assert found["exception"].startswith("Traceback")
    assert found["exception"].endswith("ValueError: no such thing")


class Unprintable:
    def __str__(self) -> str:
        raise KeyError


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (1, 1),
        ({"a": [1, None]}, {"a": [1, None]}),
        (float("nan"), "nan"),
        (Path("/x"), "/x"),
        (Unprintable(), "<Unprintable>"),
    ],
)
def test_what_a_caller_adds_is_extra_as_json_has_it(given: object, shown: object) -> None:
    assert loaded("x", order=given)["extra"] == {"order": shown}


def test_extra_has_no_way_into_the_fields_of_the_host() -> None:
    assert loaded("x", level="forged", host="forged")["level"] == "warning"
    assert loaded("x", host="forged")["host"] == "edge-1"


@pytest.mark.parametrize("text", ["x" * 100_000, "\x00" * 100_000, "漢" * 50_000])
def test_a_long_json_line_is_cut_and_stays_json(text: str) -> None:
    found = loaded(text, traceback="y" * 90_000, order="z" * 90_000)
    assert found["cut"] > 190_000
    assert "extra" not in found
    assert found["msg"].endswith("…")
    assert found["exception"].endswith("…")


@pytest.mark.parametrize(
    ("level", "shown"),
    [(10, "<7>"), (20, "<6>"), (25, "<6>"), (30, "<4>"), (40, "<3>"), (50, "<2>"), (60, "<2>")],
)
def test_journald_gets_the_priority_of_a_level(level: int, shown: str) -> None:
    assert priority(level) == shown
