"""The actor that takes log lines apart."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from aplay_host import Actor

from .delivery import Stateless, Target, deliver
from .record import parse_line


class Parse(Actor):
    """Turns each line in combined log format into a `Record` and sends it to the actor `to`.

    A line that is not in that format is sent on as ``{"bad": line}``: none is lost.
    """

    class Options(BaseModel):
        """`to`: the address of the actor that gets the records."""

        model_config = ConfigDict(extra="forbid", frozen=True)

        to: Target

    options: Options
    mailbox: ClassVar = {"overflow": "wait"}
    saved_type = Stateless

    async def on_start(self) -> None:
        """Look up where the records go."""
        self._to = self.ref(self.options.to)

    async def msg_handler(self, msg: object) -> None:
        """Send the record of the line `msg`; raises `ValueError` for what is no text."""
        if not isinstance(msg, str):
            raise ValueError(f"Parse wants a line of text, got {msg!r:.100}")
        await deliver(parse_line(msg) or {"bad": msg}, self._to)
