"""A package on disk, and a diary of what a lookout tells of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from aplay_host.reload import Change, Lookout, Roots, Snapshot, dirty


class Diary:
    """Writes down each change that a lookout tells; the first snapshot is what is committed."""

    def __init__(self, lookout: Lookout, first: Snapshot) -> None:
        self.lookout = lookout
        self.snapshots = [first]
        self._written = asyncio.Condition()
        self._writing = asyncio.create_task(self._write(), name="diary")

    @property
    def changes(self) -> list[Change]:
        """What each snapshot differs in from the one before it."""
        pairs = zip(self.snapshots, self.snapshots[1:], strict=False)
        return [dirty(before.digests, after) for before, after in pairs]

    async def until(self, holds: Callable[[Snapshot], bool]) -> list[Change]:
        """Wait until the newest snapshot is as wanted; return all changes so far."""
        async with asyncio.timeout(20), self._written:
            await self._written.wait_for(lambda: holds(self.snapshots[-1]))
        return self.changes

    async def until_text(self, file: Path, text: str) -> list[Change]:
        return await self.until(lambda snapshot: source_of(snapshot, file) == text)

    async def _write(self) -> None:
        while True:
            snapshot = await self.lookout.next_change()
            async with self._written:
                self.snapshots.append(snapshot)
                self._written.notify_all()

    async def close(self) -> None:
        self._writing.cancel()
        await asyncio.wait([self._writing])


def source_of(snapshot: Snapshot, file: Path) -> str | None:
    found = snapshot.find(str(file))
    return None if found is None or found.source is None else found.source.decode()


Keep = Callable[..., Awaitable[Diary]]


@pytest.fixture
async def keep_diary() -> AsyncIterator[Keep]:
    """Look out over paths until the end of the test."""
    async with AsyncExitStack() as ending:

        async def keep(*paths: Path, **options: Any) -> Diary:
            roots = Roots(tuple(map(str, paths)))
            lookout = await ending.enter_async_context(Lookout(lambda: roots, **options))
            diary = Diary(lookout, await lookout.next_change())
            ending.push_async_callback(diary.close)
            return diary

        yield keep
