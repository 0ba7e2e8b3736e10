"""Messages that cannot be handled: one that raises, and one that takes the process with it."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path

from aplay_host.mailboxes import SqliteEngine, StoredLetter

from .account import examine
from .actors import ATTEMPTS, CRASHES, DEADLY, LIFE, POISON, ROUTES, types_known
from .ledger import read_ledger
from .nemesis import outlive
from .workload import Life, live

DEATHS = CRASHES + 1
"""The first of them had company, and nobody was charged with it."""


async def letters_in(folder: Path) -> tuple[StoredLetter, ...]:
    async with SqliteEngine(folder, types_known()) as engine:
        return await engine.dead_letters()


def test_a_message_that_always_raises_is_dead_after_exactly_its_attempts(
    tmp_path: Path, mail: Path
) -> None:
    ledger = tmp_path / "ledger"
    life = Life(str(mail), str(ledger), 1, each=2 * POISON, targets=("/failing", "/plain"))
    asyncio.run(live(life))
    entries = read_ledger(ledger)
    assert examine(entries, ROUTES).faults == ()
    raised = Counter(entry.key for entry in entries if entry.kind == "raised")
    poison = {key for key in raised if key[2] % POISON == POISON - 1}
    assert {entry.key for entry in entries if entry.kind == "dead"} == poison != set()
    assert {raised[key] for key in poison} == {ATTEMPTS}
    assert {raised[key] for key in raised.keys() - poison} == {1}
    for letter in asyncio.run(letters_in(mail)):
        assert (letter.reason, letter.attempts, letter.crashes) == ("max_attempts", ATTEMPTS, 0)
        assert letter.error == "ValueError: not this time"


def test_a_message_that_kills_the_process_is_found_and_nobody_else_is_charged(
    tmp_path: Path, mail: Path
) -> None:
    ledger = tmp_path / "ledger"
    life = Life(
        str(mail),
        str(ledger),
        1,
        each=DEADLY + 5,
        targets=("/deadly", "/plain"),
        linger=0.01,
        max_crashes=1,  # an innocent one that is charged is dead at once
    )
    deaths = 0
    while outlive(replace(life, number=1 + deaths, each=life.each if deaths == 0 else 0)) != 0:
        deaths += 1
        assert deaths <= DEATHS, "it kills for ever"
    assert examine(read_ledger(ledger), ROUTES).faults == ()
    (letter,) = asyncio.run(letters_in(mail))
    assert (letter.address, letter.reason, letter.crashes) == ("/deadly", "crashed", CRASHES)
    dead = [entry.key for entry in read_ledger(ledger) if entry.kind == "dead"]
    assert dead == [("/deadly", 0, LIFE + DEADLY)]
