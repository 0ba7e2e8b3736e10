import asyncio
from pathlib import Path
from typing import Any

import pytest
from ops.guard import Guard
from ops.guard.disk import judge_disk
from ops.guard.timing import timing

from aplay_host import ActorSystem, HostInfo, Veto


def test_a_backup_that_runs_is_a_veto_with_its_lock(tmp_path: Path) -> None:
    lock = tmp_path / "backup.lock"
    guard = Guard(Guard.Options(backup_lock=lock))
    assert guard.aplay_before_reload() is None
    lock.touch()
    assert guard.aplay_before_reload() == Veto(f"a backup runs: {lock} exists")


@pytest.mark.parametrize(
    ("free", "status", "critical"),
    [(1000, "ok", False), (999, "warn", False), (500, "warn", False), (499, "fail", True)],
)
def test_less_free_space_is_worse_health(free: float, status: str, critical: bool) -> None:
    health = judge_disk(free, 500)
    assert (health.status, health.critical) == (status, critical)
    assert health.detail == f"{free} MB free, 500 wanted"


def test_the_disk_asked_is_that_of_the_state_directory(tmp_path: Path) -> None:
    host = HostInfo("edge", "1.0", tmp_path)
    (health,) = Guard(Guard.Options(min_free_mb=0)).aplay_health(host)
    assert (health.name, health.status) == ("disk", "ok")
    with pytest.raises(FileNotFoundError):
        Guard(Guard.Options(min_free_mb=0)).aplay_health(HostInfo("x", "1.0", tmp_path / "gone"))


async def test_a_slow_handler_is_logged_and_its_reply_passes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handle(msg: Any) -> Any:
        await asyncio.sleep(msg)
        return "reply"

    handler = timing("/tail", 250)(handle)
    assert await handler(0.2) == "reply"
    assert caplog.messages == []
    assert await handler(0.3) == "reply"
    assert caplog.messages == ["/tail took 300 ms for a message of type float"]


async def test_an_error_of_the_handler_passes(caplog: pytest.LogCaptureFixture) -> None:
    async def handle(msg: Any) -> Any:
        await asyncio.sleep(1)
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        await timing("/tail", 250)(handle)("x")
    assert caplog.messages == ["/tail took 1000 ms for a message of type str"]


async def test_nothing_is_done_that_was_not_asked_for(tmp_path: Path) -> None:
    guard = Guard(Guard.Options())
    assert guard.aplay_before_reload() is None
    assert guard.aplay_health(HostInfo("edge", "1.0", tmp_path)) == ()
    async with ActorSystem("edge") as system:
        ref = system.ref("/tail")
        assert list(guard.aplay_interceptors(ref)) == []
        slow = Guard(Guard.Options(slow_ms=1.0))
        assert [one.name for one in slow.aplay_interceptors(ref)] == ["timing"]
