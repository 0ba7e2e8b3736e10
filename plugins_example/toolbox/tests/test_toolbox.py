import asyncio
from dataclasses import replace
from typing import Any

import toolbox
from toolbox import Options, Ring

from aplay_host import Actor, ActorSystem, Address
from aplay_host.kernel import Mailbox, MailboxSpec
from aplay_host.testing.mailbox_contract import MailboxContract


class TestRing(MailboxContract):
    """A ring with room enough does all that a mailbox has to do."""

    def make(self, address: Address, spec: MailboxSpec) -> Mailbox:
        return Ring(address, replace(spec, options=Options()))


class Slow(Actor):
    """Handles nothing before `gate` is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.seen: list[Any] = []

    async def msg_handler(self, msg: Any) -> Any:
        await self.gate.wait()
        self.seen.append(msg)
        return msg


async def quiet() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def slow_system(size: int) -> ActorSystem:
    """Return a system in which every mailbox is a ring of that size."""
    return ActorSystem(
        "test", mailboxes=lambda address, spec: Ring(address, replace(spec, options=Options(size)))
    )


async def test_the_newest_are_kept_and_the_others_are_dead_letters() -> None:
    async with slow_system(3) as system:
        ref = await system.spawn(Slow, "slow")
        slow: Any = system.open_ref("/slow")
        for number in range(10):
            ref.tell_nowait(number)
            await quiet()
        assert [letter.message for letter in system.dead_letters] == [1, 2, 3, 4, 5, 6]
        assert {letter.reason for letter in system.dead_letters} == {"dropped"}
        slow.gate.set()
        await quiet()
        assert slow.seen == [0, 7, 8, 9]
        status = ref.status()
        assert (status.accepted, status.handled, status.dead) == (10, 4, 6)


async def test_a_request_keeps_its_place_and_is_never_given_up() -> None:
    async with slow_system(1) as system:
        ref = await system.spawn(Slow, "slow")
        slow: Any = system.open_ref("/slow")
        ref.tell_nowait("in hand")
        await quiet()
        asking = asyncio.create_task(ref.ask("asked"))
        await quiet()
        for number in range(5):
            ref.tell_nowait(number)
        slow.gate.set()
        assert await asking == "asked"
        await quiet()
        assert slow.seen == ["in hand", "asked", 4]


async def test_what_waits_at_the_end_is_a_dead_letter() -> None:
    async with slow_system(2) as system:
        ref = await system.spawn(Slow, "slow")
        await ref.stop()
        for number in range(3):
            ref.tell_nowait(number)
        await ref.remove()
        letters = [(letter.message, letter.reason) for letter in system.dead_letters]
        assert letters == [(0, "dropped"), (1, "removed"), (2, "removed")]


def test_it_is_offered_with_its_options() -> None:
    (record,) = toolbox.aplay_mailboxes()
    assert (record.kind, record.factory, record.options) == ("ring", Ring, Options)
