"""Asking the plugins how they are, again and again, so that no probe has to wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from ..control import HealthCheck, rfc3339
from ..plugins import Health

SECONDS = 10.0
"""The time between two rounds."""


class HealthRounds:
    """Keeps the newest answers of `ask` as `checks`; runs in a task of its own."""

    def __init__(self, ask: Callable[[], Awaitable[Sequence[Health]]]) -> None:
        self.checks: tuple[HealthCheck, ...] = ()
        self._ask = ask

    async def run(self) -> None:
        """Ask, and ask again ten seconds after the answers, until cancelled."""
        while True:
            told = await self._ask()
            self.checks = plan_checks(self.checks, told, rfc3339(datetime.now(UTC)))
            await asyncio.sleep(SECONDS)


def plan_checks(
    before: Sequence[HealthCheck], told: Sequence[Health], now: str
) -> tuple[HealthCheck, ...]:
    """Return the checks after a round; one whose verdict is as before keeps its `since`."""
    since = {check.name: (check.ok, check.since) for check in before}
    checks = []
    for one in told:
        ok = one.status != "fail"
        detail = f"{one.name}: {one.detail or one.status}"
        was, at = since.get(one.name, (None, None))
        checks.append(HealthCheck(one.name, ok, one.critical, detail, at if was == ok else now))
    return tuple(checks)
