"""Actors on durable mailboxes, under all that can happen to them: no message is lost or doubled.

Three lives of one store, each ended in order or by a crash; more with ``APLAY_TURN_SEEDS=200``.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from aplay_host.kernel import Actor, ActorSystem, Busy, MailboxFull, Refuse

from .actors import EVEN, check_account, settle
from .turnbox import TurnStore, planned

SEEDS = int(os.environ.get("APLAY_TURN_SEEDS", "20"))
ADDRESSES = ("/a", "/b", "/c")
STEPS = 60


@dataclass
class Seen:
    seen: list[str] = field(default_factory=list)


class Worker(Actor):
    """Saves what it handled and passes it on; what it does besides is in the message."""

    saved: Seen
    saved_type = Seen
    backoff = EVEN
    stop_timeout = 0.5
    chance: random.Random

    async def msg_handler(self, msg: str) -> None:
        number, deed, *ways = msg.split()
        self.saved.seen.append(msg)
        if ways:
            self.ref(ways[0]).tell_nowait(" ".join((number, "return", *ways[1:])))
        if deed == "raise" and self.chance.random() < 0.7:
            raise ValueError(msg)
        if deed == "refuse":
            raise Refuse(msg)
        if deed == "sleep":
            await asyncio.sleep(self.chance.random())
        if deed == "hang" and self.chance.random() < 0.5:
            await asyncio.sleep(5)


class Newer(Worker):
    """The same on newer code."""


class Life:
    """One system on a store that others had before."""

    def __init__(self, system: ActorSystem, chance: random.Random, *, swaps: bool) -> None:
        self.system, self.chance, self.swaps = system, chance, swaps
        self.told: list[str] = []

    async def act(self, number: int) -> None:
        """Do one thing at random, and look whether all adds up."""
        ref = self.system.ref(self.chance.choice(ADDRESSES))
        what = self.chance.choice(("tell",) * 8 + ("stop", "start", "restart", "wait", "swap"))
        if what == "tell":
            self._tell(ref.address, number)
        elif what == "stop":
            ref.stop()
        elif what == "start":
            ref.human_start()
        elif what == "restart":
            ref.restart()
        elif what == "swap" and self.swaps:
            await self._swap(ref.address)
        else:
            await asyncio.sleep(self.chance.random())
        await settle(self.chance.randrange(4))
        check_account(self.system)

    def _tell(self, address: str, number: int) -> None:
        deed = self.chance.choice(("return", "return", "raise", "refuse", "sleep", "hang"))
        ways = self.chance.sample(ADDRESSES, self.chance.randrange(3))
        text = " ".join((str(number), deed, *ways))
        self.told.append(f"{address} {text}")
        try:
            self.system.ref(address).tell_nowait(text)
        except MailboxFull:
            self.told.pop()

    async def _swap(self, address: str) -> None:
        cls = self.chance.choice((Worker, Newer))
        try:
            async with self.system.quiesce([address], deadline=0.1, on_busy="cancel") as quiet:
                cell = self.system.cell_at(self.system.ref(address).address)
                assert cell is not None
                spec = planned((address, cls)).nodes[0].spec
                staged = quiet.stage(address, spec=spec)
                quiet.swap([staged], give_back=self.chance.random() < 0.5)
        except Busy:
            pass


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_no_message_is_lost_or_doubled(seed: int) -> None:
    chance = random.Random(seed)
    Worker.chance = chance
    store, told, number = TurnStore(after=0.3, tries=3), list[str](), 0
    for _ in range(3):
        async with ActorSystem("life", mailboxes=store.make, seed=seed) as system:
            await system.plant(planned(*((at, Worker) for at in ADDRESSES)))
            life = Life(system, chance, swaps=bool(seed % 2))
            for _ in range(STEPS):
                number += 1
                await life.act(number)
            told += life.told
            await settle()
            if chance.random() < 0.5:
                store.crash()
            elif chance.random() < 0.5:
                await system.drain(chance.random())
            await system.shutdown()
            check_account(system)
        store.recover()
    check_fates(store, told)
    if not seed % 2:  # on probation others pass what is set aside
        check_order(store, told)


def check_order(store: TurnStore, told: list[str]) -> None:
    """Messages of one sender were handled in their order, whatever came in between."""
    places = {text: place for place, text in enumerate(told)}
    for at, saved in store.state.items():
        seen = [places[one] for text in store.seen(saved) if (one := f"{at} {text}") in places]
        assert seen == sorted(seen), at


def check_fates(store: TurnStore, told: list[str]) -> None:
    """Follow each message: it waits, is dead, or was handled once and passed on once."""
    handled = Counter(
        f"{at} {text}" for at, saved in store.state.items() for text in store.seen(saved)
    )
    waiting = Counter(f"{at} {text}" for at in ADDRESSES for text in store.messages(at))
    dead = Counter(f"{at} {text}" for at, text, _ in store.dead)
    expected = Counter(told)
    for one, count in handled.items():
        _, number, _, *ways = one.split()
        if ways:
            expected[" ".join((ways[0], number, "return", *ways[1:]))] += count
    found = handled + waiting + dead
    assert found == expected, (found - expected, expected - found)
