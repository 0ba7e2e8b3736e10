"""Reading files that somebody may be writing: none is taken before it is whole."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES

from ..plugins import digest_of
from .look import SourceFile, Stamp, is_fresh, unreadable

_POLL_SECONDS = 0.005
_PATIENCE_SECONDS = 10.0
_NOT_KEPT = tuple(EXTENSION_SUFFIXES)
_MANY = 100
"""More files than this are read in a thread: they would hold up the loop."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What was found at a path: no file is None; `writing` is None where nobody can tell."""

    file: SourceFile | None
    writing: bool | None


@dataclass(frozen=True, slots=True)
class Settled:
    """Files that were read whole; what is `gone` was deleted or renamed meanwhile.

    `waited` tells that a writer was waited for, so that other files may be others by now, and
    `is_open` that one has not closed its file, which was taken because nothing came any more.
    """

    files: Mapping[str, SourceFile]
    gone: frozenset[str]
    waited: bool
    is_open: bool = False


def writer_open(descriptor: int) -> bool | None:
    """Tell whether somebody has a file open for writing; None where that cannot be told.

    `descriptor` is a regular file's, open for reading alone. It asks for a lease, which the
    system grants only while there is no writer, and gives it back at once. Leases are known
    to Linux, on local file systems, and to the owner of the file and root.
    """
    if sys.platform != "linux":
        return None
    try:
        # First: who opens the file right now breaks the lease, and the usual signal kills.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def quiet_seconds(writing: bool | None, shrunk: bool) -> float:
    """Return for how long a file has to stay as it is before it counts as whole.

    ============  =========================  =================
    has a writer  lost over half its bytes   seconds of quiet
    ============  =========================  =================
    no            no                         0
    no            yes                        0.015
    cannot tell   no                         0.015
    cannot tell   yes                        0.25
    yes           either                     0.25
    ============  =========================  =================

    A writer that does nothing for so long is one that forgot to close.
    """
    if writing or (writing is None and shrunk):
        return 0.25
    return 0.015 if shrunk or writing is None else 0.0


async def read_settled(
    sizes: Mapping[str, int], now_ns: Callable[[], int] = time.time_ns
) -> Settled:
    """Read the files that are the keys of `sizes`, each as soon as its writer is done.

    The values are the sizes that they had before, in bytes, 0 for a new one. What is still
    being written after ten seconds comes back as a file with that problem.
    """
    clock = asyncio.get_running_loop().time
    settling, waited = _Settling(sizes, clock()), False
    while True:
        for path, seen in (await _sight_all(tuple(settling.pending), now_ns)).items():
            settling.judge(path, seen, clock())
        if not settling.pending:
            given_up = any(one.problem for one in settling.files.values())
            gone, open_ = frozenset(settling.gone), settling.is_open
            return Settled(settling.files, gone, waited and not given_up, open_)
        waited = True
        await asyncio.sleep(_POLL_SECONDS)


class _Settling:
    """The files of one reading, until each of them is whole, gone or given up."""

    def __init__(self, sizes: Mapping[str, int], began: float) -> None:
        self.pending = dict(sizes)
        self.files: dict[str, SourceFile] = {}
        self.gone: set[str] = set()
        self.is_open = False
        self._deadline = began + _PATIENCE_SECONDS
        self._quiet: dict[str, tuple[Stamp, float]] = {}

    def judge(self, path: str, seen: Sighting, now: float) -> None:
        """Decide on one file, `now` being the loop's time at which it was seen."""
        if seen.file is None:
            self.gone.add(path)
        elif now - self._since(path, seen.file.stamp, now) >= self._quiet_needed(path, seen):
            self.files[path] = seen.file
            self.is_open |= bool(seen.writing)
        elif now > self._deadline:
            self.files[path] = unreadable(path, "somebody is still writing it", seen.file.stamp)
        else:
            return
        del self.pending[path]

    def _since(self, path: str, stamp: Stamp, now: float) -> float:
        """Return since when the file at `path` has had this stamp."""
        before, since = self._quiet.get(path, (stamp, now))
        self._quiet[path] = stamp, since if stamp == before else now
        return self._quiet[path][1]

    def _quiet_needed(self, path: str, seen: Sighting) -> float:
        size = seen.file.stamp.size if seen.file else 0
        return quiet_seconds(seen.writing, shrunk=size * 2 < self.pending[path])


async def _sight_all(paths: tuple[str, ...], now_ns: Callable[[], int]) -> dict[str, Sighting]:
    if len(paths) > _MANY:
        return await asyncio.to_thread(_sight_each, paths, now_ns)
    return _sight_each(paths, now_ns)


def _sight_each(paths: Iterable[str], now_ns: Callable[[], int]) -> dict[str, Sighting]:
    return {path: sight(path, now_ns()) for path in paths}


def sight(path: str, now_ns: int) -> Sighting:
    """Read a file once; one that changes while it is read has a writer."""
    try:
        # Does not wait for the other end of what has become a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return _unreadable(path, error)
    with open(descriptor, "rb", buffering=0) as stream:
        told = os.fstat(descriptor)
        if not stat.S_ISREG(told.st_mode):
            return Sighting(None, None)
        writing = writer_open(descriptor)
        try:
            source = stream.read()
            steady = Stamp.of(told) == Stamp.of(os.fstat(descriptor)) == Stamp.of(os.stat(path))
        except OSError as error:
            return _unreadable(path, error)
    stamp = Stamp.of(told)
    kept = None if path.endswith(_NOT_KEPT) else source
    file = SourceFile(path, stamp, digest_of(source), kept, is_fresh(stamp, now_ns))
    return Sighting(file, writing if steady else True)


def _unreadable(path: str, error: OSError) -> Sighting:
    try:
        stamp = Stamp.of(os.stat(path))
    except OSError:
        return Sighting(None, None)
    return Sighting(unreadable(path, error.strerror or str(error), stamp), False)
