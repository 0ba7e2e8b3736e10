"""The process's signals, for as long as the host runs."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

TAKEN = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
LAST_RESORT = 2.0


class StopSignals:
    """What HUP asks for, and what TERM and INT do, told by how often they came.

    ======  =====================================================================
    signal  effect
    ======  =====================================================================
    HUP     `on_reload`: aplay.toml is read again
    ======  =====================================================================
    first   `on_stop`: an orderly stop
    second  `on_force`: cut everything off now; the process ends within 2 s
    third   the process ends at once with exit code 1
    ======  =====================================================================

    `on_stop`, `on_force` and `on_reload` run on the loop. Counting signals, and the end of the
    process, need no loop: an actor that blocks it keeps nobody from stopping the host. SIGALRM is
    the clock of the last resort, because no thread can be begun safely while a signal is handled.
    """

    def __init__(
        self,
        on_stop: Callable[[str], None],
        on_force: Callable[[], None],
        on_reload: Callable[[], None],
        end: Callable[[int], object] = os._exit,
    ) -> None:
        self._on_stop = on_stop
        self._on_force = on_force
        self._on_reload = on_reload
        self._end = end
        self._count = 0

    @contextmanager
    def captured(self) -> Iterator[None]:
        """Take the signals for the block, in the main thread and on its running loop."""
        loop = asyncio.get_running_loop()

        def arrived(number: int, frame: FrameType | None) -> None:
            self._arrived(loop, signal.Signals(number))

        def too_late(number: int, frame: FrameType | None) -> None:
            self._end(1)

        taken = {**dict.fromkeys(TAKEN, arrived), signal.SIGALRM: too_late}
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
            del taken[signal.SIGHUP]  # nohup asked for that
        before = {number: signal.signal(number, handler) for number, handler in taken.items()}
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _arrived(self, loop: asyncio.AbstractEventLoop, number: signal.Signals) -> None:
        if number == signal.SIGHUP:
            loop.call_soon_threadsafe(self._on_reload)
            return
        self._count += 1
        if self._count == 1:
            loop.call_soon_threadsafe(self._on_stop, number.name)
        elif self._count == 2:
            signal.setitimer(signal.ITIMER_REAL, LAST_RESORT)
            loop.call_soon_threadsafe(self._on_force)
        else:
            self._end(1)
