"""Threads beside the loop's."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable


def thread_of(run: Callable[[], None], name: str) -> threading.Thread:
    """Return a thread that keeps no process alive and takes no signals.

    The system may hand a signal to any thread that does not block it. The main thread, whose
    business they are, would hear of it once it is back from C code: a blocked one never.
    """

    def run_alone() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        run()

    return threading.Thread(target=run_alone, name=name, daemon=True)
