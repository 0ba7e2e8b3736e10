"""The work of one plugin that nobody waits for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

J = TypeVar("J")


class Lane(Generic[J]):
    """A bounded queue whose jobs are done in order, one at a time.

    Its task lives only while there is something to do.
    """

    def __init__(self, name: str, work: Callable[[J], Awaitable[object]], capacity: int) -> None:
        self._name = name
        self._work = work
        self._capacity = capacity
        self._jobs: deque[J] = deque()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def put(self, job: J) -> bool:
        """Queue `job`; return False when it was dropped. Needs a running loop."""
        if self._closed or len(self._jobs) >= self._capacity:
            return False
        self._jobs.append(job)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain(), name=self._name)
        return True

    async def close(self, seconds: float) -> None:
        """Take no more jobs, give the waiting ones `seconds`, then end the task."""
        self._closed = True
        if self._task is None:
            return
        _, late = await asyncio.wait({self._task}, timeout=seconds)
        if late:
            self._task.cancel()
            await asyncio.wait(late)

    async def _drain(self) -> None:
        while self._jobs:
            await self._work(self._jobs.popleft())
