"""While the disk takes nothing, no message is counted, handled or buried twice."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from aplay_host import ActorSystem
from aplay_host.errors import MailboxUnavailable

from .baddisk import BadDisk
from .rig import QUICK, Counter, Keeper, rig, until

pytestmark = pytest.mark.real_time


async def test_after_a_failed_fsync_the_writer_rests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = BadDisk()
    async with rig(tmp_path, failpoints=disk) as it:
        ref, _ = await it.keeper(durability="process")
        await ref.tell("its sync is due")
        disk.fault = "SQLITE_IOERR_FSYNC"
        with pytest.raises(MailboxUnavailable):
            await ref.tell("in doubt")
        monkeypatch.setattr("aplay_host.mailboxes.writer.TICK_SECONDS", 0.0)
        await it.engine.link.flush()
        (writer,) = (one for one in threading.enumerate() if one.name == "aplay mail")
        assert writer.ident is not None
        clock = time.pthread_getcpuclockid(writer.ident)
        before = time.clock_gettime(clock)
        await asyncio.sleep(0.2)  # it is watched for so long
        assert time.clock_gettime(clock) - before < 0.05


async def test_a_replay_that_the_disk_does_not_take_leaves_all_counts_as_they_were(
    tmp_path: Path,
) -> None:
    disk = BadDisk()
    async with rig(tmp_path, failpoints=disk) as it:
        ref, _ = await it.keeper(bad=("bad",), max_attempts=1)
        await ref.tell("bad")
        await it.settled(ref)
        await ref.stop()
        await ref.tell("waits")
        before = ref.status()
        (letter,) = await it.engine.dead_letters()
        disk.fault = "SQLITE_FULL"
        with pytest.raises(MailboxUnavailable):
            await it.engine.replay([letter.id])
        after = ref.status()
        assert (after.pending, after.dead) == (before.pending, before.dead) == (1, 1)
        assert len(it.system.dead_letters) == it.engine.dead == 1


class Waits(Counter):
    """Counts all but 3, for which it waits until its time is over."""

    async def msg_handler(self, msg: Any) -> Any:
        if msg == 3 and not self.target:
            await asyncio.Event().wait()
        return await super().msg_handler(msg)


async def test_who_comes_back_while_the_disk_is_full_has_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aplay_host.mailboxes.writer.RETRY_SECONDS", 0.05)
    disk = BadDisk()
    async with rig(tmp_path, failpoints=disk, actors=(Keeper, Waits)) as it:
        ref = await it.system.spawn(Waits, "count", mailbox=QUICK, stop_timeout=0.05)
        await ref.stop()
        for number in range(5):
            await ref.tell(number)
        disk.fault = "SQLITE_FULL"
        await ref.human_start()
        await until(lambda: ref.status().handled == 3 and it.engine.problem)
        await it.system.shutdown()
        async with ActorSystem(mailboxes=it.engine.make_mailbox) as system:
            other = await system.spawn(Keeper, "k", kwargs={"seen": []})
            ref = await system.spawn(Waits, "count", kwargs={"target": "/k"}, mailbox=QUICK)
            await it.engine.link.flush()
            assert ref.status().handled == 0  # what is over is still in the file
            disk.fault = None
            await it.settled(ref)
            assert await ref.ask("total") == 5
            assert it.row("/count").messages == 0
            assert other.status().accepted == 2


async def test_what_was_handled_is_no_dead_letter_of_an_actor_that_is_removed(
    tmp_path: Path,
) -> None:
    disk = BadDisk()
    async with rig(tmp_path, failpoints=disk) as it:
        ref, seen = await it.keeper()
        await ref.stop()
        await ref.tell("handled")
        disk.fault = "SQLITE_FULL"
        await ref.human_start()
        await until(lambda: it.engine.problem)
        disk.fault = None  # there is room again, and nobody has tried yet
        await ref.remove()
        assert seen == ["handled"]
        assert await it.engine.dead_letters() == ()
        assert it.engine.dead == 0


async def test_a_request_behind_a_message_that_is_refused_is_answered(tmp_path: Path) -> None:
    disk = BadDisk()
    async with rig(tmp_path, failpoints=disk) as it:
        ref, seen = await it.keeper()
        disk.fault = "SQLITE_FULL"
        told = asyncio.ensure_future(ref.tell("refused by the disk"))
        asked = asyncio.ensure_future(ref.ask("asked"))
        with pytest.raises(MailboxUnavailable):
            await told
        assert await asyncio.wait_for(asked, 2) == "asked"  # before the disk is tried again
        assert seen == ["asked"]


async def test_while_outcomes_cannot_be_written_only_so_many_are_handled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aplay_host.mailboxes.writer.RETRY_SECONDS", 0.02)
    monkeypatch.setattr("aplay_host.mailboxes.sqlitebox.MOST_OUTCOMES", 4)
    monkeypatch.setattr("aplay_host.mailboxes.sqlitebox.SqliteBox.prefetch", 2)
    disk = BadDisk()
    async with rig(tmp_path, failpoints=disk) as it:
        ref, seen = await it.stopped(50)
        disk.fault = "SQLITE_FULL"
        await ref.human_start()
        await until(lambda: len(seen) >= 4)  # to look into the file is no writing
        hits = disk.hits
        await until(lambda: disk.hits > hits + 3)
        assert len(seen) <= 6
        disk.fault = None
        await it.settled(ref)
        assert seen == list(range(50))


async def test_who_keeps_asking_does_not_put_off_the_next_try_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aplay_host.mailboxes.writer.RETRY_SECONDS", 0.2)
    disk = BadDisk()
    async with rig(tmp_path, failpoints=disk) as it:
        await it.keeper()
        disk.fault = "SQLITE_FULL"
        with pytest.raises(MailboxUnavailable):
            await it.engine.drop([1])
        async with asyncio.timeout(5):
            while it.engine.problem is not None:
                with suppress(MailboxUnavailable):
                    await it.engine.drop([1])
                await asyncio.sleep(0.01)
