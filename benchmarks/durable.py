"""What mail costs that survives: beside SqliteHuey, the kernel alone and an empty file.

    python benchmarks/durable.py [--rounds 5] [--seconds 1.0] [--backlog 1000000] [--folder DIR]

Every trial has a process of its own; subject and control take turns, and a ratio compares two of
the same round. The files are made below `--folder`, which is to be on the disk in question.

* through: told by 64 senders that wait until a message is kept, handled and settled; against
  SqliteHuey with `fsync`, and its quickest number of threads here: 8 that send, 1 that works.
  Messages have 250 bytes.
* busy: how long one of 64 senders waits for its message to be kept, while something else takes
  all the time of the loop, in turns of so many µs; and how much of it the engine has taken.
* beside: telling an actor in memory while an engine runs in the same process, against without.
* backlog: start, memory and rate with so many messages waiting, against an empty file.
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
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

from aplay_host import Actor, ActorSystem
from aplay_host.kernel import ActorRef, Address, Mailbox, MailboxSpec

SENDERS = 64
HUEY_SENDERS = 8
BODY = {"number": 1, "text": "x" * 230}
BURST = 10_000
TURNS_US = (50, 1000, 5000)
TRIAL_TIMEOUT = 600.0
ROOM = 10_000_000


class Counter(Actor):
    """Counts what it handles, and tells when `goal` is reached."""

    mailbox: ClassVar[dict[str, Any]] = {"capacity": ROOM}

    def __init__(self) -> None:
        self.count = 0
        self.goal = -1
        self.reached = asyncio.Event()

    async def msg_handler(self, msg: Any) -> Any:
        """Count one message; with a number, say when so many more have come."""
        if isinstance(msg, int):
            return self.count
        self.count += 1
        return None


# ---- our engine --------------------------------------------------------------------------


@asynccontextmanager
async def durable(
    folder: Path, durability: str, *, begins: bool = True
) -> AsyncIterator[tuple[Any, ActorRef]]:
    """Run an engine and an actor with mail in it; unless it `begins`, the actor is stopped."""
    from aplay_host.mailboxes import SqliteEngine, TypeRegistry

    mailbox = {"kind": "sqlite", "durability": durability, "capacity": ROOM}
    async with SqliteEngine(folder, TypeRegistry()) as engine:

        def make(address: Address, spec: MailboxSpec) -> Mailbox | None:
            return engine.make_mailbox(address, spec) if spec.kind == "sqlite" else None

        async with ActorSystem("bench", mailboxes=make) as system:
            ref = await system.spawn(Counter, "counter", mailbox=mailbox)
            if not begins:
                await ref.stop()
            yield engine, ref


async def all_settled(engine: Any, ref: ActorRef) -> None:
    """Wait until all that was told is handled and committed."""
    await ref.ask(0, timeout=TRIAL_TIMEOUT)
    await engine.dead_letters(1)  # a look at the file comes after all that was said before


async def send(ref: ActorRef, seconds: float, waits: list[float] | None = None) -> int:
    """Send with so many senders, each waiting until its message is kept; return how many."""
    ends, sent = time.perf_counter() + seconds, 0

    async def sender() -> None:
        nonlocal sent
        while (began := time.perf_counter()) < ends:
            await ref.tell(BODY)
            sent += 1
            if waits is not None:
                waits.append(time.perf_counter() - began)

    await asyncio.gather(*(sender() for _ in range(SENDERS)))
    return sent


async def through(folder: Path, seconds: float, durability: str) -> list[float]:
    """Return the messages a second."""
    async with durable(folder, durability) as (engine, ref):
        await send(ref, 0.1)
        await all_settled(engine, ref)
        began = time.perf_counter()
        sent = await send(ref, seconds)
        await all_settled(engine, ref)
        return [sent / (time.perf_counter() - began)]


async def busy(folder: Path, seconds: float, turn_us: int) -> list[float]:
    """Return the 99th percentile in ms, and the share of the time that was given away."""
    given, sleep = 0.0, time.sleep

    def counted_sleep(seconds: Any) -> None:
        nonlocal given
        began = time.perf_counter()
        sleep(seconds)
        given += time.perf_counter() - began

    async def work() -> None:
        while True:
            ends = time.perf_counter() + turn_us / 1e6
            while time.perf_counter() < ends:
                pass
            await asyncio.sleep(0)

    waits: list[float] = []
    async with durable(folder, "power") as (engine, ref):
        working = asyncio.create_task(work())
        time.sleep = counted_sleep
        began = time.perf_counter()
        await send(ref, seconds, waits)
        took = time.perf_counter() - began
        working.cancel()
        await all_settled(engine, ref)
    return [statistics.quantiles(waits, n=100)[98] * 1000, given / took]


async def beside(folder: Path, seconds: float, rounds: int) -> list[float]:
    """Return the ratio of each round: telling beside an engine, against without."""
    from aplay_host.mailboxes import SqliteEngine, TypeRegistry

    ratios = []
    async with ActorSystem("bench") as system:
        ref = await system.spawn(Counter, "subject")
        await in_memory(ref, seconds)
        for _ in range(rounds):
            alone = await in_memory(ref, seconds)
            async with SqliteEngine(folder, TypeRegistry()):
                ratios.append(await in_memory(ref, seconds) / alone)
    return ratios


async def in_memory(ref: ActorRef, seconds: float) -> float:
    """Return how many messages an actor in memory is told and handles in a second of the CPU."""
    gc.collect()
    count, began, cpu = 0, time.perf_counter(), time.thread_time()
    while time.perf_counter() - began < seconds:
        for _ in range(BURST):
            ref.tell_nowait(BODY)
        await ref.ask(0)
        count += BURST
    return count / (time.thread_time() - cpu)


async def fill(folder: Path, _seconds: float, count: int) -> list[float]:
    """Leave so many messages in a file; return the seconds that took."""
    began = time.perf_counter()
    async with durable(folder, "process", begins=False) as (_, ref):
        for _ in range(0, count, BURST):
            await asyncio.gather(*(ref.tell(BODY) for _ in range(BURST)))
    return [time.perf_counter() - began]


async def drain(folder: Path, _seconds: float, _argument: int) -> list[float]:
    """Handle all; return the seconds of the start, MiB resident before and after, the rate."""
    before = resident()
    began = time.perf_counter()
    async with durable(folder, "process") as (engine, ref):
        started = time.perf_counter() - began
        count = await ref.ask(0, timeout=TRIAL_TIMEOUT)
        await all_settled(engine, ref)
        took = time.perf_counter() - began - started
        return [started, resident() - before, count / took]


def resident() -> float:
    """Return this process' resident memory in MiB, at its highest."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


