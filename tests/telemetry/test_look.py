"""The look once a second: one line when something begins to be wrong, one when it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from aplay_host.kernel import ActorSystem, MailboxFull
from aplay_host.telemetry import Look

from .counted import Worker


@pytest.fixture
async def system(caplog: pytest.LogCaptureFixture) -> AsyncIterator[ActorSystem]:
    """A system that is looked at."""
    caplog.set_level(logging.INFO, "aplay_host.telemetry")
    async with ActorSystem("test") as system:
        looking = asyncio.create_task(Look(system).run())
        yield system
        assert not looking.done()
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [f"{it.levelname} {it.getMessage()}" for it in caplog.records]


async def test_a_message_in_hand_for_long_is_told_once_and_once_when_it_is_done(
    system: ActorSystem, caplog: pytest.LogCaptureFixture
) -> None:
    ref = await system.spawn(Worker, "a")
    ref.tell_nowait(12)
    await asyncio.sleep(4.9)
    assert lines(caplog) == []
    await asyncio.sleep(5)
    (line,) = lines(caplog)
    assert line.startswith("WARNING /a has had a message in hand for 6 s, of type int, at ")
    assert line.endswith("in msg_handler")
    assert caplog.records[0].actor == "/a"  # type: ignore[attr-defined]
    await asyncio.sleep(10)
    assert lines(caplog)[1:] == ["INFO /a is done with what it had in hand for 12 s"]


@pytest.mark.parametrize("handoff", [True, False])
async def test_a_request_in_hand_for_long_is_told_too(
    handoff: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with ActorSystem(handoff=handoff) as system:
        look = Look(system)
        ref = await system.spawn(Worker, "a")
        await ref.ask(0)
        asking = asyncio.create_task(ref.ask(100, timeout=200))
        for _ in range(8):
            await asyncio.sleep(1)
            await look.once()
        assert len(lines(caplog)) == 1
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def test_many_short_messages_in_a_row_are_no_long_one(
    system: ActorSystem, caplog: pytest.LogCaptureFixture
) -> None:
    ref = await system.spawn(Worker, "a")
    for n in range(60):
        ref.tell_nowait("x" if n < 21 else 0.6)  # the batch that grows while they are quick
    await asyncio.sleep(30)
    assert lines(caplog) == []


async def test_a_mailbox_that_is_nearly_full_is_told_until_it_has_room(
    system: ActorSystem, caplog: pytest.LogCaptureFixture
) -> None:
    ref = await system.spawn(Worker, "a", mailbox={"capacity": 10})
    await ref.stop()
    for _ in range(7):
        ref.tell_nowait(0.5)
    await asyncio.sleep(3)
    assert lines(caplog) == []
    ref.tell_nowait(0.5)
    await asyncio.sleep(3)
    assert lines(caplog) == ["WARNING /a is behind: 8 of 10 messages wait"]
    ref.human_start()
    await asyncio.sleep(20)
    assert lines(caplog)[1:] == ["INFO /a has caught up: 0 of 10 messages wait"]


async def test_refusals_are_told_until_none_has_come_for_some_seconds(
    system: ActorSystem, caplog: pytest.LogCaptureFixture
) -> None:
    ref = await system.spawn(Worker, "a", mailbox={"capacity": 1})
    for _ in range(3):
        ref.tell_nowait(0.1)
        await asyncio.sleep(0.01)
        ref.tell_nowait(0.1)
        for _ in range(2):
            with pytest.raises(MailboxFull):
                ref.tell_nowait(1)
        await asyncio.sleep(2)
    assert lines(caplog) == [
        "WARNING /a is behind: 0 of 1 messages wait, and 2 more were refused",
    ]
    await asyncio.sleep(10)
    assert lines(caplog)[1:] == ["INFO /a has caught up: 0 of 1 messages wait"]


async def test_an_actor_that_is_gone_is_behind_no_more(
    system: ActorSystem, caplog: pytest.LogCaptureFixture
) -> None:
    ref = await system.spawn(Worker, "a", mailbox={"capacity": 1})
    await ref.stop()
    ref.tell_nowait(1)
    await asyncio.sleep(2)
    await ref.remove()
    await asyncio.sleep(2)
    told = [line for line in lines(caplog) if "dead letter" not in line]
    assert told[1:] == ["INFO /a has caught up: it was removed"]


async def test_very_many_actors_at_once_are_few_lines(
    system: ActorSystem, caplog: pytest.LogCaptureFixture
) -> None:
    for n in range(50):
        ref = await system.spawn(Worker, f"a{n}", mailbox={"capacity": 1})
        await ref.stop()
        ref.tell_nowait(1)
    await asyncio.sleep(3)
    told = lines(caplog)
    assert len(told) == 21
    assert told[-1].startswith("WARNING 30 more actors are stuck or behind")
