"""The disk fails now and then, while actors are held, started anew and raise."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from pathlib import Path

import pytest

from aplay_host.kernel import ActorSystem
from aplay_host.mailboxes import Failpoints, writer

from .account import examine
from .actors import ROUTES
from .ledger import Ledger, read_ledger
from .workload import SENDERS, Life, put_all, rest, working

EACH = 100
ADDRESSES = ("/first", "/second", "/third", "/plain", "/failing")

pytestmark = pytest.mark.real_time


class BadDisk(Failpoints):
    """Fails before one of so many commits, until it is `mended`."""

    ONE_OF = 50

    def __init__(self, rng: random.Random) -> None:
        self.rng, self.failed, self.mended = rng, 0, False

    def hit(self, name: str) -> None:
        if name != "sqlite.group.before_commit" or self.mended or self.rng.randrange(self.ONE_OF):
            return
        self.failed += 1
        error = sqlite3.OperationalError("a test says so")
        error.sqlite_errorname = self.rng.choice(["SQLITE_IOERR_WRITE", "SQLITE_FULL"])
        raise error


@pytest.fixture(autouse=True)
def _tried_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(writer, "REOPEN_SECONDS", (0.01,))


async def meddle(system: ActorSystem, rng: random.Random) -> None:
    """Hold actors for a moment, or start them anew, until cancelled."""
    while True:
        ref = system.ref(rng.choice(ADDRESSES))
        if rng.random() < 0.5:
            await ref.restart()
        else:
            await ref.stop()
            await ref.human_start()
        await asyncio.sleep(rng.uniform(0.0, 0.01))


async def test_neither_a_failing_disk_nor_restarts_lose_or_disorder_mail(
    tmp_path: Path, mail: Path, seed: int
) -> None:
    rng = random.Random(seed)
    life = Life(str(mail), str(tmp_path / "ledger"), 1, each=EACH)
    ledger, disk = Ledger(tmp_path / "ledger", 1), BadDisk(rng)
    async with working(life, ledger, failpoints=disk) as (engine, system):
        meddling = asyncio.create_task(meddle(system, rng))
        puts = (put_all(system.ref, ledger, life, sender) for sender in range(SENDERS))
        await asyncio.gather(*puts)
        disk.mended = True
        meddling.cancel()
        await asyncio.wait({meddling})
        for address in ADDRESSES:
            await system.ref(address).human_start()
        await rest(system, ledger, engine)
    ledger.note("rested")
    assert disk.failed > 0
    assert examine(read_ledger(tmp_path / "ledger"), ROUTES).faults == ()
