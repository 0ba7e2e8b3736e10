"""The actor that reads a log file and sends each line on."""

from enum import Enum
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from aplay_host import Actor, MailboxFull

from .delivery import Target
from .follow import Follower
from .place import Place, Reading

POLL = 0.2
"""Seconds between two looks at a file that has been read to its end."""


class Look(Enum):
    """What the actor tells itself."""

    ON = "read on"


class Tail(Actor):
    """Sends each line of the file at `path`, as text without its line end, to the actor `to`.

    It begins at the start of the file and, with `follow`, goes on with what is appended,
    over rotation and truncation, as `Follower` describes. A file that is not there, or not
    readable, is waited for, and one warning says so; without `follow` it is a failure.
    A line waits until the next actor has room for it, and reading waits with it. It takes no
    messages. A stop keeps its place in the file; a new instance begins at the start again, but
    on a mailbox that commits turns: there its place is kept together with the lines it sent.
    """

    class Options(BaseModel):
        """`path`: a relative one is relative to aplay.toml's folder. `to`: an address."""

        model_config = ConfigDict(extra="forbid", frozen=True)

        path: Path
        to: Target
        follow: bool = True

    options: Options
    saved_type = Place
    saved: Place

    def __init__(self) -> None:
        super().__init__()
        self._follower = Follower(self.options.path)
        self._trouble = ""

    async def on_start(self) -> None:
        """Begin to read, or go on where a stop interrupted it."""
        self._to = self.ref(self.options.to)
        self.send_every(POLL, Look.ON, key="look")
        self.send_after(0, Look.ON)

    async def on_stop(self, reason: str) -> None:
        """Close the file; the kernel has ended the timers."""
        self._follower.close()

    async def msg_handler(self, msg: object) -> None:
        """Send the lines of one block, or as many as there is room for; refuses all mail.

        All it does is one turn: the lines leave together with the place behind them.
        """
        if msg is not Look.ON:
            return await super().msg_handler(msg)  # type: ignore[no-any-return]
        self._follower.go_to(self.saved)  # where a turn failed, it is behind
        reading = self._read()
        if not await self._send(reading):
            return None
        if not reading.at_end:
            self.send_after(0, Look.ON)
        elif not self.options.follow and await self._send(self._follower.finish()):
            self.cancel_timer("look")
        return None

    def _read(self) -> Reading:
        try:
            reading = self._follower.read(self.loop.time())
        except OSError as error:
            if not self.options.follow:
                self.cancel_timer("look")
                raise
            self._follower.close()  # a handle that went stale, as on NFS, stays so
            self._warn(error.strerror or str(error))
            return Reading((), self.saved, at_end=True)
        self._trouble = ""
        return reading

    def _warn(self, trouble: str) -> None:
        """Say once what keeps the file from being read."""
        if trouble != self._trouble:
            self._trouble = trouble
            self.log.warning("cannot read %s: %s; trying again", self.options.path, trouble)

    async def _send(self, reading: Reading) -> bool:
        """Send lines and note the place behind each; False when there is no room for all."""
        for line, place in reading.lines:
            try:
                await self._to.tell(line)
            except MailboxFull:
                return False
            self.saved = place
        self.saved = reading.place
        return True
