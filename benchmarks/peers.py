"""How do other actor runtimes fare? Each as a ratio against a bare ``asyncio.Queue``.

    python -m venv /tmp/peers
    /tmp/peers/bin/pip install -e . pykka thespian xoscar aplay==0.3.0 uvloop
    /tmp/peers/bin/python benchmarks/peers.py [--rounds 7] [--seconds 0.5] [--peers NAME ...]

Linux only. What is not installed is named and left out. Every trial has a process of its own,
so that nothing leaks from one into the next. The peers take turns, and a ratio compares with
the queue of the same round and loop, run seconds before; the figure is the median of the
rounds' ratios, with the lowest and highest. All run in one process with default settings.

* tell: send `BURST` messages without waiting for any, wait until all are handled, again.
* ask: one request after the other, the handler returns at once.
* idle: what one more actor adds to the resident memory, when it has handled a message.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import logging
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, get_args

Scenario = Literal["tell", "ask", "idle"]
Loop = Literal["asyncio", "uvloop"]
SCENARIOS: tuple[Scenario, ...] = get_args(Scenario)
LOOPS: tuple[Loop, ...] = get_args(Loop)

BURST = 10_000
"""As many as a mailbox of aplay-host holds by default."""
ASKS = 1_000
"""How many requests pass between two looks at the clock."""
FIRST_ACTORS = 100
"""Made before memory is first read: what only the first ones cost is no cost of each."""
TRIAL_TIMEOUT = 120.0


class Goal:
    """Counts messages, in whatever thread they are handled, and tells when all have come."""

    def __init__(self) -> None:
        self.expect(0)

    def expect(self, messages: int) -> None:
        """Begin anew."""
        self.left = messages
        self.reached: Future[None] = Future()

    def count(self) -> None:
        """Count one message."""
        self.left -= 1
        if not self.left:
            self.reached.set_result(None)


# ---- the peers ---------------------------------------------------------------------------

Send = Callable[[Any, int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Peer:
    """A way to have actors, ready to make them; their handlers count and return each message.

    `make` returns the actor of that number, or what one holds to reach it. `tell` sends so
    many messages to it and waits for none, `ask` sends each after the reply to the one before.
    """

    make: Callable[[int], Awaitable[Any]]
    tell: Send
    ask: Send | None


def calling(method: Callable[[Any], Callable[[int], object]]) -> Send:
    """Return what calls `method` of an actor once for each message."""

    async def send(actor: Any, messages: int) -> None:
        call = method(actor)
        for number in range(messages):
            call(number)

    return send


def awaiting(method: Callable[[Any], Callable[[int], Awaitable[object]]]) -> Send:
    """Return what awaits `method` of an actor once for each message."""

    async def send(actor: Any, messages: int) -> None:
        call = method(actor)
        for number in range(messages):
            await call(number)

    return send


async def open_queue(goal: Goal, scenario: Scenario) -> Peer:
    """Open the control: a queue and a task that reads it, for asks with a future each."""
    loop = asyncio.get_running_loop()
    workers = []  # the loop alone holds tasks weakly

    async def handle(message: int) -> int:
        goal.count()
        return message

    async def work(queue: asyncio.Queue[Any]) -> None:
        while True:
            await handle(await queue.get())

    async def answer(queue: asyncio.Queue[Any]) -> None:
        while True:
            message, reply = await queue.get()
            reply.set_result(await handle(message))

    async def make(_number: int) -> asyncio.Queue[Any]:
        queue: asyncio.Queue[Any] = asyncio.Queue()
        workers.append(loop.create_task(answer(queue) if scenario == "ask" else work(queue)))
        await asyncio.sleep(0)
        return queue

    async def ask(queue: asyncio.Queue[Any], requests: int) -> None:
        for number in range(requests):
            reply = loop.create_future()
            queue.put_nowait((number, reply))
            await reply

    return Peer(make, calling(lambda queue: queue.put_nowait), ask)


async def open_aplay_host(goal: Goal, _scenario: Scenario) -> Peer:
    """Open a system of our own."""
    from aplay_host import Actor, ActorSystem

    system = ActorSystem("bench")
    system.open()

    class Subject(Actor):
        async def msg_handler(self, message: int) -> int:
            goal.count()
            return message

    return Peer(
        lambda number: system.spawn(Subject, f"subject-{number}"),
        calling(lambda ref: ref.tell_nowait),
        awaiting(lambda ref: ref.ask),
    )


async def open_xoscar(goal: Goal, _scenario: Scenario, *, local: bool = False) -> Peer:
    """Open a pool without further processes.

    `local`: exchange the ref that creation returns, which goes through the pool's channel, for
    one that calls the method where it stands, under a lock. Each tell is to be awaited and
    gives way once.
    """
    xoscar: Any = importlib.import_module("xoscar")
    pool = await xoscar.create_actor_pool("127.0.0.1:0", n_process=0)

    class Subject(xoscar.Actor):  # type: ignore[misc]
        async def handle(self, message: int) -> int:
            goal.count()
            return message

    async def make(_number: int) -> Any:
        ref = await xoscar.create_actor(Subject, address=pool.external_address)
        return await xoscar.actor_ref(ref) if local else ref

    return Peer(make, awaiting(lambda ref: ref.handle.tell), awaiting(lambda ref: ref.handle))


async def open_thespian(goal: Goal, scenario: Scenario) -> Peer:
    """Open the base without processes: actors run inside the call that sends."""
    actors: Any = importlib.import_module("thespian.actors")
    system = actors.ActorSystem("simpleSystemBase")

    class Subject(actors.Actor):  # type: ignore[misc]
        def receiveMessage(self, message: int, sender: Any) -> None:  # noqa: N802
            goal.count()
            if scenario == "ask":
                self.send(sender, message)

    async def make(_number: int) -> Any:
        return system.createActor(Subject)

    return Peer(
        make,
        calling(lambda address: partial(system.tell, address)),
        calling(lambda address: partial(system.ask, address, timeout=5.0)),
    )


async def open_pykka(goal: Goal, _scenario: Scenario) -> Peer:
    """Get ready for actors with a thread each; whoever asks one blocks."""
    pykka: Any = importlib.import_module("pykka")

    class Subject(pykka.ThreadingActor):  # type: ignore[misc]
        def on_receive(self, message: int) -> int:
            goal.count()
            return message

    async def make(_number: int) -> Any:
        return Subject.start()

    return Peer(make, calling(lambda ref: ref.tell), calling(lambda ref: ref.ask))


async def open_aplay(goal: Goal, _scenario: Scenario) -> Peer:
    """Open a kernel of what aplay-host grew from; no message is answered there.

    It is kept from logging, for it may warn at each message when memory is scarce.
    """
    logging.disable()
    actor: Any = importlib.import_module("aplay.kernel.actor")
    system: Any = importlib.import_module("aplay.kernel.system")
    kernel = system.KernelActor("bench", loop=asyncio.get_running_loop())

    class Subject(actor.Actor):  # type: ignore[misc]
        async def msg_handler(self, message: int) -> int:
            goal.count()
            return message

    async def make(number: int) -> Any:
        return kernel.create_actor(name=f"subject-{number}", actor_cls=Subject)

    return Peer(make, awaiting(lambda actor: actor.send), None)


@dataclass(frozen=True, slots=True)
class Entrant:
    """How to open a peer, the distribution it needs, and where and with how many to run it."""

    distribution: str | None
    open: Callable[[Goal, Scenario], Awaitable[Peer]]
    loops: tuple[Loop, ...] = LOOPS
    scenarios: tuple[Scenario, ...] = SCENARIOS
    population: int = 20_000


CONTROL = "queue"
ENTRANTS = {
    CONTROL: Entrant(None, open_queue),
    "aplay-host": Entrant("aplay-host", open_aplay_host),
    "xoscar": Entrant("xoscar", open_xoscar),
    "xoscar-local": Entrant("xoscar", partial(open_xoscar, local=True)),
    "thespian": Entrant("thespian", open_thespian, ("asyncio",)),
    "pykka": Entrant("pykka", open_pykka, ("asyncio",), population=2_000),
    "aplay": Entrant("aplay", open_aplay, scenarios=("tell", "idle")),
}


# ---- one trial, in a process of its own --------------------------------------------------


async def measure(entrant: Entrant, scenario: Scenario, seconds: float) -> float:
    """Return messages or requests a second, or bytes for each actor."""
    goal = Goal()
    peer = await entrant.open(goal, scenario)
    if scenario == "idle":
        return await bytes_each(peer, goal, entrant.population)
    actor = await peer.make(0)
    if scenario == "tell":
        return await rate(lambda: tell_and_wait(peer, goal, actor, BURST), BURST, seconds)
    ask = peer.ask
    assert ask is not None, "its entrant names the scenario"
    return await rate(lambda: ask(actor, ASKS), ASKS, seconds)


async def rate(run: Callable[[], Awaitable[None]], size: int, seconds: float) -> float:
    """Return how many a second, of runs of `size`, until so many seconds are over."""
    gc.collect()
    count, took, began = 0, 0.0, time.perf_counter()
    while took < seconds:
        await run()
        count += size
        took = time.perf_counter() - began
    return count / took


async def tell_and_wait(peer: Peer, goal: Goal, actor: Any, messages: int) -> None:
    """Return when all of them have been handled."""
    goal.expect(messages)
    await peer.tell(actor, messages)
    await asyncio.wrap_future(goal.reached)


async def bytes_each(peer: Peer, goal: Goal, population: int) -> float:
    """Return the bytes of resident memory that one more idle actor takes."""
    actors = []
    before = 0
    for number in range(FIRST_ACTORS + population):
        if number == FIRST_ACTORS:
            before = resident()
        actors.append(await peer.make(number))
        await tell_and_wait(peer, goal, actors[-1], 1)
    return (resident() - before) / population


def resident() -> int:
    """Return this process' resident memory in bytes, without garbage."""
    gc.collect()
    pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def run_here(trial: Trial, seconds: float) -> None:
    """Print the figure of a trial and end the process, whatever still runs in it."""
    factory = importlib.import_module("uvloop").new_event_loop if trial.loop == "uvloop" else None
    measuring = measure(ENTRANTS[trial.peer], trial.scenario, seconds)
    print(asyncio.Runner(loop_factory=factory).run(measuring), flush=True)
    os._exit(0)


