"""A turn: what was handled, the state and what was sent are committed together, or not at all."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from aplay_host.errors import MailboxUnavailable

from .baddisk import BadDisk
from .rig import QUICK, Counter, Keeper, Rig, Total, crash_image, rig, until

pytestmark = pytest.mark.real_time


async def _counter(it: Rig, **kwargs: Any) -> Any:
    return await it.system.spawn(Counter, "count", kwargs=kwargs, mailbox=QUICK)


def _rig(folder: Path, **more: Any) -> Any:
    return rig(folder, actors=(Keeper, Counter), **more)


async def test_the_state_of_the_last_turn_is_there_after_a_restart_of_the_host(
    tmp_path: Path,
) -> None:
    async with _rig(tmp_path) as it:
        ref = await _counter(it)
        for number in range(5):
            await ref.tell(number)
        await it.settled(ref)
    async with _rig(tmp_path) as it:
        ref = await _counter(it)
        assert await ref.ask("total") == 5
        await ref.restart()
        assert await ref.ask("total") == 5


async def test_the_handled_message_the_state_and_the_sends_are_one_commit(tmp_path: Path) -> None:
    """Every image of the files has all three or none of them."""
    async with _rig(tmp_path / "mail") as it:
        target, _ = await it.keeper("target")
        await target.stop()
        ref = await _counter(it, target="/target")
        images = []
        for number in range(20):
            ref.tell_nowait(number)
            if number % 4 == 0:
                await asyncio.sleep(0.001)
                images.append(crash_image(tmp_path / "mail", tmp_path / f"image{number}"))
        await it.settled(ref)
        images.append(crash_image(tmp_path / "mail", tmp_path / "last"))
    for image in images:
        async with _rig(image) as it:
            sent = await it.engine.peek("/target", 100)
            counter = it.engine.existing("/count")
            total = counter.recall(Total) if counter is not None else Total()
            assert total.count == len(sent) == len(total.seen)
            waiting = await it.engine.peek("/count", 100)
            numbers = [it.engine.codec.plain(row.record) for row in waiting]
            assert total.seen + numbers == list(range(len(total.seen) + len(numbers)))
    assert total.count == 20


async def test_an_error_leaks_no_send_and_restores_the_state(tmp_path: Path) -> None:
    async with _rig(tmp_path) as it:
        target, seen = await it.keeper("target")
        ref = await _counter(it, target="/target", bad=(1, 1))
        for number in range(3):
            await ref.tell(number)
        await it.settled(ref)
        await it.settled(target)
        assert seen == [0, 1, 2]
        assert await ref.ask("total") == 3


async def test_a_reply_and_what_is_sent_to_memory_leave_after_the_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aplay_host.mailboxes.writer.RETRY_SECONDS", 0.05)
    disk = BadDisk()
    async with _rig(tmp_path, failpoints=disk) as it:
        seen: list[Any] = []
        await it.system.spawn(Keeper, "memory", kwargs={"seen": seen})
        ref = await _counter(it, target="/memory")
        disk.fault = "SQLITE_FULL"
        reply = asyncio.ensure_future(ref.ask(7, timeout=60))
        await until(lambda: disk.hits)
        assert not reply.done()
        assert seen == []
        disk.fault = None
        assert await reply == 1
        await until(lambda: seen == [7])


async def test_a_reply_tells_of_nothing_that_is_not_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aplay_host.mailboxes.writer.RETRY_SECONDS", 0.05)
    disk = BadDisk()
    async with _rig(tmp_path, failpoints=disk) as it:
        ref = await _counter(it)
        await ref.stop()
        await ref.tell(7)
        disk.fault = "SQLITE_FULL"
        await ref.human_start()
        reply = asyncio.ensure_future(ref.ask("total", timeout=60))
        await until(lambda: ref.status().handled == 2)
        hits = disk.hits
        await until(lambda: disk.hits > hits + 1)
        assert not reply.done()
        disk.fault = None
        assert await reply == 1


class MendsItself(BadDisk):
    """Fails until it has done so `most` times."""

    most = 0

    def hit(self, name: str) -> None:
        if self.most and self.hits >= self.most:
            self.fault = None
        super().hit(name)


@pytest.mark.parametrize("tries", [3, 4])
@pytest.mark.parametrize("most_ops", [2, 512])
async def test_of_states_that_waited_for_the_disk_the_last_one_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most_ops: int, tries: int
) -> None:
    monkeypatch.setattr("aplay_host.mailboxes.writer.RETRY_SECONDS", 0.05)
    monkeypatch.setattr("aplay_host.mailboxes.writer.MOST_OPS", most_ops)
    disk = MendsItself()
    async with _rig(tmp_path, failpoints=disk) as it:
        ref = await _counter(it)
        await ref.stop()
        for number in range(5):
            await ref.tell(number)
        disk.fault = "SQLITE_FULL"
        await ref.human_start()
        await until(lambda: ref.status().handled == 5)
        disk.most = disk.hits + tries
        await until(lambda: it.engine.stats().settles == 5)
    async with _rig(tmp_path) as it:
        assert await (await _counter(it)).ask("total") == 5


async def test_a_send_to_mail_of_another_file_is_kept_there(tmp_path: Path) -> None:
    async with _rig(tmp_path / "own") as it, _rig(tmp_path / "other") as other:
        own, its = it.engine.make_mailbox, other.engine.make_mailbox
        it.system.make_mailbox = lambda address, spec: (its if address == "/k" else own)(
            address, spec
        )
        target, _ = await it.keeper("k")
        await target.stop()
        assert await (await _counter(it, target="/k")).ask(7) == 1
        await other.engine.link.flush()
        assert len(await other.engine.peek("/k", 9)) == 1
        assert await it.engine.peek("/k", 9) == ()


class Lingerer(Counter):
    """Tells, and ends later."""

    def __init__(self, told: asyncio.Event, may_end: asyncio.Event) -> None:
        super().__init__("/k")
        self.told = told
        self.may_end = may_end

    async def msg_handler(self, msg: Any) -> Any:
        await super().msg_handler(msg)
        self.told.set()
        await self.may_end.wait()


async def test_what_was_told_to_an_actor_that_is_another_one_by_now_reaches_that(
    tmp_path: Path,
) -> None:
    told, may_end = asyncio.Event(), asyncio.Event()
    async with _rig(tmp_path) as it:
        before, _ = await it.keeper("k")
        kwargs = {"told": told, "may_end": may_end}
        ref = await it.system.spawn(Lingerer, "count", kwargs=kwargs, mailbox=QUICK)
        await ref.tell(7)
        await told.wait()
        await before.remove()
        after, seen = await it.keeper("k")
        may_end.set()
        await it.settled(ref)
        await until(lambda: seen == [7])
        await it.settled(after)


async def test_a_send_takes_its_place_among_the_later_ones_of_its_sender(tmp_path: Path) -> None:
    async with _rig(tmp_path) as it:
        target, seen = await it.keeper("target")
        ref = await _counter(it, target="/target")
        await asyncio.gather(*(ref.tell(number) for number in range(200)))
        await it.settled(ref)
        await it.settled(target)
        assert seen == list(range(200))


async def test_after_the_end_of_the_engine_an_actor_has_its_committed_state(
    tmp_path: Path,
) -> None:
    disk = BadDisk()
    async with _rig(tmp_path, failpoints=disk) as it:
        ref = await _counter(it)
        await ref.tell(0)
        await it.settled(ref)
        disk.fault = "SQLITE_IOERR_FSYNC"
        with pytest.raises(MailboxUnavailable):
            await ref.tell(1)
    async with _rig(tmp_path) as it:
        ref = await _counter(it)
        assert await ref.ask("total") in (1, 2)  # the put was in doubt


async def test_a_state_that_is_damaged_is_told_and_not_guessed(tmp_path: Path) -> None:
    async with _rig(tmp_path) as it:
        ref = await _counter(it)
        await ref.tell(0)
        await it.settled(ref)
    with sqlite3.connect(tmp_path / "mail.db") as db:
        db.execute("UPDATE state SET snap = ?", (b"spoiled",))
    db.close()
    async with _rig(tmp_path) as it:
        assert "the state of /count" in (it.engine.problem or "")


async def test_a_removed_actor_leaves_no_state(tmp_path: Path) -> None:
    async with _rig(tmp_path) as it:
        ref = await _counter(it)
        await ref.tell(0)
        await it.settled(ref)
        await ref.remove()
        again = await _counter(it)
        assert await again.ask("total") == 0
    async with _rig(tmp_path) as it:
        assert await (await _counter(it)).ask("total") == 0


async def test_a_state_that_has_not_changed_is_not_written_again(tmp_path: Path) -> None:
    async with _rig(tmp_path) as it:
        ref = await _counter(it)
        await ref.ask(1)
        before = it.engine.stats().commits
        assert await ref.ask("total") == 1
        assert it.engine.stats().commits == before


async def test_who_asked_in_a_turn_whose_commit_is_lost_hears_of_it_at_once(
    tmp_path: Path,
) -> None:
    """Nothing that the turn told has left, and the host does not wait for it."""
    disk = BadDisk()
    async with _rig(tmp_path, failpoints=disk) as it:
        memory: list[Any] = []
        await it.system.spawn(Keeper, "memory", kwargs={"seen": memory})
        ref = await _counter(it, target="/memory")
        disk.fault = "SQLITE_IOERR_FSYNC"
        with pytest.raises(MailboxUnavailable, match="IOERR_FSYNC"):
            await ref.ask(1, timeout=60)
        await until(lambda: not it.system.active)
        assert memory == []
