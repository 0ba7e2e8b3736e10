"""An end to code that does not come back."""

from __future__ import annotations

import signal
import threading
from signal import setitimer
from signal import signal as set_signal  # whatever a guest makes of signal.signal
from types import FrameType, TracebackType
from typing import Any

_REPEAT_SECONDS = 0.5


class ImportTimeout(BaseException):
    """Raised in code that took too long; no ``except Exception`` of a guest holds it up."""


class Alarm:
    """Raises `ImportTimeout` in the code of a ``with`` block when its time is up, and again.

    Works in the main thread alone, elsewhere nothing is ever raised; a wait in C code that
    no signal interrupts is not ended. The timer that was set before goes on afterwards.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._armed = False
        self._before: Any = None
        self._left = (0.0, 0.0)

    def __enter__(self) -> Alarm:
        if threading.current_thread() is threading.main_thread():
            self._before = set_signal(signal.SIGALRM, self._ring)
            self._armed = True
            self._left = setitimer(signal.ITIMER_REAL, self._seconds, _REPEAT_SECONDS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()

    def again(self) -> None:
        """Give the code of the block its whole time once more."""
        if self._armed:
            setitimer(signal.ITIMER_REAL, self._seconds, _REPEAT_SECONDS)

    def stop(self) -> None:
        """Raise no more; may be called twice, should the first call be where it rang."""
        if self._armed:
            self._armed = False
            setitimer(signal.ITIMER_REAL, *self._left)
            set_signal(signal.SIGALRM, self._before or signal.SIG_DFL)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        if self._armed:
            raise ImportTimeout(f"not done after {self._seconds:g} s")
