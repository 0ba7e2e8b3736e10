"""What actors may expect of their mail, whatever keeps it, as tests to derive from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

import pytest

from ..kernel import (
    Actor,
    ActorRef,
    ActorSystem,
    Address,
    Mailbox,
    MailboxFull,
    MailboxSpec,
    MakeMailbox,
)
from .cell import PATIENCE, quiet


class Worker(Actor):
    """Handles nothing while `gate` is closed; fails on what is "wrong"."""

    def __init__(self, gate: asyncio.Event, seen: list[Any]) -> None:
        self.gate = gate
        self.seen = seen

    async def msg_handler(self, msg: Any) -> Any:
        """Note the message, and return it."""
        await self.gate.wait()
        self.seen.append(msg)
        if msg == "wrong":
            raise ValueError("wrong")
        return msg


class Stage:
    """A system with one `Worker`, whose `gate` is closed at first."""

    def __init__(self, system: ActorSystem) -> None:
        self.system = system
        self.gate = asyncio.Event()
        self.seen: list[Any] = []

    async def worker(self, **mailbox: Any) -> ActorRef:
        """Start the worker, with these settings of its mailbox."""
        kwargs = {"gate": self.gate, "seen": self.seen}
        return await self.system.spawn(Worker, "worker", kwargs=kwargs, mailbox=mailbox)

    async def all_handled(self, ref: ActorRef) -> list[Any]:
        """Open the gate; return what was handled, with a request behind all that waits."""
        self.gate.set()
        assert await ref.ask("last") == "last"
        return self.seen[:-1]


class MailContract:
    """Derive ``class TestMine(MailContract)`` and say in `make` what keeps the mail.

    It is used by a system whose actors do not know of it. A kind of mailbox has more to do, as
    `MailboxContract` says, which has these tests, too.
    """

    def make(self, address: Address, spec: MailboxSpec) -> Mailbox | None:
        """Return an unopened, empty box for an address; None for mail in memory."""
        raise NotImplementedError

    def running(self) -> AbstractAsyncContextManager[MakeMailbox]:
        """Return a block that is given what makes boxes; for those whose store is opened first."""
        return nullcontext(self.make)

    @asynccontextmanager
    async def stage(self) -> AsyncIterator[Stage]:
        """Run a system for the block, which may not take for ever."""
        async with (
            self.running() as make,
            asyncio.timeout(PATIENCE),
            ActorSystem("test", mailboxes=make) as system,
        ):
            yield Stage(system)

    async def test_mail_is_handled_in_the_order_in_which_it_was_sent(self) -> None:
        async with self.stage() as stage:
            ref = await stage.worker()
            asking = []
            for number in range(0, 10, 2):
                ref.tell_nowait(number)
                asking.append(asyncio.create_task(ref.ask(number + 1)))
                await quiet()
            assert await stage.all_handled(ref) == list(range(10))
            assert await asyncio.gather(*asking) == [1, 3, 5, 7, 9]

    async def test_a_full_mailbox_refuses_and_loses_nothing_of_what_it_took(self) -> None:
        async with self.stage() as stage:
            ref = await stage.worker(capacity=3)
            taken = await how_many(ref, 10)
            assert taken in (3, 4)  # with the one in hand, or without it
            stage.gate.set()
            while len(stage.seen) < taken:  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0.001)
            assert stage.seen == list(range(taken))

    async def test_senders_who_wait_for_room_come_in_their_order(self) -> None:
        async with self.stage() as stage:
            ref = await stage.worker(capacity=1, overflow="wait")
            sending = [asyncio.create_task(ref.tell(number)) for number in range(5)]
            await quiet()
            assert not sending[-1].done()
            stage.gate.set()
            await asyncio.gather(*sending)
            assert await stage.all_handled(ref) == [0, 1, 2, 3, 4]

    async def test_an_actor_that_is_stopped_keeps_its_mail(self) -> None:
        async with self.stage() as stage:
            ref = await stage.worker()
            await ref.stop()
            for number in range(3):
                await ref.tell(number)
            await ref.human_start()
            assert await stage.all_handled(ref) == [0, 1, 2]

    async def test_a_message_that_fails_leaves_order_and_account_to_the_others(self) -> None:
        async with self.stage() as stage:
            ref = await stage.worker()
            for message in (1, "wrong", 2):
                await ref.tell(message)
            seen = await stage.all_handled(ref)
            assert [one for one in seen if one != "wrong"] == [1, 2]
            assert seen.count("wrong") > 0
            told = ref.status()
            assert (told.pending, told.in_hand, told.failed + told.dead) == (0, 0, 1)
            assert told.accepted == told.handled + told.failed + told.dead

    async def test_who_asks_for_what_fails_gets_the_error_and_no_second_try(self) -> None:
        async with self.stage() as stage:
            ref = await stage.worker()
            stage.gate.set()
            with pytest.raises(ValueError, match="wrong"):
                await ref.ask("wrong")
            assert await stage.all_handled(ref) == ["wrong"]

    async def test_the_mail_of_a_removed_actor_is_dead(self) -> None:
        async with self.stage() as stage:
            ref = await stage.worker()
            await ref.stop()
            for number in range(3):
                await ref.tell(number)
            await ref.remove()
            assert stage.system.status().dead == 3


async def how_many(ref: ActorRef, wanted: int) -> int:
    """Tell an actor numbers; return how many it took before it refused one."""
    for number in range(wanted):
        try:
            ref.tell_nowait(number)
        except MailboxFull:
            return number
        await quiet()
    return wanted
