"""The clock of the machine is set while mail waits: nobody's turn depends on it."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

import pytest

from .account import examine
from .actors import ROUTES
from .ledger import read_ledger
from .nemesis import Blow, strike
from .workload import Life, live

DAY_NS = 24 * 3600 * 10**9


def test_a_clock_that_is_set_to_and_fro_loses_and_disorders_nothing(
    tmp_path: Path, mail: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, now = random.Random(seed), time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + rng.randint(-DAY_NS, DAY_NS))
    strike(Life(str(mail), str(tmp_path / "ledger"), 1, each=1000, beats=True), Blow(100, 0.0))
    for life in (2, 3):
        asyncio.run(live(Life(str(mail), str(tmp_path / "ledger"), life, each=40)))
    assert examine(read_ledger(tmp_path / "ledger"), ROUTES).faults == ()
