"""The actor that reads a log which was rotated and compressed."""

import asyncio
import gzip
from itertools import islice
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from aplay_host import Actor

from .delivery import Target, deliver

AT_ONCE = 1_000
"""How many lines a thread unpacks before they are sent."""


class Unpack(Actor):
    """Sends each line of the gzip file at `path`, as text without its line end, to the actor `to`.

    It reads the file once and takes no messages. A stop keeps its place in the file.
    """

    class Options(BaseModel):
        """`path`: a relative one is relative to aplay.toml's folder. `to`: an address."""

        model_config = ConfigDict(extra="forbid", frozen=True)

        path: Path
        to: Target

    options: Options

    def __init__(self) -> None:
        super().__init__()
        self._sent = 0

    async def on_start(self) -> None:
        """Begin to read, or go on where a stop interrupted it."""
        self.create_task(self._run(), name="unpack")

    async def _run(self) -> None:
        to = self.ref(self.options.to)
        with gzip.open(self.options.path, "rt", encoding="utf-8", errors="replace") as file:
            rest = islice(file, self._sent, None)
            while lines := await asyncio.to_thread(list, islice(rest, AT_ONCE)):
                for line in lines:
                    await deliver(line.removesuffix("\n"), to)
                    self._sent += 1
