"""An orderly stop in the middle of work: what it lets go is not charged with anything."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from aplay_host.mailboxes import SqliteEngine

from .actors import Work, types_known
from .ledger import Ledger, read_ledger
from .workload import Life, working

MESSAGES = 50

pytestmark = pytest.mark.real_time


@pytest.mark.parametrize("linger", [0.001, 3600.0], ids=["it finishes", "it is cut off"])
async def test_what_a_stop_lets_go_waits_in_order_and_is_charged_with_nothing(
    linger: float, tmp_path: Path, mail: Path
) -> None:
    begun = asyncio.Event()
    life = Life(str(mail), str(tmp_path / "ledger"), 1, linger=linger)
    ledger = Ledger(tmp_path / "ledger", 1, begun.set)
    async with working(life, ledger) as (_, system):
        plain = system.ref("/plain")
        await asyncio.gather(*(plain.tell(Work(1, number)) for number in range(MESSAGES)))
        await begun.wait()
        await system.shutdown(0.1)
    handled = [entry.number for entry in read_ledger(tmp_path / "ledger") if entry.kind == "effect"]
    async with SqliteEngine(mail, types_known()) as engine:
        rows = await engine.peek("/plain", 2 * MESSAGES)
        left = [engine.codec.decode(row.record).number for row in rows]
        assert await engine.dead_letters() == ()
    assert left != []
    assert handled + left == list(range(MESSAGES))
    assert {(row.attempts, row.crashes, row.replays) for row in rows} == {(0, 0, 0)}