# ---- the comparison ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trial:
    """What is measured: a peer, in a scenario, on a loop."""

    loop: Loop
    scenario: Scenario
    peer: str

    @property
    def control(self) -> Trial:
        """What its figure is divided by."""
        return Trial(self.loop, self.scenario, CONTROL)

    def run(self, seconds: float) -> float:
        """Return its figure; raises `SystemExit` when it fails, after its traceback."""
        child = [sys.executable, __file__, "--seconds", str(seconds)]
        child += ["--trial", self.loop, self.scenario, self.peer]
        try:
            done = subprocess.run(
                child, stdout=subprocess.PIPE, text=True, check=True, timeout=TRIAL_TIMEOUT
            )
        except subprocess.SubprocessError as error:
            raise SystemExit(f"{self.peer}, {self.scenario} on {self.loop}: {error}") from error
        return float(done.stdout)


Figures = dict[Trial, list[float]]


def version(distribution: str | None) -> str | None:
    """Return its version, None when it is not installed; what needs none has an empty one."""
    try:
        return metadata.version(distribution) if distribution else ""
    except metadata.PackageNotFoundError:
        return None


def plan_trials(peers: list[str], loops: list[Loop]) -> list[Trial]:
    """Return the trials of one round; those to be compared stand side by side."""
    return [
        Trial(loop, scenario, peer)
        for loop in loops
        for scenario in SCENARIOS
        for peer in peers
        if loop in ENTRANTS[peer].loops and scenario in ENTRANTS[peer].scenarios
    ]


