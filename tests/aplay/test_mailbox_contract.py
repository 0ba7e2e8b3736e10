"""aplay's mailbox classes, and an author's own, do what every mailbox has to do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
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
        self.faulty: str | None = None

    async def prepare(self) -> None:
        await self.wait()
        self._ready = True

    async def put(self, msg: Any = None) -> None:
        await self.wait()
        self.check("put")
        self.kept.append([msg])

    async def size(self) -> int:
        await self.wait()
        return len(self.kept)

    async def empty(self) -> bool:
        await self.wait()
        return not self.kept

    async def get(self) -> Any:
        await self.wait()
        self.check("get")
        return self.kept.pop(0)[0]

    def check(self, method: str) -> None:
        if self.faulty == method:
            raise OSError("no answer")

    async def wait(self) -> None:
        assert not self.busy
        self.busy = True
        await asyncio.sleep(0)
        self.busy = False


class TestQueueMailBox(MailboxContract):
    def make(self, address: Address, spec: MailboxSpec) -> Mailbox:
        return QueueMailBox()(address, spec)


class TestSlowMailBox(MailboxContract):
    def make(self, address: Address, spec: MailboxSpec) -> Mailbox:
        self.made = SlowMailBox()
        return self.made(address, spec)

    def failing_puts(self) -> AbstractContextManager[object]:
        return self.failing("put")

    def failing_reads(self) -> AbstractContextManager[object]:
        return self.failing("get")

    @contextmanager
    def failing(self, method: str) -> Iterator[None]:
        self.made.faulty = method
        yield
        self.made.faulty = None
