"""Draining: sources end, and what is in the mailboxes is handled, along the whole line."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aplay_host.kernel import (
    Actor,
    ActorSystem,
)

from .actors import (
    Gate,
    Hooked,
    Recorder,
    Runner,
    counts_of,
    forever,
    now,
    settle,
)


async def test_a_drain_lets_all_mail_be_handled_along_the_line(system: ActorSystem) -> None:
    seen: list[Any] = []

    class Forward(Actor):
        async def msg_handler(self, msg: int) -> None:
            await asyncio.sleep(0.1)
            await self.ref("/end").tell(msg)

    await system.spawn(Recorder, "end", kwargs={"seen": seen})
    ref = await system.spawn(Forward, "forward")
    for n in range(10):
        ref.tell_nowait(n)
    assert await system.drain(5.0)
    assert seen == list(range(10))
    assert now() == pytest.approx(1.0)
    assert counts_of(system.status()) == (20, 20, 0, 0, 0, 0)


async def test_a_drain_of_a_quiet_system_takes_no_time(system: ActorSystem) -> None:
    await system.spawn(Recorder, "a")
    assert await system.drain(5.0)
    assert now() == 0.0


async def test_a_drain_ends_the_owned_tasks_and_waits_for_their_last_words(
    system: ActorSystem,
) -> None:
    seen: list[Any] = []

    class Source(Hooked):
        async def on_start(self) -> None:
            self.create_task(self.produce())

        async def produce(self) -> None:
            try:
                await forever()
            finally:
                await asyncio.sleep(0.2)
                await self.ref("/end").tell("last words")

    await system.spawn(Recorder, "end", kwargs={"seen": seen})
    await system.spawn(Source, "source")
    await settle()
    assert await system.drain(5.0)
    assert seen == ["last words"]
    assert now() == 0.2


async def test_a_drain_that_runs_out_of_time_says_so(system: ActorSystem) -> None:
    ref = await system.spawn(Runner, "a")
    ref.tell_nowait(forever)
    await settle()
    assert not await system.drain(3.0)
    assert now() == 3.0


async def test_a_drain_leaves_the_mail_of_a_stopped_actor_alone(system: ActorSystem) -> None:
    ref = await system.spawn(Gate, "a")
    await ref.stop()
    ref.tell_nowait("waits")
    assert await system.drain(3.0)
    assert ref.status().pending == 1
