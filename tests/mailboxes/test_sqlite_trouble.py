"""A disk that is full, fails or is not ours is told, and no mail is lost by it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from aplay_host import Actor
from aplay_host.errors import MailboxUnavailable
from aplay_host.mailboxes import EngineSettings, Failpoints
from aplay_host.mailboxes.store import Store
from aplay_host.mailboxes.writer import plan_trouble

from .baddisk import BadDisk, BadRead, DiskError
from .rig import QUICK, rig, until

pytestmark = pytest.mark.real_time


@pytest.mark.parametrize(
    ("name", "trouble"),
    [
        ("SQLITE_FULL", "full"),
        ("SQLITE_IOERR_FSYNC", "lost"),
        ("SQLITE_CORRUPT", "lost"),
        ("SQLITE_CORRUPT_INDEX", "lost"),
        ("SQLITE_NOTADB", "lost"),
        ("SQLITE_IOERR_WRITE", "broken"),
        ("SQLITE_BUSY", "broken"),
    ],
)
def test_each_error_of_the_file_has_one_meaning(name: str, trouble: str) -> None:
    assert plan_trouble(DiskError(name)) == trouble


async def test_a_full_file_refuses_mail_and_goes_on_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aplay_host.mailboxes.writer.RETRY_SECONDS", 0.3)
    settings = EngineSettings(max_bytes=400_000)
    async with rig(tmp_path, settings=settings) as it:
        ref, seen = await it.keeper()
        await ref.stop()
        told = await _fill(ref)
        assert it.engine.problem is not None
        assert "no room" in it.engine.problem
        with pytest.raises(MailboxUnavailable, match="no room"):
            await ref.tell("one more")
        await ref.human_start()
        await it.settled(ref)  # outcomes have room, and make some
        assert seen == told
        await until(lambda: it.engine.problem is None)
        await ref.tell("again")
        await it.settled(ref)
        assert seen[-1] == "again"


async def _fill(ref: Any) -> list[str]:
    """Tell until no more is taken; return what was."""
    told: list[str] = []
    while True:
        message = f"{len(told)} {'x' * 10_000}"
        try:
            await ref.tell(message)
        except MailboxUnavailable:
            return told
        told.append(message)


async def test_outcomes_wait_in_order_while_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aplay_host.mailboxes.writer.RETRY_SECONDS", 0.05)
    disk = BadDisk()
    async with rig(tmp_path, failpoints=disk) as it:
        ref, seen = await it.stopped(50)
        disk.fault = "SQLITE_FULL"
        await ref.human_start()
        await until(lambda: len(seen) == 50 and disk.hits > 2)
        assert it.engine.stats().settles == 0
        disk.fault = None
        await until(lambda: it.engine.stats().settles == 50)
        assert it.engine.problem is None
    async with rig(tmp_path) as it:
        assert it.row() is None


async def test_a_put_that_fails_after_it_took_its_place_is_a_dead_letter_and_tells_who_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aplay_host.mailboxes.writer.RETRY_SECONDS", 0.05)
    disk = BadDisk()
    async with rig(tmp_path, failpoints=disk) as it:
        ref, seen = await it.keeper()
        disk.fault = "SQLITE_FULL"
        with pytest.raises(MailboxUnavailable):
            await ref.tell("lost")
        (letter,) = it.system.dead_letters
        assert (letter.message, letter.reason) == ("lost", "store_failed")
        assert ref.status().dead == 1
        disk.fault = None
        await until(lambda: it.engine.problem is None)
        await ref.tell("kept")
        await it.settled(ref)
        assert seen == ["kept"]


async def test_after_an_error_of_the_disk_the_file_is_opened_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aplay_host.mailboxes.writer.REOPEN_SECONDS", (0.02,))
    opened: list[Path] = []
    connect = Store.connect

    def noted(store: Store) -> None:
        opened.append(store.path)
        connect(store)

    monkeypatch.setattr(Store, "connect", noted)
    disk = BadDisk()
    async with rig(tmp_path, failpoints=disk) as it:
        ref, seen = await it.keeper()
        await ref.tell("before")
        await it.settled(ref)
        disk.fault = "SQLITE_IOERR_WRITE"
        with pytest.raises(MailboxUnavailable):
            await ref.tell("lost")
        assert "the disk fails" in (it.engine.problem or "")
        disk.fault = None
        await until(lambda: it.engine.problem is None)
        await ref.tell("after")
        await it.settled(ref)
        assert seen == ["before", "after"]
        assert len(opened) == 2


async def test_after_a_failed_fsync_nothing_is_confirmed_any_more(tmp_path: Path) -> None:
    disk = BadDisk()
    async with rig(tmp_path, failpoints=disk) as it:
        ref, _ = await it.keeper()
        disk.fault = "SQLITE_IOERR_FSYNC"
        with pytest.raises(MailboxUnavailable):
            await ref.tell("in doubt")
        disk.fault = None
        assert "restart the host" in (it.engine.problem or "")
        for _ in range(3):
            with pytest.raises(MailboxUnavailable):
                await ref.tell("never")
        assert disk.hits == 1


class Refusing:
    """A connection that raises whatever it is asked."""

    def __init__(self, name: str) -> None:
        self.name = name

    def execute(self, *said: object) -> None:
        raise DiskError(self.name)


@pytest.mark.parametrize("name", ["SQLITE_FULL", "SQLITE_IOERR_FSYNC", "SQLITE_ERROR"])
async def test_a_backup_that_fails_is_no_trouble_of_the_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    async with rig(tmp_path / "mail") as it:
        ref, seen = await it.keeper()
        with monkeypatch.context() as patch:
            patch.setattr(Store, "connection", Refusing(name))
            with pytest.raises(OSError, match=name):
                await it.engine.backup(tmp_path / "copy.db")
        assert it.engine.problem is None
        assert not (tmp_path / "copy.db").exists()
        await ref.tell("kept")
        await it.settled(ref)
        assert seen == ["kept"]


class Broken(Failpoints):
    """Fails where nothing is expected to."""

    def hit(self, name: str) -> None:
        if name == "sqlite.group.before_report":
            raise RuntimeError("nobody expects this")


async def test_a_writer_with_a_fault_of_its_own_says_so_and_ends_in_order(tmp_path: Path) -> None:
    async with rig(tmp_path, failpoints=Broken()) as it:
        ref, _ = await it.keeper()
        ref.tell_nowait("in doubt")
        await until(lambda: it.engine.problem is not None)
        assert "nobody expects this" in (it.engine.problem or "")
        with pytest.raises(MailboxUnavailable):
            await ref.tell("more")
    async with rig(tmp_path) as it:
        ref, seen = await it.keeper()
        await it.settled(ref)
        assert seen == ["in doubt"]


async def test_a_sync_that_fails_for_dead_letters_is_one_that_failed(tmp_path: Path) -> None:
    disk = BadDisk()
    async with rig(tmp_path, failpoints=disk) as it:
        ref, _ = await it.keeper()
        disk.fault = "SQLITE_IOERR_FSYNC"
        with pytest.raises(MailboxUnavailable):
            await it.engine.drop([1])
        disk.fault = None
        assert "restart the host" in (it.engine.problem or "")
        with pytest.raises(MailboxUnavailable):
            await ref.tell("kept?")


async def test_mail_that_could_not_be_read_once_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aplay_host.mailboxes.writer.REOPEN_SECONDS", (0.01,))
    async with rig(tmp_path) as it:
        ref, _ = await it.stopped(3)
    async with rig(tmp_path, failpoints=BadRead()) as it:
        ref, seen = await it.keeper()
        await it.settled(ref)
        assert seen == [0, 1, 2]


async def test_who_asks_an_engine_that_ends_on_a_full_disk_is_answered(tmp_path: Path) -> None:
    disk, opened, blocked = BadDisk(), asyncio.Event(), threading.Event()

    class Slow(Actor):
        async def msg_handler(self, msg: Any) -> None:
            await opened.wait()

    async with rig(tmp_path, failpoints=disk) as it:
        ref = await it.system.spawn(Slow, "slow", mailbox=QUICK)
        await ref.tell("one")
        await until(lambda: ref.status().in_hand)
        busy = asyncio.create_task(it.engine.link.ask(lambda store: blocked.wait()))
        await asyncio.sleep(0)
        opened.set()
        await until(lambda: ref.status().handled)
        disk.fault = "SQLITE_FULL"
        asked = asyncio.create_task(it.engine.drop([1]))
        await asyncio.sleep(0)
        stopping = asyncio.create_task(it.engine.stop())
        await asyncio.sleep(0)
        blocked.set()
        await stopping
        with pytest.raises(MailboxUnavailable):
            await asyncio.wait_for(asked, 5.0)
        await busy


async def test_mail_of_an_actor_that_is_removed_while_the_disk_is_full_is_there_for_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aplay_host.mailboxes.writer.RETRY_SECONDS", 0.01)
    disk = BadDisk()
    async with rig(tmp_path, failpoints=disk) as it:
        ref, _ = await it.stopped(3)
        disk.fault = "SQLITE_FULL"
        await ref.remove()
        disk.fault = None
        assert it.row().messages == len(await it.engine.peek("/a", 10)) == 3
        assert it.row().oldest_s < 60.0
        await until(lambda: it.engine.problem is None)
        ref, seen = await it.keeper()
        await ref.tell(3)
        await it.settled(ref)
        assert seen == [0, 1, 2, 3]
        assert it.row().messages == 0


async def test_who_comes_before_the_mail_of_the_last_actor_is_buried_has_none_of_it(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as it:
        ref, _ = await it.keeper(stop_timeout=0.05)
        await ref.stop()
        await ref.tell("old")
        blocked = threading.Event()
        busy = asyncio.create_task(it.engine.link.ask(lambda store: blocked.wait()))
        await ref.remove()  # which does not wait for a writer that is so slow
        coming = asyncio.create_task(it.keeper())
        await asyncio.sleep(0)
        blocked.set()
        ref, seen = await coming
        await busy
        await ref.tell("new")
        await it.settled(ref)
        assert seen == ["new"]
        assert (it.row().messages, it.row().bytes, it.engine.stats().dead) == (0, 0, 1)
        assert (ref.status().accepted, ref.status().pending) == (1, 0)
