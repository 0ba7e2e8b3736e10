"""A disk that is full, fails or is not ours is told, and no mail is lost by it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import threading
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest

from aplay_host import Actor
from aplay_host.errors import (
    MailboxUnavailable,
    StartFailed,
    StateDirError,
    StoreCorrupt,
    StoreHeld,
    StoreNewer,
)
from aplay_host.mailboxes import EngineSettings, Failpoints, SqliteEngine, TypeRegistry
from aplay_host.mailboxes.folder import file_system_of
from aplay_host.mailboxes.store import Store
from aplay_host.mailboxes.writer import plan_trouble

from .rig import QUICK, Rig, crash_image, rig, until

pytestmark = pytest.mark.real_time


class DiskError(sqlite3.OperationalError):
    """What SQLite raises, with its name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"a test says {name}")
        self.sqlite_errorname = name


class BadDisk(Failpoints):
    """Fails before each commit while `fault` names how."""

    def __init__(self) -> None:
        self.fault: str | None = None
        self.hits = 0

    def hit(self, name: str) -> None:
        if name == "sqlite.group.before_commit" and self.fault is not None:
            self.hits += 1
            raise DiskError(self.fault)


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
        ref, seen = await it.keeper()
        await ref.stop()
        for number in range(50):
            await ref.tell(number)
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


async def test_an_actor_of_a_damaged_file_fails_and_names_the_file_and_the_cure(
    tmp_path: Path,
) -> None:
    (tmp_path / "mail").mkdir(mode=0o700)
    broken = tmp_path / "mail" / "mail.db"
    broken.write_bytes(b"this is no database, but long enough to look at" * 100)
    broken.chmod(0o600)
    before = broken.read_bytes()
    async with rig(tmp_path / "mail") as it:
        with pytest.raises(StartFailed) as failed:
            await it.keeper()
        text = str(failed.value)
        assert "mail.db" in text
        assert ".recover" in text
        assert it.engine.problem is not None
    assert broken.read_bytes() == before


async def test_pages_that_are_damaged_are_found_after_an_unclean_end(tmp_path: Path) -> None:
    async with rig(tmp_path / "mail") as it:
        ref, _ = await it.keeper()
        await ref.stop()
        for number in range(200):
            await ref.tell(f"{number} {'x' * 1000}")
    with sqlite3.connect(tmp_path / "mail" / "mail.db") as db:
        db.execute("UPDATE meta SET v = 0 WHERE k = 'clean'")
    db.close()
    file = tmp_path / "mail" / "mail.db"
    image = bytearray(file.read_bytes())
    for at in range(8 * 4096, len(image) - 4096, 4096):
        image[at : at + 64] = os.urandom(64)
    file.write_bytes(image)
    engine = SqliteEngine(tmp_path / "mail", TypeRegistry())
    await engine.start()
    with pytest.raises(StoreCorrupt, match="recover"):
        engine.check()
    await engine.stop()


async def test_a_newer_file_is_left_untouched(tmp_path: Path) -> None:
    async with rig(tmp_path):
        pass
    with sqlite3.connect(tmp_path / "mail.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    before = (tmp_path / "mail.db").read_bytes()
    with pytest.raises(StoreNewer, match="version 99"):
        await SqliteEngine(tmp_path, TypeRegistry()).start()
    assert (tmp_path / "mail.db").read_bytes() == before


async def test_a_file_that_another_process_has_open_is_refused(tmp_path: Path) -> None:
    code = (
        "import sqlite3, sys, time\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('BEGIN EXCLUSIVE'); print('held', flush=True); sys.stdin.read()"
    )
    async with rig(tmp_path):
        pass
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(tmp_path / "mail.db"), stdin=PIPE, stdout=PIPE
    )
    assert child.stdout is not None
    assert await child.stdout.readline() == b"held\n"
    with pytest.raises(StoreHeld, match=r"mail\.db"):
        await SqliteEngine(tmp_path, TypeRegistry()).start()
    await child.communicate(b"")


async def test_while_the_file_is_open_here_nobody_else_can_read_it(tmp_path: Path) -> None:
    code = (
        "import sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1], timeout=0)\n"
        "print(db.execute('SELECT count(*) FROM msg').fetchone())"
    )
    async with rig(tmp_path):
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, str(tmp_path / "mail.db"), stderr=PIPE
        )
        _, told = await child.communicate()
    assert b"database is locked" in told


