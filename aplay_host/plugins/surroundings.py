"""What importing may change in a process besides its modules."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from signal import getsignal
from signal import signal as set_signal  # whatever a guest makes of signal.signal

LISTS = ((sys, "path"), (sys, "meta_path"), (sys, "path_hooks"))
"""What everybody's imports need; importing may add to it, and take nothing away."""
OTHER_LISTS = ((warnings, "filters"), (logging.root, "handlers"))
SIGNALS = frozenset(signal.valid_signals())
NAMES = ((sys, "stdout"), (sys, "stderr"), (sys, "excepthook"), (signal, "signal"))


class Surroundings:
    """Lists, handlers, streams, threads and environment, as they are when this is made."""

    def __init__(self) -> None:
        self._lists = [(it, name, getattr(it, name)) for it, name in (*LISTS, *OTHER_LISTS)]
        self._contents = [list(one) for _, _, one in self._lists]
        self._names = [(owner, name, getattr(owner, name)) for owner, name in NAMES]
        self._signals = {one: getsignal(one) for one in SIGNALS}
        self._threads = set(threading.enumerate())
        self._at_exit = _count_exit_handlers()
        self._environment = dict(os.environ)
        self._directory = _directory()

    def restore(self) -> None:
        """Put all that can be put back; signals only in the main thread, which owns them."""
        for (owner, name, one), content in zip(self._lists, self._contents, strict=True):
            one[:] = content
            setattr(owner, name, one)
        for owner, name, value in self._names:
            setattr(owner, name, value)
        with suppress(OSError):
            os.chdir(self._directory)
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._signals.items():
                if handler is not None and getsignal(number) != handler:
                    set_signal(number, handler)

    def lost(self) -> str:
        """Name what others need for their imports and is gone; empty where nothing is."""
        for (owner, name), content in zip(LISTS, self._contents, strict=False):
            now = getattr(owner, name, None)
            if not isinstance(now, list) or any(one not in now for one in content):
                return f"sys.{name}"
        return ""

    def left(self) -> tuple[str, ...]:
        """Name what is there now, was not, and cannot be undone; of the environment its names."""
        found = [f'thread "{one.name}"' for one in threading.enumerate() if self._is_new(one)]
        if (count := _count_exit_handlers() - self._at_exit) > 0:
            found.append(f"{count} exit handler{'' if count == 1 else 's'}")
        names = sorted({*self._environment, *os.environ})
        changed = [one for one in names if self._environment.get(one) != os.environ.get(one)]
        found += [f"environment variable {one}" for one in changed]
        new = [one for one in self._names if getattr(one[0], one[1], None) is not one[2]]
        found += [f"another {owner.__name__}.{name}" for owner, name, _ in new]
        moved = _directory() != self._directory
        return (*found, *(["another working directory"] if moved else []))

    def handlers(self) -> tuple[str, ...]:
        """Name the handlers that were set since, which `restore` would put back."""
        before = self._contents[-1]
        log = ["a handler of the root logger" for one in logging.root.handlers if one not in before]
        changed = [one for one, was in self._signals.items() if getsignal(one) != was]
        return (*log, *(f"a handler of {signal.Signals(one).name}" for one in changed))

    def _is_new(self, thread: threading.Thread) -> bool:
        return thread not in self._threads


def _count_exit_handlers() -> int:
    count: Callable[[], int] = getattr(atexit, "_ncallbacks", lambda: 0)
    return count()


def _directory() -> str:
    try:
        return os.getcwd()
    except OSError:  # somebody has deleted it
        return ""
