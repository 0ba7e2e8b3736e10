"""Waiting while git or an installer is at work: what is on disk then is half of something."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_POLL_SECONDS = 0.01
_QUIET_NS = 50_000_000
_STALE_NS = 10_000_000_000


@dataclass(frozen=True, slots=True)
class GitMark:
    """What a git directory tells of git's work; all times are since the epoch.

    `locked_ns` is when the lock of the index was made, None without one. Every lock made or
    removed moves `changed_ns`, so equal marks mean that git did nothing in between.
    """

    directory: str
    changed_ns: int
    locked_ns: int | None


def git_directory(path: str) -> str | None:
    """Return the git directory of the work tree that `path` is in, if it is in one.

    That of a linked work tree or a submodule is its own, which its ``.git`` file names.
    """
    folder = os.path.abspath(path)
    while True:
        found = os.path.join(folder, ".git")
        if os.path.isdir(found):
            return found
        if os.path.isfile(found):
            return _named_in(found)
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            return None


def _named_in(file: str) -> str | None:
    try:
        with open(file, encoding="utf-8") as stream:
            word, _, named = stream.read(4096).partition(":")
    except (OSError, UnicodeDecodeError):
        return None
    return os.path.join(os.path.dirname(file), named.strip()) if word == "gitdir" else None


def is_stale(mark: GitMark, now_ns: int) -> bool:
    """Tell whether a lock was left behind, or is kept while somebody types a message.

    One whose time is far ahead was made by another clock, and counts as old too.
    """
    return mark.locked_ns is not None and abs(now_ns - mark.locked_ns) > _STALE_NS


def is_at_work(mark: GitMark, now_ns: int) -> bool:
    """Tell whether git is changing the work tree, or did so just now.

    =========================  ===========================  =======
    lock of the index          the git directory's change   at work
    =========================  ===========================  =======
    up to ten seconds old      any                          yes
    none, or older             less than 50 ms ago          yes
    none, or older             longer ago                   no
    =========================  ===========================  =======
    """
    if mark.locked_ns is not None and not is_stale(mark, now_ns):
        return True
    return abs(now_ns - mark.changed_ns) < _QUIET_NS


class Hold:
    """Knows when nobody is at work on what is below some paths.

    `installing` tells whether an installer is at work; it is asked again and again while it
    is, so it has to be cheap. `warn` is called with a line of text, `now_ns` for the time
    since the epoch.
    """

    def __init__(
        self,
        installing: Callable[[], bool],
        warn: Callable[[str], None],
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._installing = installing
        self._warn = warn
        self._now_ns = now_ns
        self._warned: set[tuple[str, int | None]] = set()

    async def released(self, paths: Iterable[str]) -> tuple[GitMark, ...]:
        """Wait until nobody is at work; return the marks to compare with afterwards.

        A lock older than ten seconds is warned of, once, and ignored.
        """
        paths = tuple(paths)
        while True:
            marks = self.undisturbed(paths)
            if marks is not None:
                return marks
            await asyncio.sleep(_POLL_SECONDS)

    def undisturbed(self, paths: Iterable[str]) -> tuple[GitMark, ...] | None:
        """Return the marks of the git directories of `paths`; None while somebody is at work."""
        directories = dict.fromkeys(map(git_directory, paths))
        marks = tuple(_mark(one) for one in directories if one is not None)
        now_ns = self._now_ns()
        for one in marks:
            self._warn_of_stale(one, now_ns)
        at_work = any(is_at_work(one, now_ns) for one in marks) or self._installing()
        return None if at_work else marks

    def _warn_of_stale(self, mark: GitMark, now_ns: int) -> None:
        lock = mark.directory, mark.locked_ns
        if is_stale(mark, now_ns) and lock not in self._warned:
            self._warned.add(lock)
            path = _lock_of(mark.directory)
            self._warn(f"{path} is older than 10 s and is ignored; if no git is at work, delete it")


def _lock_of(directory: str) -> str:
    return os.path.join(directory, "index.lock")


def _mark(directory: str) -> GitMark:
    return GitMark(directory, _changed_ns(directory) or 0, _changed_ns(_lock_of(directory)))


def _changed_ns(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None
