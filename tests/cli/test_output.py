"""Answers as text."""

from __future__ import annotations

import pytest

from aplay_host.cli.output import age, print_table, print_tree, shown_state, visible

NOON = "2026-03-01T12:00:00.000Z"


@pytest.mark.parametrize(
    ("since", "shown"),
    [
        ("2026-03-01T12:00:00.000Z", "0 s"),
        ("2026-03-01T11:59:00.500Z", "60 s"),
        ("2026-03-01T11:59:00.000Z", "1 min"),
        ("2026-03-01T09:00:00.000Z", "3 h"),
        ("2026-02-27T11:00:00.000Z", "2 d"),
        ("2026-03-01T12:00:05.000Z", "0 s"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(since: str, shown: str) -> None:
    assert age(since, NOON) == shown


def test_columns_are_as_wide_as_their_widest_cell(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("NAME", "N"), [("a", 1), ("longer", 20)], right="N")
    assert capsys.readouterr().out.splitlines() == ["NAME     N", "a        1", "longer  20"]


def test_a_table_without_rows_is_its_header(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("NAME", "N"), [])
    assert capsys.readouterr().out == "NAME  N\n"


def row(address: str, *children: object, **changes: object) -> dict[str, object]:
    fields = {"address": address, "state": "running", "held": False, "type": "m:A", "pending": 0}
    return {**fields, "children": children, **changes}


def test_a_tree_is_drawn_with_its_branches(capsys: pytest.CaptureFixture[str]) -> None:
    print_tree(row("/", row("/a", row("/a/b", pending=2)), row("/c", state="stopped", held=True)))
    assert capsys.readouterr().out.splitlines() == [
        "/  running  m:A",
        "├─ a  running  m:A",
        "│  └─ b  running  m:A  2 waiting",
        "└─ c  stopped (held)  m:A",
    ]


def test_a_held_actor_is_shown_as_such() -> None:
    assert shown_state({"state": "stopped", "held": True}) == "stopped (held)"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢\n2", "plain é 漢\n2"),
        ("\x1b[31m\r\x00", r"\x1b[31m\r\x00"),
        ("\x9b\u2028\u202e\ud800", r"\x9b\u2028\u202e\ud800"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_instead(text: str, shown: str) -> None:
    assert visible(text) == shown
