"""What is installed, once no installer is in the middle of it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator

from ..plugins import Installed, look

PATIENCE = 5.0
"""How long a start, or a check, waits for an installer that is at work, in seconds."""
PAUSE = 0.1
LOOK_SECONDS = 1.0
QUIET_SECONDS = 0.5


def installed() -> Installed:
    """Return what is installed; waits at most 5 s for an installer that is at work."""
    for _ in (looks := _Looks()):
        time.sleep(PAUSE)
    return looks.found


class InstalledWatch:
    """Looks every second, and calls `tell` with what is installed whenever that has changed.

    `installing` tells whether an installer was at work at the last look.
    """

    def __init__(self, tell: Callable[[Installed], None]) -> None:
        self.installing = False
        self._tell = tell

    async def run(self, found: Installed) -> None:
        """Look until cancelled; `found` is known already.

        A change is told once it has stayed for half a second and no installer is at work.
        """
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = found.refreshed(sys.path)
            self.installing = now.installing
            if now.installing:
                continue
            if now.entries != found.entries:
                await asyncio.sleep(QUIET_SECONDS)
                if now.refreshed(sys.path).entries != now.entries:
                    continue
                self._tell(now)
            found = now


async def installed_soon() -> Installed:
    """Return what `installed` does, and let the loop run meanwhile."""
    for _ in (looks := _Looks()):
        await asyncio.sleep(PAUSE)
    return looks.found


class _Looks:
    """One look after another, as long as it is worth to pause and look again."""

    def __init__(self) -> None:
        self.found = look(sys.path)

    def __iter__(self) -> Iterator[None]:
        ends = time.monotonic() + PATIENCE
        while self.found.installing and time.monotonic() < ends:
            yield
            self.found = look(sys.path)
