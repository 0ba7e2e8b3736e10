"""Asking plugins how they are: when, and what becomes of the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from aplay_host.control import HealthCheck
from aplay_host.host.health import judge_readiness
from aplay_host.host.rounds import HealthRounds, plan_checks
from aplay_host.plugins import Health

THEN, NOW = "2026-03-01T12:00:00.000Z", "2026-03-01T12:00:10.000Z"


def names(rounds: HealthRounds) -> list[str]:
    return [one.name for one in rounds.checks]


def check(ok: bool, *, critical: bool = False, since: str = NOW) -> HealthCheck:
    return HealthCheck("guard/disk", ok, critical, "guard/disk: full", since)


@pytest.mark.parametrize(
    ("told", "critical", "ok", "status"),
    [
        ("ok", True, True, "ok"),
        ("warn", True, True, "ok"),
        ("fail", False, False, "degraded"),
        ("fail", True, False, "not ready"),
    ],
)
def test_what_a_plugin_says_is_a_check_of_the_host(
    told: str, critical: bool, ok: bool, status: str
) -> None:
    health = Health("guard/disk", told, "full", critical)  # type: ignore[arg-type]
    checks = plan_checks((), [health], NOW)
    assert checks == (check(ok, critical=critical),)
    assert judge_readiness("running", [], told=checks).status == status


@pytest.mark.parametrize(("was", "since"), [(False, THEN), (True, NOW)])
def test_a_check_tells_since_when_it_is_so(was: bool, since: str) -> None:
    before = [check(was, since=THEN)]
    assert plan_checks(before, [Health("guard/disk", "fail", "full")], NOW)[0].since == since


def test_a_check_without_words_tells_its_status() -> None:
    (one,) = plan_checks((), [Health("guard/disk", "fail")], NOW)
    assert one.detail == "guard/disk: fail"


async def test_plugins_are_asked_at_once_and_then_every_ten_seconds() -> None:
    loop = asyncio.get_running_loop()
    asked: list[float] = []

    async def ask() -> Sequence[Health]:
        asked.append(loop.time())
        await asyncio.sleep(1)
        return [Health("guard/disk", "ok")]

    rounds = HealthRounds(ask)
    running = asyncio.create_task(rounds.run())
    await asyncio.sleep(0.5)
    assert names(rounds) == []
    await asyncio.sleep(25)
    assert asked == [0.0, 11.0, 22.0]
    assert names(rounds) == ["guard/disk"]
    running.cancel()
    await asyncio.wait({running})
