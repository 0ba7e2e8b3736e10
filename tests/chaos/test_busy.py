"""The loop has no time at all: mail is kept all the same."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aplay_host.kernel import Actor, ActorSystem
from aplay_host.mailboxes import SqliteEngine

from .actors import types_known
from .workload import boxes_of

SENDERS, EACH = 64, 20
TURN_SECONDS = 50e-6
LIMIT_SECONDS = 2.5
"""Ten times what it takes; a writer that nobody lets in takes as long for a few messages."""

pytestmark = pytest.mark.real_time


class Idle(Actor):
    async def msg_handler(self, msg: Any) -> None:
        pass


async def busy() -> None:
    """Take every turn of the loop that there is, and never wait."""
    while True:
        ends = time.perf_counter() + TURN_SECONDS
        while time.perf_counter() < ends:
            pass
        await asyncio.sleep(0)


@contextmanager
def cores_apart() -> Iterator[None]:
    """Have the loop on one core and the writer on another.

    The loop lets go of the interpreter for a moment in each turn. A thread on the same core gets
    it then, sooner or later; one on another core wakes up too late, every time.
    """
    cores = os.sched_getaffinity(0)
    (writer,) = (one for one in threading.enumerate() if one.name == "aplay mail")
    assert writer.native_id is not None
    os.sched_setaffinity(0, {min(cores)})
    os.sched_setaffinity(writer.native_id, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="threads cannot be placed here")
async def test_senders_are_not_kept_waiting_by_a_loop_that_is_busy(mail: Path) -> None:
    async with (
        SqliteEngine(mail, types_known()) as engine,
        ActorSystem("test", mailboxes=boxes_of(engine)) as system,
    ):
        ref = await system.spawn(Idle, "idle", mailbox={"kind": "sqlite"})

        async def send() -> None:
            for number in range(EACH):
                await ref.tell(number)

        working = asyncio.create_task(busy())
        try:
            with cores_apart():
                async with asyncio.timeout(LIMIT_SECONDS):
                    await asyncio.gather(*(send() for _ in range(SENDERS)))
        finally:
            working.cancel()
