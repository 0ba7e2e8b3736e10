"""An orderly stop in the middle of work: what it lets go is not charged with anything.

``APLAY_TERMS`` is how often a host is told to stop.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from .account import examine
from .actors import ROUTES, Work
from .host import Host, charged, waiting
from .ledger import Ledger, read_ledger
from .nemesis import plan_blows
from .workload import Life, live, working

MESSAGES = 50
TERMS = int(os.environ.get("APLAY_TERMS", "1"))
DRAIN_SECONDS, MORE_SECONDS, FORCED_SECONDS = 0.5, 5.0, 4.0
"""The last is twice what it is to take, for a machine at work."""


@pytest.mark.real_time
@pytest.mark.parametrize("linger", [0.001, 3600.0], ids=["it finishes", "it is cut off"])
async def test_what_a_stop_lets_go_waits_in_order_and_is_charged_with_nothing(
    linger: float, tmp_path: Path, mail: Path
) -> None:
    begun = asyncio.Event()
    life = Life(str(mail), str(tmp_path / "ledger"), 1, linger=linger)
    ledger = Ledger(tmp_path / "ledger", 1, begun.set)
    async with working(life, ledger) as (engine, system):
        plain = system.ref("/plain")
        await asyncio.gather(*(plain.tell(Work(1, number)) for number in range(MESSAGES)))
        await begun.wait()
        await system.shutdown(0.1)
    handled = [entry.number for entry in read_ledger(tmp_path / "ledger") if entry.kind == "effect"]
    rows = await waiting(mail)
    left = [engine.codec.decode(row.record).number for row in rows]
    assert left != []
    assert handled + left == list(range(MESSAGES))
    assert charged(rows) == []


def test_a_host_that_is_told_to_stop_under_load_loses_and_charges_nothing(
    tmp_path: Path, seed: int
) -> None:
    host = Host(tmp_path, "HostedPlain", "Feed")
    for life, blow in enumerate(plan_blows(seed, TERMS), start=1):
        with host.serving(life, blow.after) as process:
            time.sleep(blow.pause)
            process.send_signal(signal.SIGTERM)
            assert process.wait(DRAIN_SECONDS + MORE_SECONDS) == 0, host.log
        assert charged(asyncio.run(waiting(host.mail))) == []
    asyncio.run(live(Life(str(host.mail), str(host.ledger), TERMS + 1)))
    assert examine(read_ledger(host.ledger), ROUTES).faults == ()


@pytest.mark.skipif(TERMS < 10, reason="takes seconds; APLAY_TERMS says when")
@pytest.mark.parametrize(
    ("times", "seconds"), [(1, DRAIN_SECONDS + MORE_SECONDS), (2, FORCED_SECONDS)]
)
def test_a_handler_that_no_cancelling_ends_does_not_keep_the_host_and_is_not_charged(
    times: int, seconds: float, tmp_path: Path
) -> None:
    host = Host(tmp_path, "Stubborn", "OneTime")
    with host.serving(1, 6) as process:  # five are kept, and one has begun
        for _ in range(times):
            process.send_signal(signal.SIGTERM)
        assert process.wait(seconds) == 1, host.log
    rows = asyncio.run(waiting(host.mail))
    assert len(rows) == 5
    assert charged(rows) == []
