"""The host as a service: what systemd hears of it, from start to stop."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ..kernel import ActorSystem
from ..telemetry import Notifier

LONGEST_PAUSE = 5.0
"""The most seconds between two looks at the actors."""
EXTENSION = 15.0
"""The seconds more that a start or a stop asks for while it gets on."""


class Service:
    """Tells `notifier` what becomes of the host.

    ==============  ===========================================================
    when            what
    ==============  ===========================================================
    `ready`         ``READY=1`` and the first ``STATUS``
    `reloading`     ``RELOADING=1`` with its time; at its end ``READY=1``
    `stopping`      ``STOPPING=1``
    at each beat    ``WATCHDOG=1`` where it is asked for, a new ``STATUS``, and
                    during start and stop ``EXTEND_TIMEOUT_USEC`` if actors got
                    on since the last one
    ==============  ===========================================================

    The beats come from the loop itself, at least twice in the watchdog's time: whoever blocks
    the loop silences them.
    """

    def __init__(self, notifier: Notifier, system: ActorSystem) -> None:
        self._notifier = notifier
        self._system = system
        self._status = ""
        self._is_up = False
        self._reason = ""
        self._progress: object = None

    async def run(self) -> None:
        """Beat until cancelled."""
        pause = min(LONGEST_PAUSE, (self._notifier.watchdog or 2 * LONGEST_PAUSE) / 2)
        while self._notifier.is_heard:
            self._notifier.tell(**self._beat())
            await asyncio.sleep(pause)

    def ready(self) -> None:
        """Tell that the first tree stands."""
        self._is_up = True
        self._notifier.tell(READY=1, **self._news())

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """Tell the beginning and the end of a reload, whatever becomes of it.

        systemd waits for the end, and takes a beginning for one only with its time.
        """
        self._notifier.tell(RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000)
        try:
            yield
        finally:
            if not self._reason:
                self._notifier.tell(READY=1, **self._news())

    def stopping(self, reason: str) -> None:
        """Tell that the host is going to end."""
        self._reason, self._is_up = reason, False
        self._notifier.tell(STOPPING=1, **self._news())

    def _beat(self) -> dict[str, str | int]:
        fields: dict[str, str | int] = self._news()
        if self._notifier.watchdog is not None:
            fields["WATCHDOG"] = 1
        if not self._is_up and self._has_got_on():
            fields["EXTEND_TIMEOUT_USEC"] = int(EXTENSION * 1e6)
        return fields

    def _news(self) -> dict[str, str | int]:
        before, states = self._status, (cell.state for cell in self._system.cells())
        self._status = status_line(states, self._is_up, self._reason)
        return {} if self._status == before else {"STATUS": self._status}

    def _has_got_on(self) -> bool:
        before, total = self._progress, self._system.status()
        states = Counter(cell.state for cell in self._system.cells())
        self._progress = (states, total.handled, total.failed, total.dead)
        return self._progress != before


def status_line(states: Iterable[str], is_up: bool, reason: str = "") -> str:
    """Return what ``systemctl status`` shows: ``41 running, 1 failed``, with what the host does."""
    counted = Counter(states)
    counts = [f"{counted[one]} {one}" for one in sorted(counted, key=lambda it: it != "running")]
    actors = ", ".join(counts) or "no actors"
    if reason:
        return f"stopping: {reason}; {actors}"
    return actors if is_up else f"starting; {actors}"
