"""The operating system's events, as hints that the disk may have changed and no more."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from watchfiles._rust_notify import RustNotify

from .look import Directory, is_importable

_STEP_MS = 5
"""The watcher looks for events so often: half of what it costs, and most of how late it is."""

_LIMITS = "see sysctl fs.inotify.max_user_watches and fs.inotify.max_user_instances"


@dataclass(frozen=True, slots=True)
class Reports:
    """Whom a watcher tells, always on the loop's thread.

    `hint` is called when something may have changed, `failed` with a reason when there will
    be no more hints, or not for all directories.
    """

    hint: Callable[[], None]
    failed: Callable[[str], None]


class Watching(Protocol):
    """What a lookout needs of a watcher."""

    def watch(self, directories: frozenset[Directory], names: frozenset[str]) -> bool:
        """Watch these and no others; tell whether that meant to begin anew.

        What happened before is not told, so that after True it takes another look.
        """

    async def close(self) -> None:
        """End, and wait until all has ended."""


def may_matter(name: str, names: frozenset[str]) -> bool:
    """Tell whether a module, a package or one of `names` can have that name."""
    if name == "__pycache__":
        return False
    return name.isidentifier() or is_importable(name) or name in names


class Watcher:
    """Watches directories, never files: those are lost when an editor replaces them.

    Events of names that cannot be a module, a package or one of `names` are dropped; all the
    others, whatever has happened, are one and the same hint. Made inside of a running loop.
    """

    def __init__(self, reports: Reports, *, debounce_ms: int = 50) -> None:
        self._reports = reports
        self._debounce_ms = debounce_ms
        self._watched: tuple[frozenset[Directory], frozenset[str]] | None = None
        self._current: _Listener | None = None
        self._ending: set[asyncio.Future[str]] = set()

    def watch(self, directories: frozenset[Directory], names: frozenset[str]) -> bool:
        """Watch these and no others; tell whether that meant to begin anew."""
        outdated = self._current is not None and self._current.outdated
        if self._watched == (directories, names) and not outdated:
            return False
        self._watched = directories, names
        self._stop()
        try:
            self._current = self._listen([one.path for one in directories], names)
        # The library has no common ancestor for its errors.
        except (OSError, RuntimeError) as error:
            self._reports.failed(f"{error} ({_LIMITS})")
        return True

    async def close(self) -> None:
        """End, and wait until all threads have ended."""
        self._stop()
        if self._ending:
            await asyncio.wait(self._ending)

    def _listen(self, paths: list[str], names: frozenset[str]) -> _Listener:
        listener = _Listener(paths, names, self._reports.hint)
        ended = listener.start(self._debounce_ms)
        self._ending.add(ended)
        ended.add_done_callback(self._note_end)
        return listener

    def _note_end(self, ended: asyncio.Future[str]) -> None:
        self._ending.discard(ended)
        if reason := ended.result():
            self._reports.failed(reason)

    def _stop(self) -> None:
        if self._current is not None:
            self._current.stop.set()
            self._current = None


class _Listener:
    """One watcher of the operating system and the thread that waits for it."""

    def __init__(self, paths: list[str], names: frozenset[str], hint: Callable[[], None]) -> None:
        # Not recursive: directories that are none of ours, such as .git, are not watched.
        # No polling ever: the library's own one sees whole seconds only.
        self._notify = RustNotify(paths, False, False, 0, False, True)
        self._paths = frozenset(paths)
        self._names = names
        self._hint = hint
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[str] = self._loop.create_future()
        self.stop = threading.Event()
        self.outdated = False

    def start(self, debounce_ms: int) -> asyncio.Future[str]:
        """Begin; the result says why it ended by itself, and is empty after `stop`."""
        # A daemon: a loop that was never closed must not keep the process from ending.
        thread = threading.Thread(
            target=self._run, args=(debounce_ms,), name="aplay watcher", daemon=True
        )
        thread.start()
        return self._ended

    def _run(self, debounce_ms: int) -> None:
        try:
            # A time-out of 0 is none; another one may lose events.
            while not isinstance(
                found := self._notify.watch(debounce_ms, _STEP_MS, 0, self.stop), str
            ):
                self._see({path for _, path in found})
            reason = "" if self.stop.is_set() else f"the watcher ended ({found})"
        except Exception as error:
            reason = f"the watcher failed: {error}"
        finally:
            self._notify.close()
        self._tell(self._ended.set_result, reason)

    def _see(self, paths: Iterable[str]) -> None:
        # Made again under its name, often with the same inode, a directory is watched no more.
        self.outdated |= not self._paths.isdisjoint(paths)
        if any(may_matter(os.path.basename(one), self._names) for one in paths):
            self._tell(self._hint)

    def _tell(self, what: Callable[..., object], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is there to be told
            self._loop.call_soon_threadsafe(what, *arguments)
