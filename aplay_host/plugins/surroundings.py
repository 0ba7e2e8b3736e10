"""What importing may change in a process besides its modules."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable


class Surroundings:
    """Lists, handlers, threads and environment, as they are when this is made."""

    def __init__(self) -> None:
        lists: list[tuple[object, str]] = [(sys, "path"), (sys, "meta_path"), (sys, "path_hooks")]
        lists.append((logging.root, "handlers"))
        self._lists = [(owner, name, getattr(owner, name)) for owner, name in lists]
        self._contents = [list(one) for _, _, one in self._lists]
        self._signals = {one: signal.getsignal(one) for one in signal.valid_signals()}
        self._threads = set(threading.enumerate())
        self._at_exit = _count_exit_handlers()
        self._environment = dict(os.environ)

    def restore(self) -> None:
        """Put lists and handlers back; signals only in the main thread, which owns them."""
        for (owner, name, one), content in zip(self._lists, self._contents, strict=True):
            one[:] = content
            setattr(owner, name, one)
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._signals.items():
                if handler is not None and signal.getsignal(number) != handler:
                    signal.signal(number, handler)

    def left(self) -> tuple[str, ...]:
        """Name what is there now, was not, and cannot be undone; of the environment its names."""
        found = [f'thread "{one.name}"' for one in threading.enumerate() if self._is_new(one)]
        if (count := _count_exit_handlers() - self._at_exit) > 0:
            found.append(f"{count} exit handler{'' if count == 1 else 's'}")
        names = sorted({*self._environment, *os.environ})
        changed = [one for one in names if self._environment.get(one) != os.environ.get(one)]
        return (*found, *(f"environment variable {one}" for one in changed))

    def handlers(self) -> tuple[str, ...]:
        """Name the handlers that were set since, which `restore` would put back."""
        before = self._contents[-1]
        log = ["a handler of the root logger" for one in logging.root.handlers if one not in before]
        changed = [one for one, was in self._signals.items() if signal.getsignal(one) != was]
        return (*log, *(f"a handler of {signal.Signals(one).name}" for one in changed))

    def _is_new(self, thread: threading.Thread) -> bool:
        return thread not in self._threads


def _count_exit_handlers() -> int:
    count: Callable[[], int] = getattr(atexit, "_ncallbacks", lambda: 0)
    return count()
