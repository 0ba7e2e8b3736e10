"""Who stopped an actor, and what of that outlives the daemon."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from aplay_host.host.holds import Hold, read_holds, stopped_by, user_names, write_holds
from aplay_host.kernel import ActorStatus, Failure
from aplay_host.plugins import SAFE_MODE
from tests.host.statuses import STATUS

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HELD = replace(STATUS, state="stopped", held=True)
KEPT_OUT = replace(HELD, history=(Failure("Fault", SAFE_MODE.message, "", 0.0),))


@pytest.mark.parametrize(
    ("status", "holds", "by"),
    [
        (STATUS, {"/a/x"}, None),
        (replace(HELD, reason="stop"), {"/a/x"}, "person"),
        (replace(HELD, reason="stop"), {"/a"}, "code"),
        (KEPT_OUT, set(), "safe"),
        (KEPT_OUT, {"/a/x"}, "person"),
        (replace(HELD, reason="error"), set(), "error"),
        (replace(HELD, reason="error"), {"/a/x"}, "error"),
        (replace(STATUS, reason="error"), {"/a/x"}, None),
    ],
)
def test_who_stopped_an_actor(status: ActorStatus, holds: set[str], by: str | None) -> None:
    assert stopped_by(status, holds) == by


def test_holds_are_read_as_they_were_written(tmp_path: Path) -> None:
    assert read_holds(tmp_path) == {}
    elsewhere = NOON.astimezone(timezone(timedelta(hours=5)))
    full = Hold(NOON, 1000, "anna", 'the "disk" is full')
    write_holds(tmp_path, {"/b": Hold(elsewhere), "/a": full})
    assert read_holds(tmp_path) == {"/a": full, "/b": Hold(NOON)}
    assert [path.name for path in tmp_path.iterdir()] == ["held.json"]


def test_a_hold_of_which_only_the_time_was_written_is_read(tmp_path: Path) -> None:
    (tmp_path / "held.json").write_text('{"held": {"/a": "2026-03-01T12:00:00+00:00"}}')
    assert read_holds(tmp_path) == {"/a": Hold(NOON)}


def test_root_and_the_process_s_own_user_have_names() -> None:
    assert user_names()[0] == "root"
    assert user_names().keys() == {0, os.geteuid()}


@pytest.mark.parametrize(
    "held",
    [
        '["/a"]',
        '{"/a": 1}',
        '{"/a": "noon"}',
        '{"/a": {}}',
        '{"/a": "0001-01-01T00:00:00+14:00"}',
        "0",
    ],
)
def test_what_cannot_be_read_holds_nobody_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, held: str
) -> None:
    (tmp_path / "held.json").write_text(f'{{"held": {held}}}')
    assert read_holds(tmp_path) == {}
    assert "held.json cannot be used, nothing is held" in caplog.text
