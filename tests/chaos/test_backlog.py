"""Much mail waits when the host starts.

``APLAY_BACKLOG`` is how much; ``benchmarks/durable.py`` has the figures of a million.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aplay_host.kernel import Actor, ActorRef, ActorSystem
from aplay_host.mailboxes import SqliteEngine

from .actors import Work, types_known
from .workload import boxes_of

BACKLOG = int(os.environ.get("APLAY_BACKLOG", "20000"))
BURST = 2000
MAILBOX = {"kind": "sqlite", "durability": "process", "capacity": 2 * BACKLOG}

pytestmark = pytest.mark.real_time


class Order(Actor):
    """Counts messages that come in order, and raises for any other."""

    accepts = (Work,)

    def __init__(self) -> None:
        self.next = 0

    async def msg_handler(self, msg: object) -> int:
        if isinstance(msg, Work):
            assert msg.number == self.next
            self.next += 1
        return self.next


@asynccontextmanager
async def order(mail: Path) -> AsyncIterator[ActorRef]:
    """Run an engine and the actor for the block."""
    async with (
        SqliteEngine(mail, types_known()) as engine,
        ActorSystem("test", mailboxes=boxes_of(engine)) as system,
    ):
        yield await system.spawn(Order, "order", mailbox=MAILBOX)


async def test_all_that_waits_is_handled_in_order(mail: Path) -> None:
    async with order(mail) as ref:
        await ref.stop()
        for start in range(0, BACKLOG, BURST):
            burst = range(start, min(start + BURST, BACKLOG))
            await asyncio.gather(*(ref.tell(Work(0, number)) for number in burst))
    async with order(mail) as ref:
        assert ref.status().pending > BACKLOG // 2
        assert await ref.ask("how many", timeout=600.0) == BACKLOG
        assert ref.status().failed == 0
