"""A file that is damaged, newer, taken away or not ours is told, and is left as it is."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from aplay_host.errors import (
    MailboxUnavailable,
    StartFailed,
    StateDirError,
    StoreCorrupt,
    StoreHeld,
    StoreNewer,
)
from aplay_host.mailboxes import SqliteEngine, TypeRegistry
from aplay_host.mailboxes.folder import file_system_of

from .rig import Rig, crash_image, rig

pytestmark = pytest.mark.real_time


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
