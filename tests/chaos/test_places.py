"""The process dies at every place that the engine names, with three kinds of work.

``APLAY_PLACES=all`` takes every place with every kind, in place of one kind each.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from aplay_host.mailboxes import POINTS

from .account import examine
from .actors import ROUTES
from .ledger import read_ledger
from .nemesis import KILLED, outlive
from .workload import Life, live

TARGETS = {"plain": ("/plain",), "turns": ("/first",), "failing": ("/failing",)}
ROUNDS = {"sqlite.open": 1, "sqlite.stop": 1, "sqlite.checkpoint": 1, "sqlite.job": 1}
"""How often a process comes by before it dies there; elsewhere `OFTEN`."""
OFTEN = 15
EVERY = list(product(POINTS, TARGETS))
SOME = [(point, list(TARGETS)[number % 3]) for number, point in enumerate(POINTS)]
CHOSEN = EVERY if os.environ.get("APLAY_PLACES") == "all" else SOME


@pytest.mark.parametrize(("point", "work"), CHOSEN)
def test_it_may_die_at_any_place(point: str, work: str, tmp_path: Path, mail: Path) -> None:
    often = ROUNDS.get(point.rpartition(".")[0], OFTEN)
    first = Life(str(mail), str(tmp_path / "ledger"), 1, each=40, targets=TARGETS[work])
    assert outlive(replace(first, crash=(point, often))) == KILLED, f"{point} was never reached"
    asyncio.run(live(replace(first, number=2, each=1)))
    assert examine(read_ledger(tmp_path / "ledger"), ROUTES).faults == ()


def test_no_place_is_left_out() -> None:
    assert {point for point, _ in CHOSEN} == set(POINTS)
