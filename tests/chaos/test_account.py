"""Each class of faults is found in a ledger written by hand, and only where it is."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from .account import Findings, examine
from .ledger import Entry, Ledger, read_ledger

FAULTS = tuple(it.name for it in fields(Findings) if it.default == ())
WELL = "1 put /a 1 1, 1 kept /a 1 1, 1 begun /a 1 1, 1 effect /a 1 1 1"

WRONG = [
    ("lost", "1 put /a 1 1, 1 kept /a 1 1"),
    ("lost", "1 put /a 1 1, 1 kept /a 1 1, 1 begun /a 1 1, 1 raised /a 1 1"),
    ("lost", WELL.replace("/a", "/from")),
    ("back", f"{WELL}, 1 settled /a 1 1 1, 2 begun /a 1 1"),
    ("doubled", f"{WELL}, 1 begun /a 1 1"),
    ("invented", "1 put /a 1 1, 1 refused /a 1 1, 1 begun /a 1 1, 1 effect /a 1 1"),
    ("invented", "1 begun /a 1 1, 1 effect /a 1 1"),
    (
        "disordered",
        "1 put /a 1 1, 1 put /a 1 2, 1 begun /a 1 2, 1 effect /a 1 2, 1 begun /a 1 1, "
        "1 effect /a 1 1",
    ),
    (
        "disordered",
        "1 put /a 1 1, 1 put /a 1 2, 1 begun /a 1 1, 1 raised /a 1 1, 1 begun /a 1 2, "
        "1 effect /a 1 2, 1 begun /a 1 1, 1 effect /a 1 1",
    ),
    (
        "disordered",
        "1 put /a 1 1, 1 put /a 1 2, 1 begun /a 1 2, 1 effect /a 1 2, 2 begun /a 1 1, "
        "2 effect /a 1 1",
    ),
    ("gaps", "1 put /a 1 1, 1 put /b 2 1, 2 begun /b 2 1, 2 effect /b 2 1"),
    ("mismatched", f"{WELL}, 2 state /a 0 0 2"),
    ("mismatched", f"{WELL}, 2 state /a 0 0 0"),
    ("mismatched", f"{WELL}, 2 state /a 0 0 1, 2 last /a 1 0"),
    (
        "mismatched",
        f"{WELL}, 1 settled /a 1 1 1, 1 put /a 2 1, 1 kept /a 2 1, 1 begun /a 2 1, "
        "1 effect /a 2 1 1, 1 settled /a 2 1 1",
    ),
    ("overrun", f"{WELL}, 2 begun /a 1 1, 2 effect /a 1 1"),
]


def entries(text: str) -> tuple[Entry, ...]:
    """Return a ledger of lines ``life kind address sender number count``, at rest in the end."""
    split = (line.split() for line in text.split(", ") if line)
    lines = tuple(
        Entry(int(life), 0.0, kind, at, *map(int, which)) for life, kind, at, *which in split
    )
    return (*lines, Entry(lines[-1].life if lines else 1, 0.0, "rested"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        WELL,
        f"{WELL}, 1 settled /a 1 1 1, 2 state /a 0 0 1, 2 last /a 1 1",
        "1 put /a 1 1, 1 kept /a 1 1, 2 begun /a 1 1, 2 effect /a 1 1",
        f"1 state /a 0 0 0, 1 last /a 1 0, {WELL}, 2 state /a 0 0 1",
        f"{WELL}, 2 begun /a 1 1, 2 effect /a 1 1 1, 2 settled /a 1 1 1, 2 state /a 0 0 1",
        "1 put /a 1 1, 1 kept /a 1 1, 1 begun /a 1 1, 1 raised /a 1 1, 1 begun /a 1 1, "
        "1 effect /a 1 1",
        "1 put /a 1 1, 1 kept /a 1 1, 1 begun /a 1 1, 1 raised /a 1 1, 2 dead /a 1 1",
        "1 put /a 1 1, 1 refused /a 1 1",
        "1 put /a 1 1, 1 put /a 2 1, 1 begun /a 2 1, 1 effect /a 2 1, 1 begun /a 1 1, "
        "1 effect /a 1 1",
        "1 put /a 1 1, 1 put /a 1 2, 1 begun /a 1 1, 1 effect /a 1 1, 1 begun /a 1 2, "
        "2 begun /a 1 1, 2 effect /a 1 1, 2 begun /a 1 2, 2 effect /a 1 2",
        "1 put /a 1 1, 2 put /a 1 2, 2 kept /a 1 2, 2 begun /a 1 2, 2 effect /a 1 2",
    ],
    ids=[
        *("nothing at all", "one message", "a turn", "handled in the next life"),
        "two lives at rest",
        *("a turn run again after a kill", "a retry", "a dead letter", "refused"),
        *("senders apart", "again from an earlier message on", "in doubt in an earlier life"),
    ],
)
def test_what_may_happen_is_no_fault(text: str) -> None:
    assert examine(entries(text)).faults == ()


@pytest.mark.parametrize(("fault", "text"), WRONG)
def test_each_fault_is_found_and_no_other(fault: str, text: str) -> None:
    found = examine(entries(text), {"/from": "/to"}, credit=0 if fault == "overrun" else 128)
    assert getattr(found, fault)
    assert [name for name in FAULTS if getattr(found, name)] == [fault]
    assert found.faults[0].startswith(f"{fault}: /")


def test_the_hand_made_ledgers_name_every_class_there_is() -> None:
    assert {fault for fault, _ in WRONG} == set(FAULTS)


@pytest.mark.parametrize(("then", "there"), [("", 0), (", 2 begun /a 1 1, 2 effect /a 1 1", 1)])
def test_what_is_in_doubt_is_counted_and_is_neither_lost_nor_invented(
    then: str, there: int
) -> None:
    found = examine(entries(f"1 put /a 1 1{then}"))
    assert found.faults == ()
    assert (found.doubtful_there, found.doubtful_gone) == (there, 1 - there)


def test_what_was_sent_in_a_turn_is_owed_once_the_turn_is_handled() -> None:
    sent = WELL.replace("/a", "/from")
    arrived = ", 1 begun /to 1 1, 1 effect /to 1 1"
    assert examine(entries(sent + arrived), {"/from": "/to"}).faults == ()


def test_a_ledger_that_does_not_end_at_rest_is_not_judged() -> None:
    with pytest.raises(ValueError, match="does not end at rest"):
        examine(entries(WELL)[:-1])


def test_what_is_written_is_read_again_also_by_the_next_life(tmp_path: Path) -> None:
    begun: list[None] = []
    for life in (1, 2):
        ledger = Ledger(tmp_path / "ledger", life, lambda: begun.append(None))
        ledger.note("begun", "/a", 1, 2, 3)
        ledger.note("rested")
        ledger.close()
    first, _, second, _ = read_ledger(tmp_path / "ledger")
    assert (first.life, first.kind, first.key, first.count) == (1, "begun", ("/a", 1, 2), 3)
    assert second.life == 2
    assert second.at >= first.at
    assert len(begun) == 2
