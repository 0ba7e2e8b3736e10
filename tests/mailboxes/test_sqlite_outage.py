"""While the disk takes nothing, no message is counted, handled or buried twice."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from aplay_host.errors import MailboxUnavailable

from .rig import rig
from .test_sqlite_trouble import BadDisk

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
