"""Statuses of the kernel as rows."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime

from aplay_host.host.origin import Origin
from aplay_host.host.rows import actor_row, tree_row
from aplay_host.kernel import Actor, ActorSpec, ActorStatus, Address, Failure

STATUS = ActorStatus(
    address=Address("/a/b"),
    state="running",
    held=False,
    accepted=10,
    handled=4,
    failed=3,
    dead=1,
    pending=1,
    in_hand=1,
    spec=ActorSpec.of(Actor, settings={"mailbox": {"capacity": 7}}),
    restarts=2,
    generation=3,
    since=100.0,
    oldest_s=2.50004,
    children=(Address("/a/b/c"),),
)


def wall(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def test_a_row_has_every_field_of_the_contract_and_no_other() -> None:
    assert asdict(actor_row(STATUS, Origin("acme/b", "acme"), True, wall)) == {
        "address": "/a/b",
        "type": "acme/b",
        "plugin": "acme",
        "state": "running",
        "held": False,
        "required": True,
        "generation": 3,
        "since": "1970-01-01T00:01:40.000Z",
        "restarts": 2,
        "pending": 1,
        "in_hand": 1,
        "mailbox": {"kind": "memory", "capacity": 7, "oldest_s": 2.5},
        "counters": {"accepted": 10, "handled": 4, "failed": 3, "dead": 1},
        "last_error": None,
        "children": ("/a/b/c",),
    }


def test_the_newest_error_has_type_text_place_and_time() -> None:
    status = replace(STATUS, history=(Failure("OSError", "gone", "a.py:1 in f", 60.0),))
    row = actor_row(status, Origin("group", None), False, wall)
    assert row.last_error is not None
    assert asdict(row.last_error) == {
        "type": "OSError",
        "text": "gone",
        "where": "a.py:1 in f",
        "at": "1970-01-01T00:01:00.000Z",
    }


def test_a_tree_row_says_of_an_actor_what_its_row_does() -> None:
    row = actor_row(STATUS, Origin("m:A", None), True, wall)
    leaf = tree_row(row, ())
    assert asdict(tree_row(row, (leaf,))) == {
        "address": "/a/b",
        "state": "running",
        "held": False,
        "type": "m:A",
        "pending": 1,
        "children": (asdict(leaf),),
    }
