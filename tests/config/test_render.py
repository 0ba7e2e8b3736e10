"""The text of errors: exact, aligned, and without secrets."""

from __future__ import annotations

from dataclasses import replace
from textwrap import dedent

import pytest

from aplay_host.config.render import render
from aplay_host.errors import Problem

from .conftest import Mistakes

UNKNOWN = Problem("aplay.toml", 1, 1, 2, "a", "unknown-key", "unknown key")


def test_the_text_of_errors_is_exactly_this(mistakes: Mistakes) -> None:
    error = mistakes(
        """\
        [host]
        name = "demo"
        sate_dir = ".aplay"
        drain_timeout = 20

        [actors."/tail"]
        use = "logwatch.tail"
        mailbox = { kind = "memory", capacity = -5 }
        """
    )
    assert str(error) == dedent(
        """\
        aplay.toml:3:1: error: host.sate_dir: unknown key
            3 | sate_dir = ".aplay"
              | ^^^^^^^^ did you mean state_dir?
        aplay.toml:8:41: error: actors."/tail".mailbox.capacity: got -5, want an integer >= 1
            8 | mailbox = { kind = "memory", capacity = -5 }
              |                                         ^^
        2 errors in aplay.toml; nothing was started"""
    )


def test_the_fields_of_a_problem_agree_with_its_text(mistakes: Mistakes) -> None:
    error = mistakes("[actors.'/tail']\nuse = 'a'\nmax_tasks = 0\nmax_task = 1\n")
    assert error.problems == (
        Problem(
            "aplay.toml",
            3,
            13,
            14,
            'actors."/tail".max_tasks',
            "bad-value",
            "got 0, want an integer >= 1",
            got="0",
            want="an integer >= 1",
        ),
        Problem(
            "aplay.toml",
            4,
            1,
            9,
            'actors."/tail".max_task',
            "unknown-key",
            "unknown key",
            hint="did you mean max_tasks?",
        ),
    )
    for it in error.problems:
        head = f"{it.file}:{it.line}:{it.column}: error: {it.key}: {it.message}\n"
        assert head in str(error)
        assert it.hint in str(error)


def test_one_error_is_counted_in_the_singular() -> None:
    assert render([UNKNOWN], "a").endswith("\n1 error in aplay.toml; nothing was started")


def test_a_problem_without_a_place_is_one_line() -> None:
    lost = replace(UNKNOWN, line=0, key="", message="cannot be read")
    first = render([lost]).splitlines()[0]
    assert first == "aplay.toml: error: cannot be read"


@pytest.mark.parametrize(
    ("source", "column", "end", "padding"),
    [
        ("\tkey\t= 5", 8, 9, "\t   \t  "),
        ("'中é' = 5", 8, 9, "        "),
        ("a = 5", 5, 6, "    "),
    ],
)
def test_the_caret_stands_below_its_token(source: str, column: int, end: int, padding: str) -> None:
    shown = render([replace(UNKNOWN, column=column, end_column=end)], source).splitlines()
    assert shown[1] == f"    1 | {source}"
    assert shown[2] == f"      | {padding}^"


def test_wide_characters_have_wide_carets() -> None:
    assert "      | ^^^^\n" in render([replace(UNKNOWN, column=1, end_column=3)], "中文 = 1")


def test_a_place_at_the_end_of_a_line_has_a_caret() -> None:
    assert "      |     ^\n" in render([replace(UNKNOWN, column=5, end_column=6)], "a = ")


def test_characters_that_command_a_terminal_are_not_shown() -> None:
    assert "\x9b" not in render([UNKNOWN], "a = '\x9b2J'")


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_carets_are_right_under_tabs_windows_line_ends_and_a_byte_order_mark(
    mistakes: Mistakes, ending: str, mark: str
) -> None:
    text = f'{mark}[log]\n\tlevel =\t"中文" # x\n'.replace("\n", ending)
    lines = str(mistakes(text)).splitlines()
    assert lines[0].startswith('aplay.toml:2:10: error: log.level: got "中文", want "debug"')
    assert lines[1:3] == ['    2 | \tlevel =\t"中文" # x', "      | \t       \t^^^^^^"]