def table(loop: Loop, figures: Figures) -> str:
    """Return the figures of a loop: rate and ratio of tell and ask, bytes of an idle actor."""
    lines = ["| peer | tell/s | ask/s | bytes per idle actor |", "|---|---|---|---|"]
    for peer in dict.fromkeys(trial.peer for trial in figures if trial.loop == loop):
        name = f"{peer} {version(ENTRANTS[peer].distribution)}".strip()
        cells = [cell(Trial(loop, scenario, peer), figures) for scenario in SCENARIOS]
        lines.append(f"| {' | '.join([name, *cells])} |")
    return "\n".join(lines)


def cell(trial: Trial, figures: Figures) -> str:
    """Return the median, for rates the ratio to the control with its spread too."""
    if trial not in figures:
        return ""
    median = f"{statistics.median(figures[trial]):,.0f}"
    if trial.scenario == "idle" or trial == trial.control:
        return median
    pairs = zip(figures[trial], figures[trial.control], strict=True)
    ratios = [figure / control for figure, control in pairs]
    low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
    return f"{median}, {middle:.3g}x ({low:.3g} to {high:.3g})"


def main(wanted: list[str], rounds: int, seconds: float) -> None:
    """Run all trials by turns and print a table for each loop."""
    chosen = [peer for peer in ENTRANTS if peer == CONTROL or peer in wanted]
    peers = [peer for peer in chosen if version(ENTRANTS[peer].distribution) is not None]
    loops = [loop for loop in LOOPS if loop == "asyncio" or version(loop) is not None]
    for name in (*chosen, *LOOPS):
        if name not in (*peers, *loops):
            print(f"{name}: not installed, left out")
    figures: Figures = {trial: [] for trial in plan_trials(peers, loops)}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        for trial, found in figures.items():
            found.append(trial.run(seconds))
    for loop in loops:
        print(f"\nPython {sys.version.split()[0]}, {loop}, {rounds} rounds of {seconds} s\n")
        print(table(loop, figures))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.5, help="that each tell and ask runs")
    parser.add_argument("--peers", nargs="+", choices=ENTRANTS, default=list(ENTRANTS))
    parser.add_argument("--trial", nargs=3, help="LOOP SCENARIO PEER: only that, in this process")
    given = parser.parse_args()
    if given.trial:
        run_here(Trial(*given.trial), given.seconds)
    else:
        main(given.peers, given.rounds, given.seconds)
