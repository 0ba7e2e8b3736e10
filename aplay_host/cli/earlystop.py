"""TERM and INT in the first moments of a process, before there is a host to stop."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType


class EarlyStop:
    """Keeps the first TERM or INT for the host to come; a second one ends the process.

    The host takes the signals itself while it runs. After that they change nothing any more:
    the process is about to end with the host's exit code.
    """

    def __init__(self) -> None:
        self._asked = ""
        self._stop: Callable[[str], None] | None = None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._arrived)

    def hand_over(self, stop: Callable[[str], None]) -> None:
        """Have `stop` called with the name of the signal, at once if one has come."""
        self._stop = stop
        if self._asked:
            stop(self._asked)

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            os._exit(1)
        self._asked = signal.Signals(number).name
        if self._stop is not None:
            self._stop(self._asked)
