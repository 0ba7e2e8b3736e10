"""There is no room for mail any more, and then there is again."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aplay_host.errors import MailboxUnavailable
from aplay_host.kernel import ActorSystem
from aplay_host.mailboxes import EngineSettings, SqliteEngine, writer

from .account import examine
from .actors import Work, types_known
from .ledger import Ledger, read_ledger
from .workload import Life, rest, working

MIB = 1024 * 1024
PAUSE = 0.01
"""Of a sender that was refused, in seconds."""

pytestmark = pytest.mark.real_time


class Sender:
    """Puts one message after another into one box, and notes what becomes of each."""

    def __init__(self, system: ActorSystem, ledger: Ledger) -> None:
        self.ref, self.ledger, self.number = system.ref("/plain"), ledger, 0

    async def put(self) -> bool:
        """Tell whether the next message was kept."""
        self.number += 1
        which = self.ref.address, 1, self.number
        self.ledger.note("put", *which)
        try:
            await self.ref.tell(Work(1, self.number, "x" * 4000))
        except MailboxUnavailable:
            self.ledger.note("refused", *which)
            await asyncio.sleep(PAUSE)
            return False
        self.ledger.note("kept", *which)
        return True


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount 8 MiB of memory there, where that is allowed; yield a file that takes half of it."""
    folder.mkdir(mode=0o700)
    command = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"mount is not allowed here: {error}")
    try:
        ballast = folder / "ballast"
        ballast.write_bytes(bytes(4 * MIB))
        yield ballast
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture(autouse=True)
def tried_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.05)


async def test_a_file_at_its_limit_refuses_mail_until_some_was_handled(
    tmp_path: Path, mail: Path
) -> None:
    life = Life(str(mail), str(tmp_path / "ledger"), 1)
    ledger = Ledger(tmp_path / "ledger", 1)
    async with working(life, ledger, EngineSettings(max_bytes=MIB)) as (engine, system):
        sender = Sender(system, ledger)
        await sender.ref.stop()
        while await sender.put():
            pass
        assert "no room" in str(engine.problem)
        await sender.ref.human_start()
        while not await sender.put():
            pass
        assert engine.problem is None
        await rest(system, ledger, engine)
    ledger.note("rested")
    assert (mail / "mail.db").stat().st_size <= MIB
    assert examine(read_ledger(tmp_path / "ledger")).faults == ()


async def test_on_a_full_disk_what_is_handled_is_noted_once_there_is_room(
    tmp_path: Path, mail: Path
) -> None:
    life = Life(str(mail), str(tmp_path / "ledger"), 1)
    ledger = Ledger(tmp_path / "ledger", 1)
    with small_disk(mail) as ballast:
        async with working(life, ledger) as (engine, system):
            sender = Sender(system, ledger)
            await sender.ref.stop()
            while await sender.put():
                pass
            assert "no room" in str(engine.problem)
            await sender.ref.human_start()
            assert not await sender.put()
            ballast.unlink()
            while not await sender.put():
                pass
            await rest(system, ledger, engine)
        ledger.note("rested")
        async with SqliteEngine(mail, types_known()) as engine:
            assert [box for box in engine.boxes() if box.messages] == []
    assert examine(read_ledger(tmp_path / "ledger")).faults == ()
