"""How long after a save does the new code answer? Beside ``uvicorn --reload`` in the same run.

    python benchmarks/reload.py [--edits 200] [--restarts 10] [--idle 10]

Linux only. The host runs as ``serve --reload`` in a process of its own, and so does uvicorn;
both are asked over HTTP, by new connections. Each edit is a new integer, and the clock runs
from the end of the save to the first answer that carries it: uvicorn is asked each millisecond,
the host once its log says that it has reloaded. Atomic saves and such in place take turns.

* few: a module with the integer, and one that imports it and has the actor.
* 100, 300: as many modules import the one that is edited, and the actor's module them.
* syntax error: until the line that refuses it is in the log.
* gate: how long 100 actors with nothing in hand are held, by the report of each reload.
* idle: processor time of a host that follows 300 files that nobody edits.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from aplay_host.config import load_config
from aplay_host.host import Host, Ready
from aplay_host.reload import Request

ACTOR = """
from aplay_host import Actor
{imports}

class Answer(Actor):
    async def msg_handler(self, msg):
        return VALUE
"""
APP = """
from value import VALUE

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(VALUE).encode()})
"""
QUESTION = json.dumps({"addresses": ["/answer"], "message": "?", "timeout_s": 5.0})
PATIENCE = 60.0
PAUSE = 0.1
"""Between two edits: longer than the debounce, shorter than any person's."""


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def connect(self) -> None:
        """Connect to the path that was given as the host."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.host)


Ask = Callable[[], int]


def ask_host(control: str) -> int:
    """Ask the actor over the control socket."""
    connection = UnixConnection(control)
    connection.request("POST", "/v1/actors:ask", QUESTION)
    reply: int = json.load(connection.getresponse())["data"]["reply"]
    connection.close()
    return reply


def ask_uvicorn(port: int) -> int:
    """Ask the application; -1 while nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request("GET", "/")
        return int(connection.getresponse().read())
    except (OSError, http.client.HTTPException):
        return -1
    finally:
        connection.close()


# ---- saving and waiting --------------------------------------------------------------------


def save(file: Path, text: str, *, atomically: bool) -> float:
    """Save as editors do; return the time at which it was done."""
    if atomically:
        other = file.with_name(f".{file.name}.tmp")
        other.write_text(text)
        os.replace(other, file)
    else:
        file.write_text(text)
    return time.perf_counter()


def until(reached: Callable[[], bool], began: float) -> float:
    """Wait until it is so; return the milliseconds since `began`."""
    while not reached():
        if time.perf_counter() - began > PATIENCE:
            raise TimeoutError("the edit never took effect")
        time.sleep(0.001)
    return (time.perf_counter() - began) * 1000


def edits(file: Path, ask: Ask, count: int, pause: float = PAUSE) -> list[float]:
    """Edit so often, after once to warm up; return the milliseconds that each took."""
    took = []
    for value in range(1, count + 2):
        began = save(file, f"VALUE = {value}\n", atomically=bool(value % 2))
        took.append(until(lambda value=value: ask() == value, began))  # type: ignore[misc]
        time.sleep(pause)
    return took[1:]


# ---- those who are asked -------------------------------------------------------------------


class Served:
    """A host that follows a package, in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], control: str) -> None:
        self.process, self.control = process, control
        self.lines: deque[str] = deque()
        assert process.stderr is not None
        self.reader = Thread(target=self.lines.extend, args=(map(bytes.decode, process.stderr),))
        self.reader.start()

    def saw(self, word: str) -> bool:
        """Tell whether there is a line with `word`; forgets it and those before it."""
        while self.lines:
            if word in self.lines.popleft():
                return True
        return False

    def ask(self) -> int:
        """Ask the actor, once the host has reloaded."""
        return ask_host(self.control) if self.saw("· ok") else -1

    def seconds_of_cpu(self) -> float:
        """Return the processor time that it has had."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def write_package(folder: Path, modules: int, actors: int = 1) -> Path:
    """Write a package with `modules` between the value and the actor; return the value's file."""
    package = folder / "bench"
    package.mkdir()
    names = [f"m{number}" for number in range(modules)]
    for name in names:
        (package / f"{name}.py").write_text("from .value import VALUE\n")
    imports = [f"from .{name} import VALUE" for name in names or ["value"]]
    (package / "__init__.py").touch()
    (package / "value.py").write_text("VALUE = 0\n")
    (package / "actor.py").write_text(ACTOR.format(imports="\n".join(imports)))
    entries = (f'actors."/{at}".use = "bench.actor:Answer"\n' for at in addresses(actors))
    (folder / "aplay.toml").write_text(f'plugins.paths = ["{folder}"]\n{"".join(entries)}')
    return package / "value.py"


