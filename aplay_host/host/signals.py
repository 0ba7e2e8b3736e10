"""The process's signals, for as long as the host runs."""

from __future__ import annotations

import asyncio
import faulthandler
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Protocol

TAKEN = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
LAST_RESORT = 1.8  # so that it is 2 s for whoever waits


class Steered(Protocol):
    """What signals ask for; every method runs on the loop."""

    def stop(self, reason: str) -> None:
        """Stop in order."""
        ...

    def cut_off(self) -> None:
        """Stop now, whatever is in hand."""
        ...

    def reread(self) -> None:
        """Read aplay.toml again."""
        ...

    def tell_work(self) -> None:
        """Log what is in hand."""
        ...


class Signals:
    """What the signals do.

    ======  =====================================================================
    signal  effect
    ======  =====================================================================
    HUP     `reread`; `stop` when the terminal that there was at the start is gone;
            nothing when it was ignored at the start (``nohup``)
    USR1    the stacks of all threads on stderr, then `tell_work`
    ======  =====================================================================

    ======  =====================================================================
    TERM    effect, told by how often it or INT came
    or INT
    ======  =====================================================================
    first   `stop`: an orderly stop
    second  `cut_off`: the process ends within 2 s
    third   the process ends at once with exit code 1
    ======  =====================================================================

    Counting signals, the stacks and the end of the process need no loop: an actor that blocks
    it keeps nobody from looking at the host or stopping it. SIGALRM is the clock of the last
    resort, because no thread can be begun safely while a signal is handled.
    """

    def __init__(self, steered: Steered, end: Callable[[int], object] = os._exit) -> None:
        self._steered = steered
        self._end = end
        self._count = 0

    @property
    def forced(self) -> bool:
        """Tell whether a second TERM or INT came."""
        return self._count > 1

    @contextmanager
    def captured(self) -> Iterator[None]:
        """Take the signals for the block, in the main thread and on its running loop."""
        loop = asyncio.get_running_loop()
        had_terminal = has_terminal()

        def arrived(number: int, frame: FrameType | None) -> None:
            name = signal.Signals(number).name
            if number == signal.SIGUSR1:
                loop.call_soon_threadsafe(self._steered.tell_work)
            elif number != signal.SIGHUP:
                self._asked_to_stop(loop, name)
            elif had_terminal and not has_terminal():
                self._asked_to_stop(loop, f"{name}, the terminal is gone")
            else:
                loop.call_soon_threadsafe(self._steered.reread)

        def too_late(number: int, frame: FrameType | None) -> None:
            self._end(1)

        taken = {**dict.fromkeys(TAKEN, arrived), signal.SIGALRM: too_late}
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
            del taken[signal.SIGHUP]  # nohup asked for that
        before = {number: signal.signal(number, handler) for number, handler in taken.items()}
        try:
            with stacks_on_usr1():
                yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _asked_to_stop(self, loop: asyncio.AbstractEventLoop, reason: str) -> None:
        self._count += 1
        if self._count == 1:
            loop.call_soon_threadsafe(self._steered.stop, reason)
        elif self._count == 2:
            signal.setitimer(signal.ITIMER_REAL, LAST_RESORT)
            loop.call_soon_threadsafe(self._steered.cut_off)
        else:
            self._end(1)


@contextmanager
def stacks_on_usr1() -> Iterator[None]:
    """Have USR1 write the stacks of all threads to stderr, before its own handler runs.

    The interpreter's own C code does it, so it works while Python code does not get on.
    """
    try:
        descriptor = sys.stderr.fileno()
    except (AttributeError, ValueError, io.UnsupportedOperation):  # there is no stderr
        yield
        return
    faulthandler.register(signal.SIGUSR1, descriptor, all_threads=True, chain=True)
    try:
        yield
    finally:
        faulthandler.unregister(signal.SIGUSR1)


def has_terminal() -> bool:
    """Tell whether the process has a terminal to be controlled from."""
    with suppress(OSError):
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
        return True
    return False
