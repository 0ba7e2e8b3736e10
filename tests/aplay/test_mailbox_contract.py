"""aplay's mailbox classes, and an author's own, do what every mailbox has to do."""

from __future__ import annotations

import asyncio
from typing import Any

from aplay_host.aplay import MailBox, QueueMailBox
from aplay_host.kernel import Address, Mailbox, MailboxSpec
from aplay_host.testing.mailbox_contract import MailboxContract


class SlowMailBox(MailBox):
    """Waits in each of its methods, as one on the other side of a socket does.

    It keeps a copy of what it gets, as bytes do, and complains of calls that overlap.
    """

    def __init__(self, *args: object, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kept: list[list[Any]] = []
        self.busy = False

    async def prepare(self) -> None:
        await self.wait()
        self._ready = True

    async def put(self, msg: Any = None) -> None:
        await self.wait()
        self.kept.append([msg])

    async def size(self) -> int:
        await self.wait()
        return len(self.kept)

    async def empty(self) -> bool:
        await self.wait()
        return not self.kept

    async def get(self) -> Any:
        await self.wait()
        return self.kept.pop(0)[0]

    async def wait(self) -> None:
        assert not self.busy
        self.busy = True
        await asyncio.sleep(0)
        self.busy = False


class TestQueueMailBox(MailboxContract):
    def make(self, spec: MailboxSpec) -> Mailbox:
        return QueueMailBox()(Address("/box"), spec)


class TestSlowMailBox(MailboxContract):
    def make(self, spec: MailboxSpec) -> Mailbox:
        return SlowMailBox()(Address("/box"), spec)
