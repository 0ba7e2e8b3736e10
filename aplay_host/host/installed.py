"""What is installed, once no installer is in the middle of it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator

from ..plugins import Installed, look

PATIENCE = 5.0
"""How long a start, or a check, waits for an installer that is at work, in seconds."""
PAUSE = 0.1


def installed() -> Installed:
    """Return what is installed; waits at most 5 s for an installer that is at work."""
    for _ in (looks := _Looks()):
        time.sleep(PAUSE)
    return looks.found


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
