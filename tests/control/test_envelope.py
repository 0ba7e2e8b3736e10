"""The frame of answers and of problems."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from aplay_host.control import HostRecord, envelope, problem, rfc3339
from aplay_host.errors import PROBLEM_KINDS, CommandError

NOON = datetime(2026, 3, 1, 12, 0, 0, 1500, tzinfo=UTC)
HOST = HostRecord("demo", "0a1b2c3d", "ffff0000", 7, "1.0", "running", 1, "/etc/aplay.toml")


def test_an_answer_has_schema_host_time_data_and_next() -> None:
    assert json.loads(envelope("plugins.list", [1], HOST, NOON)) == {
        "schema": "aplay.plugins.list/1",
        "host": {
            "name": "demo",
            "id": "0a1b2c3d",
            "boot": "ffff0000",
            "pid": 7,
            "version": "1.0",
            "state": "running",
            "generation": 1,
            "config": "/etc/aplay.toml",
            "pending_restart": [],
            "banner": None,
        },
        "at": "2026-03-01T12:00:00.001Z",
        "data": [1],
        "next": None,
    }


def test_host_is_null_where_no_host_was_asked() -> None:
    assert json.loads(envelope("check", {}, None, NOON))["host"] is None


def test_times_are_told_in_utc_whatever_zone_they_came_in() -> None:
    assert rfc3339(NOON.astimezone(timezone(timedelta(hours=5)))) == "2026-03-01T12:00:00.001Z"


@pytest.mark.parametrize("kind", PROBLEM_KINDS)
def test_a_problem_has_type_title_status_detail_and_hint(kind: str) -> None:
    document = problem(CommandError(kind, "it is so", hint="do that"))
    assert document == {
        "type": f"urn:aplay:problem:{kind}",
        "title": PROBLEM_KINDS[kind].title,
        "status": PROBLEM_KINDS[kind].status,
        "detail": "it is so",
        "hint": "do that",
    }


def test_a_problem_names_the_actor_it_is_about() -> None:
    assert problem(CommandError("timeout", "late", address="/a"))["address"] == "/a"
