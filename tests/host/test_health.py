"""Whether the host is well: the truth table of readiness."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aplay_host.control import ActorRow, CounterRow, ErrorRow, MailboxRow
from aplay_host.host.health import alive, judge_readiness, judge_start
from aplay_host.host.holds import StoppedBy

ROW = ActorRow(
    address="/a",
    type="m:A",
    plugin=None,
    state="running",
    held=False,
    required=True,
    generation=1,
    since="2026-03-01T12:00:00.000Z",
    restarts=0,
    pending=0,
    in_hand=0,
    mailbox=MailboxRow("memory", 10),
    counters=CounterRow(0, 0, 0, 0),
    last_error=None,
    children=(),
)
WELL = replace(ROW, address="/well")
FAILED = replace(ROW, state="failed")
FAILED_OPTIONAL = replace(FAILED, address="/b", required=False)
HELD = replace(ROW, address="/c", state="stopped", held=True)


@pytest.mark.parametrize(
    ("phase", "rows", "status"),
    [
        ("running", [], "ok"),
        ("running", [WELL], "ok"),
        ("running", [WELL, FAILED], "not ready"),
        ("running", [WELL, FAILED_OPTIONAL], "degraded"),
        ("running", [HELD], "degraded"),
        ("running", [HELD, FAILED_OPTIONAL, FAILED], "not ready"),
        ("starting", [WELL], "not ready"),
        ("starting", [], "not ready"),
        ("stopping", [WELL], "not ready"),
    ],
)
def test_readiness(phase: str, rows: list[ActorRow], status: str) -> None:
    report = judge_readiness(phase, rows)
    assert report.status == status
    assert report.ready is (status != "not ready")


@pytest.mark.parametrize("state", ["new", "starting", "running", "stopping", "stopped"])
def test_an_actor_on_its_way_is_no_reason_not_to_be_ready(state: str) -> None:
    assert judge_readiness("running", [replace(ROW, state=state)]).status == "ok"


def test_a_failed_actor_is_told_with_its_error_and_since_when() -> None:
    error = ErrorRow("OSError", "the disk is gone", "a.py:1 in f", ROW.since)
    report = judge_readiness("running", [replace(FAILED, last_error=error)])
    check = report.checks[-1]
    assert (check.name, check.ok, check.critical) == ("/a", False, True)
    assert check.detail == "/a is failed: the disk is gone"
    assert check.since == ROW.since


def test_an_actor_that_is_held_and_failed_is_failed() -> None:
    report = judge_readiness("running", [replace(FAILED, held=True)])
    assert report.status == "not ready"
    assert len(report.checks) == 2


@pytest.mark.parametrize(
    ("stopper", "detail"),
    [
        ("person", "/c was stopped by a person"),
        ("code", "/c was stopped by code"),
        ("safe", "/c is held: safe mode"),
        ("error", "/c stopped itself after an error: the disk is gone"),
    ],
)
def test_who_stopped_an_actor_is_told(stopper: StoppedBy, detail: str) -> None:
    error = ErrorRow("OSError", "the disk\n is gone", "a.py:1 in f", ROW.since)
    row = replace(HELD, last_error=error)
    report = judge_readiness("running", [row], {"/c": stopper})
    assert (report.status, report.checks[-1].detail) == ("degraded", detail)


def test_what_is_well_is_not_listed_by_actor() -> None:
    checks = judge_readiness("running", [WELL, HELD]).checks
    assert [check.name for check in checks] == ["host", "/c"]


@pytest.mark.parametrize(
    ("phase", "status"), [("starting", "not ready"), ("running", "ok"), ("stopping", "ok")]
)
def test_the_start_probe(phase: str, status: str) -> None:
    assert judge_start(phase).status == status


def test_the_probe_of_life_is_always_well() -> None:
    assert alive().ready
