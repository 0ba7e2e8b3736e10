"""What it costs to operate a host: beside the least that a process could take, in the same run.

    python benchmarks/operating.py [--rounds 5]

* commands: processes from their start to their end, their output piped, beside a host with ten
  actors. Subject and control take turns; each figure is the best of the rounds.
* check: the same, of a file with 500 actors.
* start: from the start of the process to its line on ``--ready-fd``, with 100 actors; the best.
* stop: from SIGTERM to the end of the process, while three streams of events are open; the best.
* pauses: how long the loop of a host with 10,000 actors did nothing else while it answered; the
  longest of all rounds. An actor looks at the clock every half millisecond. Beside it stands how
  much of it the loop's own thread was at work: a machine with other work adds the rest.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aplay_host.cli.connection import UnixConnection

ACTORS = """
import asyncio, time
from aplay_host import Actor

class Echo(Actor):
    async def msg_handler(self, msg): return msg

class Pauses(Actor):
    async def on_start(self):
        self.longest = 0.0, 0.0
        self.watching = asyncio.create_task(self.watch())

    async def watch(self):
        while True:
            began, worked = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0.0005)
            took = time.perf_counter() - began, time.thread_time() - worked
            self.longest = max(self.longest, took)

    async def msg_handler(self, msg):
        longest, self.longest = self.longest, (0.0, 0.0)
        return longest

    async def on_stop(self, reason):
        self.watching.cancel()
"""
PATIENCE = 60.0
STREAMS = 3
EVENTS = {"Accept": "text/event-stream"}


@dataclass(frozen=True, slots=True)
class Served:
    """A host that runs; it was ready `start_s` after its process began."""

    process: subprocess.Popen[bytes]
    control: Path
    start_s: float

    def connection(self) -> UnixConnection:
        """Return a connection to its control socket."""
        return UnixConnection(self.control, PATIENCE)

    def call(self, method: str, path: str, body: object = None) -> bytes:
        """Return the whole answer to one request."""
        connection = self.connection()
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse().read()
        connection.close()
        return answer

    def longest_pause(self) -> tuple[float, float]:
        """Return the longest pause since the last call, and its work, in milliseconds."""
        body = {"addresses": ["/pauses"], "message": None}
        reply: Any = json.loads(self.call("POST", "/v1/actors:ask", body))["data"]["reply"]
        return reply[0] * 1000, reply[1] * 1000

    def stop(self) -> float:
        """Stop it; return the milliseconds that took."""
        began = time.perf_counter()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        return (time.perf_counter() - began) * 1000


def declare(folder: Path, actors: int) -> None:
    """Write an aplay.toml with so many actors, and one that watches the loop."""
    (folder / "parts.py").write_text(ACTORS)
    declared = (f'[actors."/a{number}"]\nuse = "parts:Echo"\n' for number in range(actors - 1))
    watching = '[actors."/pauses"]\nuse = "parts:Pauses"\n'
    (folder / "aplay.toml").write_text('plugins.paths = ["."]\n' + watching + "".join(declared))


@contextmanager
def host(folder: Path, actors: int) -> Iterator[Served]:
    """Serve so many actors in `folder` for the block."""
    declare(folder, actors)
    read, write = os.pipe()
    command = [sys.executable, "-m", "aplay_host", "serve", "--ready-fd", str(write)]
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=folder, pass_fds=(write,), stderr=subprocess.DEVNULL) as it:
        os.close(write)
        try:
            with os.fdopen(read) as stream:
                line = stream.readline()
            assert line, "the host does not start"
            yield Served(it, Path(json.loads(line)["control"]), time.perf_counter() - began)
        finally:
            if it.poll() is None:
                it.send_signal(signal.SIGTERM)
                it.wait(PATIENCE)


def best(rounds: int, folder: Path, *commands: list[str]) -> list[float]:
    """Return the milliseconds of the quickest run of each command; they take turns."""
    times: list[list[float]] = [[] for _ in commands]
    for _ in range(rounds + 1):  # the first warms up
        for command, took in zip(commands, times, strict=True):
            began = time.perf_counter()
            run(folder, command)
            took.append((time.perf_counter() - began) * 1000)
    return [min(took[1:]) for took in times]


def run(folder: Path, command: list[str]) -> None:
    """Run a command of Python's in `folder` to its end, its output piped."""
    subprocess.run([sys.executable, *command], cwd=folder, stdout=subprocess.PIPE, check=True)


def verb(text: str) -> list[str]:
    """Return the command that carries out a verb."""
    return ["-m", "aplay_host", *text.split()]


def measure_commands(rounds: int, folder: Path) -> list[str]:
    """Return the lines of figures."""
    verbs = ("status", "health", "status -o json")
    commands = [["-c", "pass"], ["-c", "import click"], verb("--help"), *map(verb, verbs)]
    with host(folder, 10):
        bare, click, usage, *took = best(rounds, folder, *commands)
    return [
        line("python -c pass", bare),
        line("python -c import click", click),
        line("--help", usage),
        f"{'--help, ratio to import click':<52} {usage / click:>8.2f} x   goal 2.00",
        *(line(verb, ms, 150) for verb, ms in zip(verbs, took, strict=True)),
    ]


def measure_check(rounds: int, folder: Path) -> list[str]:
    """Return the line of the figure."""
    declare(folder, 500)
    (took,) = best(rounds, folder, verb("check"))
    return [line("check, 500 actors", took, 1000)]


def measure_life(rounds: int, folder: Path) -> list[str]:
    """Return the lines of start and stop."""
    starts, stops = [], []
    for _ in range(rounds + 1):
        with host(folder, 100) as served, ExitStack() as streams:
            for _ in range(STREAMS):
                stream = served.connection()
                streams.callback(stream.close)
                stream.request("GET", "/v1/events", headers=EVENTS)
                assert stream.getresponse().status == 200
            starts.append(served.start_s * 1000)
            stops.append(served.stop())
    return [
        line("start to ready, 100 actors", min(starts[1:]), 1000),
        line(f"stop, {STREAMS} streams of events open", min(stops[1:]), 1000),
    ]


def measure_pauses(rounds: int, folder: Path) -> list[str]:
    """Return the lines of the longest pauses."""
    lines = []
    with host(folder, 10_000) as served:
        asked: dict[str, Callable[[], object]] = {
            "nothing": lambda: time.sleep(1),
            "status -o json": lambda: run(folder, verb("status -o json")),
            "tree -o json": lambda: run(folder, verb("tree -o json")),
            "GET /metrics": lambda: served.call("GET", "/metrics"),
        }
        for name, ask in asked.items():
            pauses = []
            for _ in range(rounds + 1):
                served.longest_pause()
                ask()
                pauses.append(served.longest_pause())
            wall, work = max(pauses[1:])
            told = line(f"pause of the loop, 10,000 actors, {name}", wall, 50)
            lines.append(f"{told}, at work {work:.1f} ms")
    return lines


def line(name: str, ms: float, goal: int | None = None) -> str:
    """Return one figure, and its goal where it has one."""
    return f"{name:<52} {ms:>8.1f} ms" + ("" if goal is None else f"  goal {goal}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(f"Python {sys.version.split()[0]}, {rounds} rounds")
    for measure in (measure_commands, measure_check, measure_life, measure_pauses):
        with tempfile.TemporaryDirectory() as name:
            for told in measure(rounds, Path(name)):
                print(told, flush=True)


if __name__ == "__main__":
    main()
