"""The actor that reads a log file and sends each line on."""

import asyncio
from collections import deque
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from aplay_host import Actor

from .delivery import Target, deliver
from .follow import Follower, Reading

POLL = 0.2
"""Seconds between two looks at a file that has been read to its end."""


class Tail(Actor):
    """Sends each line of the file at `path`, as text without its line end, to the actor `to`.

    It begins at the start of the file and, with `follow`, goes on with what is appended,
    over rotation and truncation, as `Follower` describes. A file that is not there, or not
    readable, is waited for, and one warning says so; without `follow` it is a failure.
    A line waits until the next actor has room for it, and reading waits with it. It takes no
    messages. A stop keeps its place in the file; a new instance begins at the start again.
    """

    class Options(BaseModel):
        """`path`: a relative one is relative to aplay.toml's folder. `to`: an address."""

        model_config = ConfigDict(extra="forbid", frozen=True)

        path: Path
        to: Target
        follow: bool = True

    options: Options

    def __init__(self) -> None:
        super().__init__()
        self._follower = Follower(self.options.path)
        self._unsent: deque[str] = deque()  # outlives a stop: what was read is sent after it
        self._trouble = ""

    async def on_start(self) -> None:
        """Begin to read, or go on where a stop interrupted it."""
        self._to = self.ref(self.options.to)
        self.create_task(self._run(), name="follow")

    async def on_stop(self, reason: str) -> None:
        """Close the file; the kernel has ended the task."""
        self._follower.close()

    async def _run(self) -> None:
        """Send what is there, block by block, then what comes; without `follow`, end there."""
        while True:
            reading = self._read()
            await self._send(reading.lines)
            if reading.at_end and not self.options.follow:
                return await self._send(self._follower.finish())
            await asyncio.sleep(POLL if reading.at_end else 0)

    def _read(self) -> Reading:
        try:
            reading = self._follower.read(self.loop.time())
        except OSError as error:
            if not self.options.follow:
                raise
            self._follower.close()  # a handle that went stale, as on NFS, stays so
            self._warn(error.strerror or str(error))
            return Reading([], at_end=True)
        self._trouble = ""
        return reading

    def _warn(self, trouble: str) -> None:
        """Say once what keeps the file from being read."""
        if trouble != self._trouble:
            self._trouble = trouble
            self.log.warning("cannot read %s: %s; trying again", self.options.path, trouble)

    async def _send(self, lines: list[str]) -> None:
        self._unsent.extend(lines)
        while self._unsent:
            await deliver(self._unsent[0], self._to)
            self._unsent.popleft()