def addresses(count: int) -> Iterator[str]:
    """Yield ``answer``, ``answer1``, ``answer2``."""
    return itertools.islice((f"answer{number or ''}" for number in itertools.count()), count)


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """Serve a folder until the end of the block."""
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "aplay_host", "-c", str(folder / "aplay.toml")]
    command += ["serve", "--reload", "--ready-fd", str(writing)]
    with subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.PIPE) as process:
        os.close(writing)
        with open(reading) as ready:
            told = json.loads(ready.readline())
        host = Served(process, told["control"])
        try:
            yield host
        finally:
            process.terminate()
            process.wait()
            host.reader.join()


@contextmanager
def uvicorn(folder: Path) -> Iterator[Ask]:
    """Run uvicorn on a folder until the end of the block."""
    (folder / "app.py").write_text(APP)
    (folder / "value.py").write_text("VALUE = 0\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port), "--reload"]
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},  # else it runs what it ran a second ago
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            until(lambda: ask_uvicorn(port) == 0, time.perf_counter())
            time.sleep(1.0)  # it begins to watch later than it begins to answer
            yield lambda: ask_uvicorn(port)
        finally:
            process.terminate()


# ---- figures -------------------------------------------------------------------------------


def figure(name: str, values: list[float], goal: str, unit: str = "ms") -> str:
    """Return one line: median, 99th percentile, highest, and the goal."""
    p99 = statistics.quantiles(values, n=100, method="inclusive")[98] if len(values) > 1 else 0.0
    middle = statistics.median(values)
    return f"{name:<26} {middle:>8.1f} {p99:>8.1f} {max(values):>8.1f} {unit:<3} {goal}"


def few(folder: Path, count: int) -> tuple[list[float], list[float]]:
    """Return the milliseconds of edits of a small plugin, and of refusals of a syntax error."""
    file, refusals = write_package(folder, 0), []
    with served(folder) as host:
        took = edits(file, host.ask, count)
        for number in range(20):
            began = save(file, f"VALUE = ({number}\n", atomically=bool(number % 2))
            refusals.append(until(lambda: host.saw("REFUSED"), began))
            time.sleep(PAUSE)
    return took, refusals


def many(folder: Path, modules: int, idle: float) -> tuple[list[float], float]:
    """Return the milliseconds of edits that reach many modules, and the share of a core if idle."""
    file = write_package(folder, modules)
    with served(folder) as host:
        took = edits(file, host.ask, 10)
        time.sleep(1.0)
        before = host.seconds_of_cpu()
        time.sleep(idle)
        return took, 100 * (host.seconds_of_cpu() - before) / idle


async def gate(folder: Path, count: int) -> list[float]:
    """Return for how many milliseconds 100 actors were held by each reload."""
    file = write_package(folder, 0, actors=100)
    ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
    host = Host(load_config(folder / "aplay.toml"), on_ready=ready.set_result)
    running = asyncio.create_task(host.run())
    await ready
    held = []
    for value in range(1, count + 1):
        save(file, f"VALUE = {value}\n", atomically=True)
        report = await host.reloads.reload(Request())
        assert report.outcome == "committed", report.line()
        held.append(1000 * (report.phases_s["drain"] + report.phases_s["swap"]))
    host.stop("measured")
    await running
    return held


def measure(count: int, restarts: int, idle: float) -> Iterator[str]:
    """Measure all; yield the lines of figures."""
    yield f"{'':<26} {'median':>8} {'p99':>8} {'highest':>8}"
    with tempfile.TemporaryDirectory() as folder:
        took, refusals = few(Path(folder), count)
    with tempfile.TemporaryDirectory() as folder, uvicorn(Path(folder)) as ask:
        others = edits(Path(folder) / "value.py", ask, restarts, pause=1.0)
    yield figure("few modules", took, "goal: median 20, p99 60")
    yield figure("uvicorn --reload", others, "")
    times = statistics.median(others) / statistics.median(took)
    yield f"{'uvicorn / few modules':<26} {times:>8.1f} {'':<17} x   goal: 15"
    yield figure("syntax error", refusals, "goal: 25")
    for modules, goal in ((100, 60), (300, 200)):
        with tempfile.TemporaryDirectory() as folder:
            took, share = many(Path(folder), modules, idle)
        yield figure(f"{modules} modules", took, f"goal: {goal}")
    yield f"{'idle, 300 files':<26} {share:>8.2f} {'':<17} %   goal: 1.2"
    with tempfile.TemporaryDirectory() as folder:
        yield figure("gate, 100 actors", asyncio.run(gate(Path(folder), 100)), "goal: p99 5")


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--edits", type=int, default=200)
    parser.add_argument("--restarts", type=int, default=10)
    parser.add_argument("--idle", type=float, default=10.0)
    given = parser.parse_args()
    for line in measure(given.edits, given.restarts, given.idle):
        print(line, flush=True)


if __name__ == "__main__":
    main()
