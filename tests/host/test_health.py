"""Whether the host is well: the truth table of readiness."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aplay_host.control import ActorRow, CounterRow, ErrorRow, HealthCheck, MailboxRow
from aplay_host.host.health import alive, judge_readiness, judge_start, line_of
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
    "state", ["new", "starting", "restarting", "paused", "stopping", "stopped"]
)
@pytest.mark.parametrize(
    ("required", "away_s", "status"),
    [(True, 5.0, "ok"), (True, 5.1, "not ready"), (False, 100.0, "ok")],
)
def test_a_required_actor_may_be_away_for_five_seconds(
    state: str, required: bool, away_s: float, status: str
) -> None:
    row = replace(ROW, state=state, required=required)
    assert judge_readiness("running", [row], away={"/a": away_s}).status == status


def test_who_is_away_is_told_with_its_state_and_for_how_long() -> None:
    report = judge_readiness("running", [replace(ROW, state="restarting")], away={"/a": 8.2})
    assert report.checks[-1].detail == "/a is restarting, and has not run for 8 s"


def test_a_held_actor_may_be_away_for_ever() -> None:
    assert judge_readiness("running", [HELD], away={"/c": 1e6}).status == "degraded"


@pytest.mark.parametrize(
    ("waits_for", "status", "line"),
    [
        (None, "not ready", "not ready: the host is starting"),
        (["/a", "/b"], "not ready", "not ready: /a has not started yet, and 1 more"),
        ([], "ok", "ok"),
    ],
)
def test_the_start_probe(waits_for: list[str] | None, status: str, line: str) -> None:
    report = judge_start(waits_for)
    assert (report.status, line_of(report)) == (status, line)


def test_the_line_of_a_probe_tells_no_error_text() -> None:
    error = ErrorRow("OSError", "token=hunter2", "a.py:1 in f", ROW.since)
    failed = judge_readiness("running", [replace(FAILED, last_error=error)])
    told = HealthCheck("guard/disk", False, True, "guard/disk: /home/anna is full")
    assert line_of(failed) == "not ready: /a is failed"
    assert line_of(judge_readiness("running", [], told=[told])) == "not ready: guard/disk fails"
    assert line_of(judge_readiness("stopping", [])) == "not ready: the host is stopping"
    assert line_of(judge_readiness("running", [HELD])) == "ok"


def test_the_probe_of_life_is_always_well() -> None:
    assert alive().ready