async def test_a_forked_child_neither_writes_mail_nor_takes_the_lock_away(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        ref, seen = await it.keeper()
        await ref.tell("before")
        pid = os.fork()
        if pid == 0:
            try:
                it.engine.check()
            except MailboxUnavailable as error:
                os._exit(0 if "forked" in str(error) else 2)
            os._exit(1)
        _, status = await asyncio.to_thread(os.waitpid, pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        await ref.tell("after")
        await it.settled(ref)
        assert seen == ["before", "after"]


@pytest.mark.parametrize("mode", [0o755, 0o770])
async def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "mail"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(StateDirError, match="chmod 700"):
        await SqliteEngine(folder, TypeRegistry()).start()


async def test_a_link_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    folder.mkdir(mode=0o700)
    (folder / "mail.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateDirError, match="plain file"):
        await SqliteEngine(folder, TypeRegistry()).start()
    assert not (tmp_path / "elsewhere").exists()


def test_the_kind_of_file_system_is_that_of_the_deepest_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "1 0 0:1 / / rw - ext4 /dev/a rw\n"
        f"2 1 0:2 / {tmp_path}/far rw shared:1 - nfs4 server:/x rw\n"
        f"3 1 0:3 / {tmp_path}/farther rw - xfs /dev/b rw\n"
    )
    assert file_system_of(tmp_path / "far" / "mail", mounts) == "nfs4"
    assert file_system_of(tmp_path / "farther", mounts) == "xfs"
    assert file_system_of(tmp_path, mounts) == "ext4"
    assert file_system_of(tmp_path, tmp_path / "none") == ""


async def test_files_are_the_owners_alone(tmp_path: Path) -> None:
    async with rig(tmp_path / "mail") as it:
        ref, _ = await it.keeper()
        await ref.tell(1)
        names = {}
        for file in (tmp_path / "mail").iterdir():
            names[file.name] = file.stat().st_mode & 0o777
        assert names == {"mail.db": 0o600, "mail.db-wal": 0o600, "inflight": 0o600}
        assert (tmp_path / "mail").stat().st_mode & 0o777 == 0o700


async def test_two_engines_of_one_test_know_nothing_of_each_other(tmp_path: Path) -> None:
    async with rig(tmp_path / "one") as one, rig(tmp_path / "two") as two:
        a, seen_a = await one.keeper()
        b, seen_b = await two.keeper()
        await a.tell("one")
        await b.tell("two")
        await one.settled(a)
        await two.settled(b)
        assert (seen_a, seen_b) == (["one"], ["two"])


async def test_an_image_without_its_log_is_the_last_checkpoint(tmp_path: Path) -> None:
    """Not a promise, but a proof that the log is what the tests of crashes have to keep."""
    async with rig(tmp_path / "mail") as it:
        ref, _ = await it.keeper()
        await ref.stop()
        await ref.tell(1)
        image = crash_image(tmp_path / "mail", tmp_path / "image")
    (image / "mail.db-wal").unlink()
    async with rig(image) as it:
        assert _messages(it) == 0


def _messages(it: Rig) -> int:
    return sum(row.messages for row in it.engine.boxes())


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


class BadRead(Failpoints):
    """Fails once, when the file is read."""

    fault: str | None = "SQLITE_IOERR_READ"

    def hit(self, name: str) -> None:
        if name == "sqlite.job.before_commit" and self.fault is not None:
            fault, self.fault = self.fault, None
            raise DiskError(fault)


async def test_mail_that_could_not_be_read_once_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aplay_host.mailboxes.writer.REOPEN_SECONDS", (0.01,))
    async with rig(tmp_path) as it:
        ref, _ = await it.keeper()
        await ref.stop()
        for number in range(3):
            await ref.tell(number)
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
        ref, _ = await it.keeper()
        await ref.stop()
        for number in range(3):
            await ref.tell(number)
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


@pytest.mark.parametrize("name", ["mail.db", "mail.db-wal"])
@pytest.mark.parametrize("replaced", [False, True])
async def test_mail_is_not_confirmed_to_a_file_that_was_taken_away(
    tmp_path: Path, replaced: bool, name: str
) -> None:
    async with rig(tmp_path / "mail") as it:
        ref, _ = await it.keeper()
        await ref.tell("before")
        await it.settled(ref)
        file = tmp_path / "mail" / name
        file.rename(tmp_path / "elsewhere.db")
        if replaced:
            file.touch(0o600)
        with pytest.raises((MailboxUnavailable, StoreCorrupt), match=f"{name} was removed or"):
            await ref.tell("lost")
        assert "removed or replaced" in (it.engine.problem or "")
        file.unlink(missing_ok=True)
        (tmp_path / "elsewhere.db").rename(file)
    async with rig(tmp_path / "mail") as it:
        assert it.engine.problem is None