# ---- the peer ----------------------------------------------------------------------------


def huey(folder: Path, seconds: float, _argument: int) -> list[float]:
    """Return the messages a second of SqliteHuey, sent and worked off in one process."""
    logging.disable()
    kind = importlib.import_module("huey").SqliteHuey
    made = kind("bench", filename=str(folder / "huey.db"), fsync=True)
    over, lock = threading.Event(), threading.Lock()
    sent = handled = 0
    sending = HUEY_SENDERS

    def handle(_message: dict[str, Any]) -> None:
        nonlocal handled
        with lock:
            handled += 1
            if not sending and handled == sent:
                over.set()

    task = made.task()(handle)
    consumer = made.create_consumer(workers=1, initial_delay=0.001, max_delay=0.001, backoff=1.0)
    consumer.start()
    began = time.perf_counter()

    def put() -> None:
        nonlocal sent, sending
        while time.perf_counter() - began < seconds:
            task(BODY)
            with lock:
                sent += 1
        with lock:
            sending -= 1

    threads = [threading.Thread(target=put) for _ in range(HUEY_SENDERS)]
    for thread in threads:
        thread.start()
    over.wait(TRIAL_TIMEOUT)
    return [sent / (time.perf_counter() - began)]


# ---- trials and figures ------------------------------------------------------------------

ARGUMENTS: dict[str, Callable[[str], Any]] = {
    "through": str,
    "busy": int,
    "beside": int,
    "fill": int,
    "drain": int,
}
RUNS: dict[str, Callable[..., Awaitable[list[float]]]] = {
    "through": through,
    "busy": busy,
    "beside": beside,
    "fill": fill,
    "drain": drain,
}


def run_here(name: str, argument: str, loop: str, folder: Path, seconds: float) -> None:
    """Print the figures of a trial and end the process, whatever still runs in it."""
    if name == "huey":
        figures = huey(folder, seconds, 0)
    else:
        factory = importlib.import_module("uvloop").new_event_loop if loop == "uvloop" else None
        running = RUNS[name](folder, seconds, ARGUMENTS[name](argument))
        with asyncio.Runner(loop_factory=factory) as runner:
            figures = runner.run(running)  # type: ignore[arg-type]
    print(*figures, flush=True)
    os._exit(0)


