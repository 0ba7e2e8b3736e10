"""What do the log's context and the stall watch cost? Ratios of the same run.

    python benchmarks/watching.py [--rounds 9] [--messages 200000]

Subject and control take turns, garbage collected before each; a figure is the median of the
rounds, with the lowest and highest. The first round, which warms up, is left out.

* watched: tells a second of processor time with the log's context and the stall watch on, against
  without both. The handler logs nothing.
* a log line: what a record costs the code that logs it, from an actor, as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import io
import logging
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, ClassVar

from aplay_host import Actor, ActorSystem
from aplay_host.telemetry import ActorLabels, StallWatch, log_to

LINES = 2000


@dataclass(frozen=True)
class Settings:
    """``[log]``."""

    level: str = "info"
    format: str = "json"
    configure: bool = True
    levels: Mapping[str, str] = field(default_factory=dict)


class Counts(Actor):
    """Counts down, and tells when all have come."""

    mailbox: ClassVar[Any] = {"capacity": 10_000_000}

    def __init__(self, left: int, done: asyncio.Event) -> None:
        self.left = left
        self.done = done

    async def msg_handler(self, msg: int) -> None:
        """Count one message."""
        self.left -= 1
        if not self.left:
            self.done.set()


class Logs(Actor):
    """Logs lines."""

    async def msg_handler(self, msg: int) -> float:
        """Return the seconds that it took."""
        began = time.perf_counter()
        for number in range(msg):
            self.log.info("line %d", number)
        return time.perf_counter() - began


def labels(address: str) -> ActorLabels:
    """Know the same of everybody."""
    return ActorLabels("bench/actor", "bench", 1)


@contextmanager
def watched() -> Iterator[None]:
    """Have all on that a host has on."""
    logging.root.handlers.clear()
    with log_to(io.StringIO(), Settings(), host="bench") as log:
        log.labels = labels
        with StallWatch(labels).watching():
            yield


async def tell(messages: int, around: AbstractContextManager[None]) -> float:
    """Return the tells a second of processor time, the watch's own included."""
    done = asyncio.Event()
    with around:
        async with ActorSystem("bench") as system:
            ref = await system.spawn(Counts, "counts", kwargs={"left": messages, "done": done})
            began = time.process_time()
            for number in range(messages):
                ref.tell_nowait(number)
                if number % 1000 == 999:
                    await asyncio.sleep(0)
            await done.wait()
            return messages / (time.process_time() - began)


async def log() -> float:
    """Return the microseconds that one line costs its caller."""
    with watched():
        async with ActorSystem("bench") as system:
            took: float = await (await system.spawn(Logs, "logs")).ask(LINES)
    return took / LINES * 1e6


def measure_watched(rounds: int, messages: int) -> list[str]:
    """Run by turns; return the lines of figures."""
    on: list[float] = []
    off: list[float] = []
    for _ in range(rounds + 1):
        for kept, around in ((off, nullcontext()), (on, watched())):
            gc.collect()
            kept.append(asyncio.run(tell(messages, around)))
    ratios = [one / other for one, other in zip(on, off, strict=True)]
    return [
        figure("tell, watched, ratio (goal 0.95)", ratios, "x"),
        figure("tell, watched", on, "/s"),
        figure("tell, not watched", off, "/s"),
    ]


def measure_log(rounds: int) -> list[str]:
    """Return the line of the figure."""
    return [figure("a log line of an actor", [asyncio.run(log()) for _ in range(rounds + 1)], "us")]


def figure(name: str, values: list[float], unit: str) -> str:
    """Return one line: the median with its spread, the first round left out."""
    values = values[1:]
    spread = f"{min(values):,.2f} to {max(values):,.2f}"
    return f"{name:<34} {statistics.median(values):>14,.2f} {unit:<3} {spread}"


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--messages", type=int, default=200_000)
    given = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, {given.rounds} rounds, {given.messages:,} messages")
    for line in (*measure_watched(given.rounds, given.messages), *measure_log(given.rounds)):
        print(line)


if __name__ == "__main__":
    main()
