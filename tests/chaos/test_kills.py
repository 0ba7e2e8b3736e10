"""The process is killed again and again, in the middle of whatever it does.

``APLAY_KILLS`` is how often.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from .account import examine
from .actors import ROUTES
from .ledger import read_ledger
from .nemesis import plan_blows, strike
from .workload import Life, live

KILLS = int(os.environ.get("APLAY_KILLS", "6"))
ENDLESS = 1_000_000


def test_nothing_is_lost_doubled_or_out_of_order_however_often_it_is_killed(
    tmp_path: Path, mail: Path, seed: int
) -> None:
    ledger = tmp_path / "ledger"
    for number, blow in enumerate(plan_blows(seed, KILLS), start=1):
        kind = ("power", "process")[number % 2]  # either survives a kill
        life = Life(str(mail), str(ledger), number, each=ENDLESS, durability=kind, beats=True)
        strike(life, blow)
    asyncio.run(live(Life(str(mail), str(ledger), KILLS + 1)))
    entries = read_ledger(ledger)
    found = examine(entries, ROUTES)
    assert found.faults == ()
    killed = [life for life in range(1, KILLS + 1) if begun_and_not_over(ledger, life)]
    assert killed, "no kill was in the middle of a handler"
    sys.stdout.write(f"{KILLS} kills, {len(killed)} in handlers: {found}\n")


def begun_and_not_over(path: Path, life: int) -> bool:
    """Tell whether handlers were at work when that life ended."""
    kinds = [entry.kind for entry in read_ledger(path) if entry.life == life]
    return kinds.count("begun") > kinds.count("effect") + kinds.count("raised")


def test_the_same_seed_kills_at_the_same_moments() -> None:
    assert plan_blows(7, 20) == plan_blows(7, 20) != plan_blows(8, 20)