class Bench:
    """Runs trials, each in a process and, unless told, in a folder of its own."""

    def __init__(self, rounds: int, seconds: float, folder: Path | None) -> None:
        self.rounds, self.seconds, self.folder = rounds, seconds, folder

    def trial(
        self, name: str, argument: object = 0, *, loop: str = "asyncio", at: Path | None = None
    ) -> list[float]:
        """Return its figures; raises `SystemExit` when it fails, after its traceback."""
        with tempfile.TemporaryDirectory(dir=self.folder) as made:
            folder = at or Path(made) / "mail"
            folder.mkdir(mode=0o700, exist_ok=True)
            command = [sys.executable, __file__, "--seconds", str(self.seconds)]
            command += ["--trial", name, str(argument), loop, str(folder)]
            try:
                done = subprocess.run(
                    command, stdout=subprocess.PIPE, text=True, check=True, timeout=TRIAL_TIMEOUT
                )
            except subprocess.SubprocessError as error:
                raise SystemExit(f"{name} {argument} on {loop}: {error}") from error
        return [float(figure) for figure in done.stdout.split()]

    def measure_through(self) -> None:
        """Print the rates end to end, against the peer's."""
        kinds = ("process", "power")
        peers, ours = [], {kind: list[float]() for kind in kinds}
        for _ in range(self.rounds):
            if installed("huey"):
                peers += self.trial("huey")
            for kind in kinds:
                ours[kind] += self.trial("through", kind)
        if peers:
            name = f"SqliteHuey {installed('huey')}, end to end"
            print(f"{name:<52} {spread(peers)} a second")
        else:
            print("huey: not installed, left out")
        for kind, goal in zip(kinds, (30, 15), strict=True):
            print(f"{f'{kind}, end to end':<52} {spread(ours[kind])} a second")
            if peers:
                ratios = [own / peer for own, peer in zip(ours[kind], peers, strict=True)]
                print(f"{f'{kind} against SqliteHuey':<52} {spread(ratios)} x   goal {goal}")

    def measure_busy(self) -> None:
        """Print how long senders wait for a loop without time for them."""
        for loop in ("asyncio", "uvloop"):
            if loop == "uvloop" and not installed(loop):
                print("uvloop: not installed, left out")
                continue
            for turn in TURNS_US:
                trials = [self.trial("busy", turn, loop=loop) for _ in range(self.rounds)]
                waits, given = zip(*trials, strict=True)
                name = f"put, p99, turns of {turn} us on {loop}"
                share = f"given away {statistics.median(given):.1%}"
                print(f"{name:<52} {spread(list(waits))} ms  goal 20, {share}, goal 15.0%")

    def measure_beside(self) -> None:
        """Print what an engine costs those who do not use it."""
        ratios = self.trial("beside", 5 * self.rounds)
        print(f"{'tell in memory beside an engine':<52} {spread(ratios)} x   goal 0.98")

    def measure_backlog(self, count: int) -> None:
        """Print what many waiting messages cost."""
        with tempfile.TemporaryDirectory(dir=self.folder) as made:
            full = Path(made) / "mail"
            (took,) = self.trial("fill", count, at=full)
            start, grown, rate = self.trial("drain", at=full)
        with tempfile.TemporaryDirectory(dir=self.folder) as made:
            (_,) = self.trial("fill", 0, at=Path(made) / "mail")
            none, least, _ = self.trial("drain", at=Path(made) / "mail")
        usual = statistics.median(self.trial("through", "process")[0] for _ in range(self.rounds))
        print(f"{f'{count:,} waiting: filled':<52} {took:>9.2f} s")
        print(f"{'start, and of an empty file':<52} {start:>9.2f} s   goal 5, {none:.2f} s")
        print(f"{'memory more than with an empty file':<52} {grown - least:>9.1f} MiB goal 100")
        told = f"{rate:>9.0f} a second, {rate / usual:.2f} of that of an empty file, goal 0.80"
        print(f"{'drained':<52} {told}")


def installed(name: str) -> str | None:
    """Return the version of a distribution, None when there is none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def spread(figures: list[float]) -> str:
    """Return the median, with the lowest and the highest."""
    low, middle, high = min(figures), statistics.median(figures), max(figures)
    digits = 0 if middle > 1000 else 2
    return f"{middle:>9.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def main() -> None:
    """Measure and print, or be one trial."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--backlog", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--only", choices=("through", "busy", "beside", "backlog"))
    parser.add_argument("--trial", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.trial:
        name, argument, loop, folder = given.trial
        run_here(name, argument, loop, Path(folder), given.seconds)
    bench = Bench(given.rounds, given.seconds, given.folder)
    print(f"Python {sys.version.split()[0]}, {given.rounds} rounds of {given.seconds} s")
    measures: dict[str, Callable[[], None]] = {
        "through": bench.measure_through,
        "busy": bench.measure_busy,
        "beside": bench.measure_beside,
        "backlog": lambda: bench.measure_backlog(given.backlog),
    }
    for name, measure in measures.items():
        if given.only in (None, name):
            measure()


if __name__ == "__main__":
    main()
