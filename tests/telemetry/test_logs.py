"""The host's log: one line a record, safe to read, beside whatever others have set up."""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from aplay_host.telemetry import LineFormatter, log_to


@contextmanager
def bare_root() -> Iterator[logging.Logger]:
    """The root logger with no handler, as a host finds it; afterwards as it was before."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level  # pytest's own, there while a test runs
    root.handlers[:] = []
    try:
        yield root
    finally:
        root.handlers[:] = before
        root.setLevel(level)


def record(text: str, *args: object, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("acme.sql", logging.WARNING, "x.py", 7, text, args, None)
    made.__dict__.update(fields)
    return made


def line(text: str, *args: object, **fields: object) -> str:
    return LineFormatter().format(record(text, *args, **fields))


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


def test_records_from_the_level_on_are_written_while_the_block_lasts() -> None:
    stream, log = io.StringIO(), logging.getLogger("a")
    with bare_root():
        with log_to(stream, "warning"):
            log.info("too little")
            log.warning("enough")
        log.error("too late")
    assert [one.rpartition(": ")[2] for one in stream.getvalue().splitlines()] == ["enough"]


def test_only_what_was_added_is_taken_away() -> None:
    added_meanwhile = logging.NullHandler()
    with bare_root() as root:
        root.setLevel(logging.ERROR)
        with log_to(io.StringIO(), "debug"):
            assert root.level == logging.DEBUG
            root.addHandler(added_meanwhile)
        assert root.handlers == [added_meanwhile]
        assert root.level == logging.ERROR


def test_a_foreign_handler_is_left_alone_and_no_other_is_added() -> None:
    stream, foreign = io.StringIO(), logging.NullHandler()
    with bare_root() as root:
        root.addHandler(foreign)
        root.setLevel(logging.CRITICAL)
        with log_to(stream, "debug"):
            assert root.handlers == [foreign]
            assert root.level == logging.CRITICAL
            logging.getLogger("a").critical("not ours to write")
    assert stream.getvalue() == ""


def test_the_log_ends_with_the_block_also_after_an_error() -> None:
    with bare_root() as root:
        with pytest.raises(KeyError), log_to(io.StringIO(), "info"):
            raise KeyError
        assert root.handlers == []
