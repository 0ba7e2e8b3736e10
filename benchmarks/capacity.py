"""What many actors cost, and how long a message waits: the figures that are no burst.

    python benchmarks/capacity.py [--rounds 7] [--actors 100000] [--uvloop]

* crowd: the cost of a message while so many other actors live, against the cost with none.
* watched: telling with a subscriber to all events, and the counters read each second, against
  telling without.
* spawn: making actors, against making an idle task with a bare ``asyncio.Queue`` each.
* idle: bytes of resident memory for each actor that has one attribute and nothing to do.
* latency: messages come at a steady 50,000 a second, whether or not the earlier ones are
  handled; the time from when a message was due until its handler began.

Ratios are those of two runs next to each other; the median of the rounds with the lowest and
the highest.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any, ClassVar

from aplay_host import Actor, ActorSystem
from aplay_host.kernel import Event

RATE = 50_000
LATENCY_SECONDS = 2.0
PAGE = 4096


class Counter(Actor):
    """Counts; it has room for any number of messages."""

    mailbox: ClassVar[dict[str, Any]] = {"capacity": 10_000_000}

    def __init__(self) -> None:
        self.count = 0

    async def msg_handler(self, msg: Any) -> int:
        """Count one message and answer with the count."""
        self.count += 1
        return self.count


async def tell(system: ActorSystem, messages: int) -> float:
    """Return the seconds that one actor takes for so many messages."""
    ref = await system.spawn(Counter, "subject")
    gc.collect()
    began = time.perf_counter()
    for number in range(messages):
        ref.tell_nowait(number)
    await ref.ask("done", timeout=600.0)
    took = time.perf_counter() - began
    await ref.remove()
    return took


async def ratio_in_crowd(actors: int, messages: int) -> float:
    """Return the cost of a message among `actors` others, against its cost alone."""
    async with ActorSystem("alone") as system:
        alone = await tell(system, messages)
    async with ActorSystem("crowd") as system:
        await _spawn(system, actors)
        crowded = await tell(system, messages)
        _drop(system)
    return crowded / alone


async def ratio_watched(messages: int) -> float:
    """Return the rate of telling while it is watched, against the rate while it is not."""
    async with ActorSystem("plain") as system:
        plain = await tell(system, messages)
    async with ActorSystem("watched") as system:
        system.events.subscribe(tuple(_all_events(Event)), lambda event: None)
        reading = asyncio.create_task(_read_counters(system))
        watched = await tell(system, messages)
        reading.cancel()
    return plain / watched


async def _read_counters(system: ActorSystem) -> None:
    while True:
        system.status()
        await asyncio.sleep(1.0)


def _all_events(kind: type[Event]) -> list[type[Event]]:
    return [sub for one in kind.__subclasses__() for sub in (one, *_all_events(one))]


async def ratio_of_spawn(actors: int) -> tuple[float, float]:
    """Return the rate of making actors against that of idle queue workers, and the rate."""
    gc.collect()
    began = time.perf_counter()
    workers = [asyncio.create_task(_work(asyncio.Queue())) for _ in range(actors)]
    await asyncio.sleep(0)
    control = time.perf_counter() - began
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    del workers, worker
    gc.collect()
    system = ActorSystem("spawn")
    system.open()
    began = time.perf_counter()
    await _spawn(system, actors)
    took = time.perf_counter() - began
    _drop(system)
    await system.shutdown()
    return control / took, actors / took


async def _work(queue: asyncio.Queue[Any]) -> None:
    while True:
        await queue.get()


async def idle_bytes(actors: int) -> float:
    """Return how much resident memory each of `actors` idle actors takes, in bytes."""
    async with ActorSystem("idle") as system:
        await _spawn(system, 1000, "warm")
        gc.collect()
        before = _resident()
        await _spawn(system, actors)
        gc.collect()
        each = (_resident() - before) / actors
        _drop(system)
    return each


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * PAGE


async def _spawn(system: ActorSystem, actors: int, name: str = "a") -> None:
    for number in range(actors):
        await system.spawn(Counter, f"{name}{number}")


def _drop(system: ActorSystem) -> None:
    """Let the actors go without stopping each in order, which is not what is measured."""
    for cell in tuple(system.cells()):
        system.registry.forget(cell, "removed")


async def latencies(rate: int, seconds: float) -> tuple[float, float]:
    """Return the median and the 99th percentile of the wait, in seconds."""
    waits: list[float] = []
    clock = time.perf_counter

    class Clocked(Counter):
        async def msg_handler(self, msg: Any) -> int:
            waits.append(clock() - msg)
            return 0

    async with ActorSystem("latency") as system:
        ref = await system.spawn(Clocked, "subject")
        began, sent, total = clock(), 0, int(rate * seconds)
        while sent < total:
            due = min(total, int((clock() - began) * rate))
            for number in range(sent, due):
                ref.tell_nowait(began + number / rate)
            sent = max(sent, due)
            await asyncio.sleep(0)
        await ref.ask(clock(), timeout=60.0)
    ordered = sorted(waits)
    return ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]


async def rounds_of(run: Callable[[], Awaitable[float]], rounds: int) -> str:
    """Run it so often; return the median and the spread."""
    found = [await run() for _ in range(rounds)]
    return f"{statistics.median(found):8.2f}   {min(found):.2f} to {max(found):.2f}"


async def main(rounds: int, actors: int) -> None:
    """Run and print all figures."""
    loop = type(asyncio.get_running_loop()).__module__.partition(".")[0]
    print(f"Python {sys.version.split()[0]}, {loop}, {rounds} rounds, {actors:,} actors")
    print(f"idle      {await idle_bytes(actors):8.0f}   bytes each")
    spawned = [await ratio_of_spawn(actors // 4) for _ in range(rounds)]
    ratios = [ratio for ratio, _ in spawned]
    rate = statistics.median(rate for _, rate in spawned)
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    print(f"spawn     {statistics.median(ratios):8.2f}   {spread}   {rate:,.0f}/s")
    print(f"crowd     {await rounds_of(lambda: ratio_in_crowd(actors, 100_000), rounds)}")
    print(f"watched   {await rounds_of(lambda: ratio_watched(1_000_000), rounds)}")
    waits = [await latencies(RATE, LATENCY_SECONDS) for _ in range(rounds)]
    middle, late = (statistics.median(values) * 1e6 for values in zip(*waits, strict=True))
    print(f"latency   {middle:8.0f}   us in the middle, {late:.0f} us at p99, {RATE:,}/s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--actors", type=int, default=100_000)
    parser.add_argument("--uvloop", action="store_true")
    given = parser.parse_args()
    if given.uvloop:
        import_module("uvloop").run(main(given.rounds, given.actors))
    else:
        asyncio.run(main(given.rounds, given.actors))
