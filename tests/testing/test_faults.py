"""A mailbox that goes wrong when a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aplay_host import Actor, ActorRef, ActorSystem, MailboxFull
from aplay_host.kernel import StartFailed
from aplay_host.testing import Faults


class Noting(Actor):
    """Puts what it handles on `seen`, and fails on what begins with "fail"."""

    def __init__(self, seen: asyncio.Queue[Any]) -> None:
        self.seen = seen

    async def msg_handler(self, msg: Any) -> Any:
        self.seen.put_nowait(msg)
        if str(msg).startswith("fail"):
            raise ValueError(msg)
        return msg


class Stage:
    def __init__(self, system: ActorSystem, faults: Faults) -> None:
        self.system = system
        self.faults = faults
        self.seen: asyncio.Queue[Any] = asyncio.Queue()

    async def spawn(self, **settings: Any) -> ActorRef:
        return await self.system.spawn(Noting, "a", kwargs={"seen": self.seen}, **settings)

    def letters(self) -> list[tuple[Any, str]]:
        return [(letter.message, letter.reason) for letter in self.system.dead_letters]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    faults = Faults(tries=3)
    async with ActorSystem("test", mailboxes=faults) as system:
        yield Stage(system, faults)


async def test_a_full_one_refuses_whatever_the_overflow_rule(stage: Stage) -> None:
    ref = await stage.spawn(mailbox={"overflow": "wait"})
    stage.faults.full = True
    with pytest.raises(MailboxFull, match="the test says so"):
        await ref.tell(1)
    assert await ref.ask("asked") == "asked"
    stage.faults.full = False
    await ref.tell(2)
    assert [await stage.seen.get() for _ in range(2)] == ["asked", 2]


async def test_a_put_fails_before_the_message_has_its_place(stage: Stage) -> None:
    ref = await stage.spawn()
    stage.faults.put_error = OSError("no answer")
    with pytest.raises(OSError, match="no answer"):
        await ref.tell(1)
    assert (stage.letters(), ref.status().accepted) == ([], 0)


async def test_a_put_fails_after_the_message_has_its_place(stage: Stage) -> None:
    ref = await stage.spawn()
    stage.faults.keep_error = OSError("disk full")
    with pytest.raises(OSError, match="disk full"):
        await ref.tell(1)
    assert stage.letters() == [(1, "store_failed")]


async def test_a_slow_one_keeps_in_order_and_a_tell_waits(stage: Stage) -> None:
    ref = await stage.spawn()
    loop = asyncio.get_running_loop()
    stage.faults.keep_seconds = 3.0
    began = loop.time()
    await ref.tell(1)
    assert loop.time() - began == 3.0
    ref.tell_nowait(2)
    stage.faults.keep_seconds = 0.0
    await ref.tell(3)
    assert [await stage.seen.get() for _ in range(3)] == [1, 2, 3]


async def test_a_tell_is_held_until_the_test_lets_go(stage: Stage) -> None:
    ref = await stage.spawn()
    stage.faults.hold()
    telling = asyncio.create_task(ref.tell(1))
    asking = asyncio.create_task(ref.ask(2))
    await asyncio.sleep(1)
    assert (telling.done(), asking.done(), stage.seen.empty()) == (False, False, True)
    stage.faults.let_go()
    await telling
    assert await asking == 2
    assert [await stage.seen.get() for _ in range(2)] == [1, 2]


async def test_one_that_does_not_open_fails_the_start(stage: Stage) -> None:
    stage.faults.open_error = OSError("no file")
    with pytest.raises(StartFailed, match="no file"):
        await stage.spawn()


async def test_what_failed_comes_again_and_is_dead_after_its_last_try(stage: Stage) -> None:
    ref = await stage.spawn()
    stage.faults.retry_seconds = 2.0
    loop = asyncio.get_running_loop()
    began = loop.time()
    await ref.tell("fails")
    await ref.tell("next")
    seen = [await stage.seen.get() for _ in range(4)]
    assert seen == ["fails", "fails", "fails", "next"]
    assert loop.time() - began == 4.0
    assert stage.letters() == [("fails", "max_attempts")]


async def test_what_cannot_be_read_is_a_dead_letter_and_the_next_is_handled(stage: Stage) -> None:
    ref = await stage.spawn()
    stage.faults.unreadable = lambda message: message == "garbled"
    await ref.tell("garbled")
    assert await ref.ask("plain") == "plain"
    assert stage.letters() == [("garbled", "undecodable")]


async def test_an_actor_that_cannot_get_its_mail_restarts_and_then_goes_on(stage: Stage) -> None:
    ref = await stage.spawn()
    stage.faults.read_error = OSError("no answer")
    ref.tell_nowait(1)
    await asyncio.sleep(0)
    stage.faults.read_error = None
    assert await stage.seen.get() == 1
    assert ref.status().restarts == 1


async def test_what_is_held_at_the_end_is_given_up() -> None:
    faults = Faults()
    async with ActorSystem("test", mailboxes=faults) as system:
        ref = await system.spawn(Noting, "a", kwargs={"seen": asyncio.Queue()})
        faults.hold()
        ref.tell_nowait(1)
        await ref.remove()
        assert [(one.message, one.reason) for one in system.dead_letters] == [(1, "removed")]
