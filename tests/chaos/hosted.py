"""The same actors in a host, with one that sends; told by the environment where to write.

`LEDGER` is the file, `LIFE` the number, and `BEATS` what to write a byte to for each message.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from aplay_host.errors import AplayError
from aplay_host.kernel import Actor

from .actors import LIFE, ROUTES, Noting, Plain, Settled, Turning
from .ledger import Ledger
from .workload import SENDERS, Life, put_all

TARGETS = ("/first", "/plain")


def open_ledger() -> Ledger:
    """Open the ledger that the environment names."""
    beats = int(os.environ["BEATS"])
    os.set_blocking(beats, False)

    def beat() -> None:
        with suppress(BlockingIOError):  # nobody counts so many
            os.write(beats, b".")

    return Ledger(Path(os.environ["LEDGER"]), int(os.environ["LIFE"]), beat)


class HostedPlain(Plain):
    def __init__(self) -> None:
        super().__init__(open_ledger(), 0.0, None)


class HostedTurning(Turning):
    def __init__(self) -> None:
        super().__init__(open_ledger(), 0.0, None)

    async def on_start(self) -> None:
        self.onward = ROUTES.get(self.address)


class HostedSettled(Settled):
    def __init__(self) -> None:
        super().__init__(open_ledger())


class Stubborn(Noting):
    """Has its first message in hand for ever, whoever cancels that."""

    def __init__(self) -> None:
        super().__init__(open_ledger(), 0.0, None)

    async def msg_handler(self, msg: Any) -> None:
        self.note("begun", msg)
        while True:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)


class Feed(Actor):
    """Sends from the start to the end, as fast as mail is handled."""

    async def on_start(self) -> None:
        for sender in range(SENDERS):
            self.create_task(self.feed(sender))

    async def feed(self, sender: int) -> None:
        """Be one sender, until somebody refuses."""
        number = int(os.environ["LIFE"])
        life = Life("", "", number, each=LIFE, targets=TARGETS)
        with suppress(AplayError):
            await put_all(self.ref, open_ledger(), life, sender)


class OneTime(Actor):
    """Sends a few messages, and no more."""

    async def on_start(self) -> None:
        ledger = open_ledger()
        life = Life("", "", int(os.environ["LIFE"]), each=5, targets=("/plain",), handles=False)
        self.create_task(put_all(self.ref, ledger, life, 0))
