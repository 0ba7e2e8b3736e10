"""The lookout: joins hints, holds, looking and reading into one answer, what is on disk now."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType

from .hold import Hold
from .look import Listing, Roots, Snapshot, SourceFile, list_files, plan_reads, unreadable
from .settle import Settled, read_settled
from .watch import Reports, Watcher, Watching

_LOOK_SECONDS = 2.0
_DEGRADED_SECONDS = 0.5
_LATE_EVENT_SECONDS = 0.2
_GAP_SECONDS = 0.05
"""Who saves by renaming leaves the file missing for a moment."""
_MANY = 1000
"""More files than this are listed in a thread: they would hold up the loop."""

_log = logging.getLogger("aplay_host.reload")


def _nobody() -> bool:
    return False


class Lookout:
    """Sees what is on disk under some roots, and when that has become something else.

    ::

        async with Lookout(roots) as lookout:
            while True:
                snapshot = await lookout.next_change()

    `roots` is called at each look, so it has to be cheap; `installing` tells whether an
    installer is at work, which is waited for as git is. `warn` gets what a person should
    know, each a line. `watching` makes the source of hints, and `now_ns` tells the time since
    the epoch.

    Hints make it quick, and it does without: the disk is looked at every two seconds as well.
    When that finds what no hint told of, or hints end, it looks twice a second from then on,
    says so once, and keeps the reason in `degraded`.
    """

    def __init__(
        self,
        roots: Callable[[], Roots],
        *,
        installing: Callable[[], bool] = _nobody,
        warn: Callable[[str], None] = _log.warning,
        watching: Callable[[Reports], Watching] = Watcher,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.degraded = ""
        self._roots = roots
        self._warn = warn
        self._now_ns = now_ns
        self._hold = Hold(installing, warn, now_ns)
        self._watcher = watching(Reports(self.wake, self._degrade))
        self._one_look = asyncio.Lock()
        self._known: Mapping[str, SourceFile] = {}
        self._told: dict[str, str] | None = None
        self._hints = self._hints_used = 0
        self._awake = asyncio.Event()
        self.wake()

    async def __aenter__(self) -> Lookout:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End watching; after this there are no hints."""
        await self._watcher.close()

    def wake(self) -> None:
        """Have `next_change` look now: something may have changed."""
        self._hints += 1
        self._awake.set()

    async def look(self) -> Snapshot:
        """Return what is on disk now, as soon as nobody is at work on it."""
        with self._keeping_hints():
            snapshot = await self._look()
        self._told = snapshot.digests
        return snapshot

    async def next_change(self) -> Snapshot:
        """Wait until the disk differs from what this or `look` returned last, and return it.

        The first call returns at once. What changed while nobody was waiting is found by the
        next call; a call that is cancelled loses nothing.
        """
        with self._keeping_hints():
            while True:
                await self._wait_for_hint()
                used = self._hints_used
                snapshot = await self._look()
                if snapshot.digests != self._told:
                    await self._expect_hint_after(used)
                    self._told = snapshot.digests
                    return snapshot

    @contextmanager
    def _keeping_hints(self) -> Iterator[None]:
        """Have the next look come at once if this one is broken off."""
        try:
            yield
        except BaseException:
            self.wake()
            raise

    async def _wait_for_hint(self) -> None:
        """Wait for a hint, but no longer than until the disk is to be looked at anyway."""
        try:
            async with asyncio.timeout(_DEGRADED_SECONDS if self.degraded else _LOOK_SECONDS):
                await self._awake.wait()
        except TimeoutError:
            pass

    async def _expect_hint_after(self, used: int) -> None:
        """Give the hint of a change that was found some time; without one, rely on none."""
        if self._hints == used and not self.degraded:
            self._awake.clear()
            try:
                async with asyncio.timeout(_LATE_EVENT_SECONDS):
                    await self._awake.wait()
            except TimeoutError:
                self._degrade("a change came without an event (a network or container mount?)")

    def _degrade(self, reason: str) -> None:
        if not self.degraded:
            self.degraded = reason
            every = f"looking at all files every {_DEGRADED_SECONDS} s from now on"
            self._warn(f"changes of files are not told reliably: {reason}; {every}")
            self.wake()

    async def _look(self) -> Snapshot:
        """Look until the disk has stayed the same, with nobody at work, from first to last."""
        async with self._one_look:
            again = False
            while True:
                roots = self._roots()
                marks = await self._hold.released(roots.paths)
                self._hints_used = self._hints
                self._awake.clear()
                listing = await self._list(roots)
                settled = await self._read(listing, recheck=not again)
                self._known = _joined(listing, self._known, settled)
                again = settled.waited or bool(settled.gone)
                again = again or self._hold.undisturbed(roots.paths) != marks
                if not again:
                    return Snapshot(self._known)

    async def _list(self, roots: Roots) -> Listing:
        """List the files, once all directories that they are in are watched."""
        listing = await self._list_once(roots)
        if self._known.keys() - listing.files.keys() - listing.unreadable.keys():
            await asyncio.sleep(_GAP_SECONDS)
            listing = await self._list_once(roots)
        while self._watcher.watch(listing.directories, listing.names):
            self._hints += 1  # nobody could have told what happened before, only now
            self._hints_used = self._hints
            listing = await self._list_once(roots)
        return listing

    async def _list_once(self, roots: Roots) -> Listing:
        if len(self._known) > _MANY:
            return await asyncio.to_thread(list_files, roots)
        return list_files(roots)

    async def _read(self, listing: Listing, *, recheck: bool) -> Settled:
        due = plan_reads(listing.files, self._known, recheck=recheck)
        sizes = {path: self._known[path].stamp.size if path in self._known else 0 for path in due}
        return await read_settled(sizes, self._now_ns)


def _joined(
    listing: Listing, known: Mapping[str, SourceFile], settled: Settled
) -> dict[str, SourceFile]:
    """Return what is known after a look; directories that cannot be read are in it too."""
    latest = {**known, **settled.files}
    files = {path: latest[path] for path in listing.files if path not in settled.gone}
    return files | {one: unreadable(one, why) for one, why in listing.unreadable.items()}
