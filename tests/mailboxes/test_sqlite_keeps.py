"""Durable mail outlives the process, in order, and is handled as what was stored."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from aplay_host import Actor
from aplay_host.errors import MailboxUnavailable
from aplay_host.kernel import HANDLED, Address, MailboxFull, MailboxSpec, Parcel
from aplay_host.mailboxes import Failpoints, MailRow, SqliteEngine, TypeRegistry

from .rig import Order, Stuck, crash_image, rig, until
from .test_sqlite_busy import Held

pytestmark = pytest.mark.real_time


async def test_mail_of_a_held_actor_is_handled_in_order_after_the_next_start(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path / "mail") as one:
        ref, seen = await one.keeper()
        await ref.stop()
        for number in range(500):
            await ref.tell(number)
        assert ref.status().pending == 500
    async with rig(tmp_path / "mail") as two:
        again, seen = await two.keeper()
        await two.settled(again)
        assert seen == list(range(500))
        assert again.status().accepted == 500  # what was found counts as accepted
    async with rig(tmp_path / "mail") as three:
        assert three.row() is None


async def test_what_is_handled_is_a_decoded_copy_of_what_was_stored(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        ref, seen = await it.keeper()
        order = Order("x", 2)
        ref.tell_nowait(order)
        order.count = 3  # after the tell: too late
        await it.settled(ref)
        assert seen == [Order("x", 2)]
        assert seen[0] is not order


async def test_a_message_is_not_handled_before_it_is_committed(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        ref, seen = await it.keeper()
        kept = asyncio.ensure_future(ref.tell("one"))
        await asyncio.sleep(0)
        assert not kept.done()
        assert seen == []
        await kept
        assert it.engine.stats().puts == 1
        await it.settled(ref)
        assert seen == ["one"]


async def test_requests_keep_their_place_between_messages_and_are_not_written(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as it:
        ref, seen = await it.keeper()
        told: list[asyncio.Future[Any]] = []
        for number in range(300):
            send = ref.ask(number) if number % 3 == 0 else ref.tell(number)
            told.append(asyncio.ensure_future(send))
        replies = await asyncio.gather(*told)
        await it.settled(ref)
        assert seen == list(range(300))
        assert replies[::3] == list(range(0, 300, 3))
        assert it.engine.stats().puts == 200


async def test_no_more_is_in_memory_than_the_actor_asked_for(tmp_path: Path) -> None:
    async with rig(tmp_path, actors=(Stuck,)) as it:
        begun = asyncio.Event()
        ref = await it.system.spawn(
            Stuck, "a", kwargs={"begun": begun}, mailbox={"kind": "sqlite"}, stop_timeout=0.05
        )
        for number in range(1000):
            await ref.tell(number)
        cell = it.system.cell_at(ref.address)
        assert cell is not None
        assert ref.status().pending + ref.status().in_hand == 1000
        assert len(cell.inbox or ()) <= 128


async def test_a_message_in_hand_at_the_stop_is_back_uncharged(tmp_path: Path) -> None:
    async with rig(tmp_path, actors=(Stuck,)) as it:
        begun = asyncio.Event()
        ref = await it.system.spawn(
            Stuck, "a", kwargs={"begun": begun}, mailbox={"kind": "sqlite"}, stop_timeout=0.05
        )
        await ref.tell("cut")
        await begun.wait()
    async with rig(tmp_path) as it:
        (row,) = await it.engine.peek("/a", 10)
        assert (row.attempts, row.crashes) == (0, 0)


async def test_a_full_mailbox_refuses_what_is_told_and_loses_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        ref, seen = await it.stopped(3, capacity=3)
        with pytest.raises(MailboxFull):
            await ref.tell("too much")
        await ref.human_start()
        await it.settled(ref)
        assert seen == [0, 1, 2]


async def test_who_waits_for_room_is_let_in_in_order(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        ref, seen = await it.keeper(capacity=2, overflow="wait")
        await asyncio.gather(*(ref.tell(number) for number in range(20)))
        await it.settled(ref)
        assert seen == list(range(20))


async def test_numbers_are_never_given_twice(tmp_path: Path) -> None:
    seqs: list[int] = []
    for start in range(3):
        async with rig(tmp_path) as it:
            ref, _ = await it.keeper()
            await ref.stop()
            await ref.tell(start)
            rows: tuple[MailRow, ...] = await it.engine.peek("/a", 10)
            seqs.append(rows[-1].id)
    assert len(set(seqs)) == 3
    assert seqs == sorted(seqs)


async def test_an_image_of_a_killed_host_has_all_that_was_confirmed(tmp_path: Path) -> None:
    async with rig(tmp_path / "mail") as it:
        ref, _ = await it.stopped(50)
        image = crash_image(tmp_path / "mail", tmp_path / "image")
    async with rig(image) as it:
        ref, seen = await it.keeper()
        await it.settled(ref)
        assert seen == list(range(50))


async def test_mail_of_an_address_without_an_actor_stays_and_is_shown(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        ref, _ = await it.keeper("gone")
        await ref.stop()
        await ref.tell("waits")
    async with rig(tmp_path) as it:
        row = it.row("/gone")
        assert (row.messages, row.has_actor) == (1, False)
        (message,) = await it.engine.peek("/gone", 5)
        assert it.engine.codec.plain(message.record) == "waits"
    async with rig(tmp_path) as it:
        assert it.row("/gone").messages == 1


async def test_the_mail_of_a_removed_actor_becomes_dead_letters(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        ref, _ = await it.stopped(3)
        await ref.remove()
        letters = await it.engine.dead_letters()
        assert {letter.reason for letter in letters} == {"removed"}
        assert len(letters) == 3
        assert it.system.status().dead == 3
        again, seen = await it.keeper()
        await again.tell("new")
        await it.settled(again)
        assert seen == ["new"]


async def test_a_sender_is_noted_with_the_message(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        target, _ = await it.keeper("target")
        await target.stop()

        class Sender(Actor):
            async def msg_handler(self, msg: Any) -> None:
                await target.tell(msg)

        await (await it.system.spawn(Sender, "from")).ask("hello")
        (row,) = await it.engine.peek("/target", 1)
        assert (row.sender, row.type) == ("/from", "aplay:any@1")


async def test_the_figures_of_a_box_are_those_of_its_mail(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        ref, _ = await it.keeper()
        assert it.row().messages == 0
        await ref.stop()
        await ref.tell("x" * 1000)
        row = it.row()
        assert row.messages == 1
        assert 1000 < row.bytes < 1100
        await until(lambda: it.row().oldest_s > 0)
        assert it.row().oldest_s < 10
        await ref.human_start()
        await it.settled(ref)
        assert (it.row().messages, it.row().bytes, it.row().oldest_s) == (0, 0, 0)


async def test_an_actor_that_goes_while_its_mail_is_read_and_comes_back_has_all_of_it(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as it:
        ref, _ = await it.stopped(300)
    async with rig(tmp_path) as it:
        box = it.engine.make_mailbox(Address("/a"), MailboxSpec("sqlite"))
        assert box is not None
        await box.open(Mouth())
        box.demand(10)  # which reads, in another thread
        await box.close(removed=False)
        assert it.row().messages == 300
        ref, seen = await it.keeper()
        await it.settled(ref)
        assert seen == list(range(300))


class Mouth:
    """An inlet that takes nothing."""

    is_up = True

    def deliver(self, parcels: Iterable[Parcel]) -> None:
        raise AssertionError(f"delivered after the close: {parcels}")

    def dead(self, parcel: Parcel, reason: str, error: BaseException | None = None) -> None:
        raise AssertionError(reason)

    def failed(self, error: BaseException) -> None:
        raise error

    def run(self, coro: Any) -> Any:
        raise AssertionError("it has no task")


async def test_a_closed_engine_takes_the_end_of_a_message_and_does_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        engine = it.engine
        box = engine.make_mailbox(Address("/b"), MailboxSpec("sqlite"))
        assert box is not None
        parcel = Parcel("kept")
        put = box.put(parcel)
        assert put is not None
        await put
    box.settle(parcel, HANDLED)
    await asyncio.sleep(0)
    assert engine.stats().outstanding == 0
    with pytest.raises(MailboxUnavailable, match="closed"):
        box.put(Parcel("late"))
    async with rig(tmp_path) as it:
        assert it.row("/b").messages == 1


async def test_what_was_put_in_the_same_turn_of_the_loop_as_the_end_is_kept(
    tmp_path: Path,
) -> None:
    async with SqliteEngine(tmp_path / "mail", TypeRegistry()) as engine:
        box = engine.make_mailbox(Address("/a"), MailboxSpec("sqlite"))
        assert box is not None
        kept = box.put(Parcel("last"))
        assert kept is not None
    async with asyncio.timeout(5):
        await kept
    async with SqliteEngine(tmp_path / "mail", TypeRegistry()) as engine:
        assert len(await engine.peek("/a", 9)) == 1


async def test_what_is_told_while_the_file_is_being_closed_is_refused(tmp_path: Path) -> None:
    closing, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    class Slow(Failpoints):
        def hit(self, name: str) -> None:
            if name == "sqlite.stop.before_clean":
                loop.call_soon_threadsafe(closing.set)
                go_on.wait(10)

    async with rig(tmp_path, failpoints=Slow()) as it:
        ref, _ = await it.keeper()
        await it.system.shutdown()
        end = asyncio.create_task(it.engine.stop())
        await closing.wait()
        try:
            with pytest.raises(MailboxUnavailable, match="closed"):
                await asyncio.wait_for(ref.tell("late"), 1)
        finally:
            go_on.set()
            await end


@pytest.mark.parametrize("first", [0, 1])
async def test_engines_leave_the_interpreter_as_it_was(tmp_path: Path, first: int) -> None:
    usual = sys.getswitchinterval()
    engines = [SqliteEngine(tmp_path / name, TypeRegistry()) for name in ("one", "two")]
    for engine in engines:
        await engine.start()
        assert sys.getswitchinterval() < usual
    await engines[first].stop()
    await engines[1 - first].stop()
    assert sys.getswitchinterval() == usual


async def test_a_request_in_the_box_is_counted_once_when_the_host_drains(tmp_path: Path) -> None:
    held, begun = Held(), asyncio.Event()
    async with rig(tmp_path, failpoints=held) as it:
        ref = await it.system.spawn(
            Stuck, "a", kwargs={"begun": begun}, mailbox={"kind": "sqlite"}, stop_timeout=0.05
        )
        await ref.tell("in hand")
        await begun.wait()
        held.go.clear()
        told = asyncio.ensure_future(ref.tell("is being written"))
        asked = asyncio.ensure_future(ref.ask("behind it"))
        try:
            await asyncio.sleep(0)
            before = ref.status()
            assert not await it.system.drain(0.01)
            after = ref.status()
        finally:
            held.go.set()
        assert (after.accepted, after.pending) == (before.accepted, before.pending) == (3, 2)
        await told
        asked.cancel()
