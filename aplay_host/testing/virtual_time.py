"""An event loop whose clock jumps to the next timer instead of sleeping until it."""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Callable


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Let time pass at once: ``sleep(3600)`` ends now, with `time` exactly 3600.0 later.

    Use it as ``asyncio.Runner(loop_factory=VirtualTimeLoop)``. The clock begins at 0.0 and
    stands still while a callback is ready or a socket or pipe has something to read or room
    to write. Only when there is nothing else to do does it move, and then straight to:

    ==================  =============================================================
    what is scheduled   what an idle loop does
    ==================  =============================================================
    a timer             sets the clock to exactly that timer's time and runs it
    only ``inf`` ones   waits, in real time, for I/O or another thread
    nothing             the same
    ==================  =============================================================

    Do not use it, but a real loop, where somebody outside the loop races a timer: a thread,
    another process or another machine needs real time, so the timer always wins. ``await
    wait_for(to_thread(work), 5)`` times out at once. Without a timer in the loop, waiting
    for them is fine. A task that spins on ``sleep(0)`` until a time comes never sees it
    come, because a loop that has work to do has no reason to move its clock.
    """

    # Invariant: asyncio itself keeps these two, unchanged from Python 3.4 to 3.14; there is
    # no public way to learn the exact time of the next timer.
    _scheduled: list[asyncio.TimerHandle]
    _clock_resolution: float

    def __init__(self) -> None:
        super().__init__(_JumpingSelector(self._jump))
        self._set_clock(0.0)

    def time(self) -> float:
        """Return the virtual time in seconds; it has nothing to do with any other clock."""
        return self._now

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Wait until the default executor's threads have ended, for as long as they need.

        `timeout` is ignored: threads work in real time and would lose against it.
        """
        await super().shutdown_default_executor()

    def _jump(self) -> bool:
        """Move the clock to the next timer; return False when there is none that ever comes."""
        due = self._scheduled[0].when() if self._scheduled else math.inf
        if due == math.inf:
            return False
        self._set_clock(due)
        return True

    def _set_clock(self, now: float) -> None:
        self._now = now
        # Timers less than a "resolution" away run early. One unit in the last place is the
        # smallest that still means something: none run early, and those due run even after
        # years, where asyncio's usual nanosecond is too small to be added to the clock.
        self._clock_resolution = math.ulp(now)


class _JumpingSelector(selectors.DefaultSelector):
    """Ask `jump` to pass the time in which the loop wanted to sleep."""

    def __init__(self, jump: Callable[[], bool]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; wait for it only where no timer could end the wait."""
        ready = super().select(0)
        may_sleep = timeout is None or timeout > 0
        if ready or not may_sleep or self._jump():
            return ready
        return super().select(None)
