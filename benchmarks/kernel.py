"""How fast is the kernel? Always as a ratio against a bare ``asyncio.Queue`` in the same run.

    python benchmarks/kernel.py [--rounds 7] [--messages 100000]

Control and subject run by turns in one process with the same handler, garbage collected
before each; the figure is the median of the rounds' ratios, with the lowest and highest. The
rates beside it are context for this machine and this minute, not something to compare with.

* tell: send all, then handle all; the sender never yields.
* tell, yielding: the sender gives way after each 100 messages.
* ask: one request after the other, the handler returns at once.
* ask, suspending: the handler suspends once before it returns.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from aplay_host import Actor, ActorSystem

Handler = Callable[[int], Coroutine[Any, Any, Any]]
YIELD_EVERY = 100


class Goal:
    """Counts messages and tells when all have come."""

    def __init__(self, messages: int) -> None:
        self.left = messages
        self.reached = asyncio.Event()

    async def handle(self, message: int) -> None:
        """Count one message."""
        self.left -= 1
        if not self.left:
            self.reached.set()


async def echo(message: int) -> int:
    """Answer at once."""
    return message


async def echo_later(message: int) -> int:
    """Answer after having suspended once."""
    await asyncio.sleep(0)
    return message


def actor_of(handler: Handler) -> type[Actor]:
    """Return an actor class whose handler is `handler`, with nothing in between."""

    class Subject(Actor):
        mailbox: ClassVar[Mapping[str, Any]] = {"capacity": 10_000_000}

        def __init__(self) -> None:
            self.msg_handler = handler  # type: ignore[assignment, method-assign]

    return Subject


async def tell_actor(messages: int, yielding: bool) -> float:
    """Return the seconds that an actor takes."""
    goal = Goal(messages)
    async with ActorSystem("bench") as system:
        ref = await system.spawn(actor_of(goal.handle), "subject")
        began = time.perf_counter()
        await _send_all(ref.tell_nowait, messages, yielding)
        await goal.reached.wait()
        return time.perf_counter() - began


async def tell_queue(messages: int, yielding: bool) -> float:
    """Return the seconds that a task with a bare queue takes."""
    goal = Goal(messages)
    queue: asyncio.Queue[int] = asyncio.Queue()

    async def work() -> None:
        while True:
            await goal.handle(await queue.get())

    worker = asyncio.create_task(work())
    began = time.perf_counter()
    await _send_all(queue.put_nowait, messages, yielding)
    await goal.reached.wait()
    took = time.perf_counter() - began
    worker.cancel()
    return took


async def _send_all(send: Callable[[int], None], messages: int, yielding: bool) -> None:
    if not yielding:
        for number in range(messages):
            send(number)
        return
    for number in range(messages):
        send(number)
        if number % YIELD_EVERY == YIELD_EVERY - 1:
            await asyncio.sleep(0)


async def ask_actor(requests: int, handler: Handler) -> float:
    """Return the seconds that an actor takes to answer."""
    async with ActorSystem("bench") as system:
        ref = await system.spawn(actor_of(handler), "subject")
        began = time.perf_counter()
        for number in range(requests):
            await ref.ask(number)
        return time.perf_counter() - began


async def ask_queue(requests: int, handler: Handler) -> float:
    """Return the seconds that a task with a bare queue, and a future each, takes to answer."""
    queue: asyncio.Queue[tuple[int, asyncio.Future[Any]]] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    async def work() -> None:
        while True:
            message, reply = await queue.get()
            reply.set_result(await handler(message))

    worker = asyncio.create_task(work())
    began = time.perf_counter()
    for number in range(requests):
        reply: asyncio.Future[Any] = loop.create_future()
        queue.put_nowait((number, reply))
        await reply
    took = time.perf_counter() - began
    worker.cancel()
    return took


@dataclass(frozen=True, slots=True)
class Contest:
    """One comparison: seconds of the subject and of the control for `count` messages."""

    name: str
    count: int
    subject: Callable[[], Awaitable[float]]
    control: Callable[[], Awaitable[float]]

    async def run(self, rounds: int) -> str:
        """Run by turns; return one line of figures."""
        ratios, rates = [], []
        for _ in range(rounds):
            control = await self._timed(self.control)
            subject = await self._timed(self.subject)
            ratios.append(control / subject)
            rates.append(self.count / subject)
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        rate = statistics.median(rates)
        return f"{self.name:<18} {statistics.median(ratios):>6.2f}   {spread:<14} {rate:>12,.0f}/s"

    async def _timed(self, run: Callable[[], Awaitable[float]]) -> float:
        gc.collect()
        return await run()


def contests(messages: int) -> list[Contest]:
    """Return all comparisons; asks are slower, so there are fewer of them."""
    asks = max(1, messages // 8)
    return [
        Contest(
            "tell",
            messages,
            lambda: tell_actor(messages, False),
            lambda: tell_queue(messages, False),
        ),
        Contest(
            "tell, yielding",
            messages,
            lambda: tell_actor(messages, True),
            lambda: tell_queue(messages, True),
        ),
        Contest("ask", asks, lambda: ask_actor(asks, echo), lambda: ask_queue(asks, echo)),
        Contest(
            "ask, suspending",
            asks,
            lambda: ask_actor(asks, echo_later),
            lambda: ask_queue(asks, echo_later),
        ),
    ]


async def main(rounds: int, messages: int) -> None:
    """Run and print all comparisons."""
    print(f"Python {sys.version.split()[0]}, asyncio, {rounds} rounds of {messages:,} messages")
    print(f"{'':<18} {'ratio':>6}   {'spread':<14} {'aplay-host':>14}")
    for contest in contests(messages):
        print(await contest.run(rounds))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--messages", type=int, default=100_000)
    given = parser.parse_args()
    asyncio.run(main(given.rounds, given.messages))
