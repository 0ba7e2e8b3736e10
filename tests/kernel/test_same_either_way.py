"""S2: with hand-off and without, the same messages have the same fates, at the same times.

Seeded programs of senders and actors run twice. What each handler does is written in its
message. Whatever sets two free at the same moment, as a reply does with the asker and the
actor's next message, lets one of them pause first, because their order is nobody's promise.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest

from aplay_host.kernel import Actor, ActorStopped, ActorSystem, AplayError, Refuse
from aplay_host.testing import VirtualTimeLoop

from .actors import OVERFLOWS, check_account, counts_of, now, park_drivers

ACTORS = ("/a", "/b", "/c", "/d", "/e")
ENDS = ("return",) * 8 + ("raise", "refuse", "cancel")
VERBS = ("restart", "stop", "human_start", "start")


@dataclass(frozen=True)
class Script:
    """A message: `deeds` one after the other, then the `end`."""

    number: int
    pause: float
    deeds: tuple[tuple[Any, ...], ...]
    end: str


@dataclass
class Record:
    """What happened: for each pair the order, for each message its fate and its times."""

    orders: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    fates: dict[int, str] = field(default_factory=dict)
    times: dict[int, tuple[float, float]] = field(default_factory=dict)
    counts: list[tuple[int, ...]] = field(default_factory=list)


class Writer:
    """Makes the program of a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.count = 0

    def script(self, depth: int = 0) -> Script:
        self.count += 1
        number = self.count
        deeds = [self.deed(depth) for _ in range(self.random.randrange(4 - depth))]
        return Script(number, self.seconds(), tuple(deeds), self.random.choice(ENDS))

    def deed(self, depth: int) -> tuple[Any, ...]:
        kind = self.random.choice(("sleep", "yield", "ask", "ask", "tell", "group"))
        if kind in ("ask", "tell", "group"):
            return kind, self.random.choice(ACTORS), self.script(depth + 1), self.seconds() * 4
        return kind, self.seconds()

    def seconds(self) -> float:
        return self.random.uniform(0.01, 1.0)

    def step(self) -> tuple[Any, ...]:
        if self.random.random() < 0.05:
            return "verb", self.random.choice(ACTORS), self.random.choice(VERBS), self.seconds()
        kind = self.random.choice(("tell", "ask", "ask", "ask"))
        return kind, self.random.choice(ACTORS), self.script(), self.seconds() * 8


class Player(Actor):
    """Does what is written in its messages."""

    def __init__(self, record: Record) -> None:
        self.record = record

    async def msg_handler(self, msg: tuple[str, Script]) -> int:
        sender, script = msg
        self.record.orders[sender, self.address].append(script.number)
        began = now()
        try:
            if self._here.spec.max_tasks > 1:
                await asyncio.sleep(script.pause / 3)
            for deed in script.deeds:
                await self.do(*deed)
            await self.end(script)
        finally:
            self.record.times[script.number] = began, now()
        return script.number

    async def do(self, kind: str, *words: Any) -> None:
        if kind == "sleep":
            await asyncio.sleep(words[0])
        elif kind == "yield":
            await asyncio.sleep(0)
        elif kind == "group":
            async with asyncio.TaskGroup() as group:
                group.create_task(play(self.system, self.record, self.address, "ask", *words))
        else:
            await play(self.system, self.record, self.address, kind, *words)

    async def end(self, script: Script) -> None:
        if script.end == "raise":
            raise ValueError(script.number)
        if script.end == "refuse":
            raise Refuse(script.number)
        if script.end == "cancel":
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(1)


async def play(
    system: ActorSystem, record: Record, sender: str, kind: str, target: str, *words: Any
) -> None:
    """Take one step of a program, and write down what came of it."""
    ref = system.ref(target)
    if kind == "verb":
        getattr(ref, words[0])()
        return
    script, seconds = words
    try:
        if kind == "tell":
            await ref.tell((sender, script))
            record.fates[script.number] = "told"
        else:
            reply = await ref.ask((sender, script), timeout=seconds)
            record.fates[script.number] = f"answered {reply}"
    except (ValueError, AplayError) as error:
        reason = error.reason if isinstance(error, ActorStopped) else ""
        record.fates[script.number] = f"{type(error).__name__} {reason} at {now()}"
    await asyncio.sleep(script.pause)


async def run(seed: int, handoff: bool) -> Record:
    writer, record = Writer(seed), Record()
    async with ActorSystem(handoff=handoff, seed=seed) as system:
        await park_drivers(system)
        for address in ACTORS:
            checked = system.ref(address).address
            settings: dict[str, Any] = {
                "max_tasks": writer.random.choice((1, 1, 3)),
                "on_error": writer.random.choice(("resume", "resume", "restart")),
                "budget": {"max": 100},
                "mailbox": {
                    "capacity": writer.random.choice((1, 2, 100, 100)),
                    "overflow": writer.random.choice(OVERFLOWS),
                },
            }
            await system.spawn(Player, checked.name, kwargs={"record": record}, **settings)

        async def send(name: str, steps: list[tuple[Any, ...]], pauses: list[float]) -> None:
            for step, pause in zip(steps, pauses, strict=True):
                await asyncio.sleep(pause)
                await play(system, record, name, *step)

        programs = [
            (f"s{n}", [writer.step() for _ in range(15)], [writer.seconds() for _ in range(15)])
            for n in range(6)
        ]
        await asyncio.gather(*(send(*program) for program in programs))
        await asyncio.sleep(100)
        check_account(system)
        record.counts = [counts_of(status) for status in system.tree()]
    return record


@pytest.mark.parametrize("seed", range(20))
def test_hand_off_changes_no_order_no_fate_and_no_time(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("aplay_host.kernel"), "disabled", True)
    records = []
    for handoff in (True, False):
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            records.append(runner.run(run(seed, handoff)))
    with_it, without = records
    assert len(without.fates) > 50
    assert with_it.fates == without.fates
    assert with_it.orders == without.orders
    assert with_it.times == without.times
    assert with_it.counts == without.counts
