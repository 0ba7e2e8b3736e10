"""How fast are plugins found? As a ratio against ``importlib.metadata`` in the same run.

    python benchmarks/plugins.py [--rounds 7] [--distributions 1000]

A throw-away site directory holds that many distributions; half have entry points, and one in
fifty offers an actor. Control and subject run by turns; each figure is the median of the
rounds, with the lowest and highest. The first round of all, which also warms the disk's
cache, is left out.

* scan: all that is installed is read anew, against ``entry_points(group="aplay_host.actors")``.
* change check: has anything been installed or removed since?
* plugins list: the command as a process, from its start to its end, against one of Python that
  does nothing.
* host start: a process of ``serve``, until it says that it is ready. It runs five actors, and
  500 packages that offer actors are installed, against five.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

from aplay_host.plugins import scan, signature
from aplay_host.testing import dist

GROUP = "aplay_host.actors"
USED = 5
ACTOR = """
from aplay_host import Actor
class A(Actor):
    async def msg_handler(self, msg): return msg
"""


def install(site: Path, count: int) -> None:
    """Write `count` distributions into `site`, long ago."""
    for number in range(count):
        group = GROUP if number % 50 == 0 else "console_scripts"
        metadata = dist(site, f"pkg-{number}", entry_points=f"[{group}]\nrun = pkg_{number}:Run\n")
        if number % 2:
            (metadata / "entry_points.txt").unlink()
    rest(site)


def rest(site: Path) -> None:
    """Make what is in `site` look as if it had been there for long."""
    for path in (*site.iterdir(), site):
        os.utime(path, (1_000_000_000, 1_000_000_000))


def project(folder: Path, count: int) -> Path:
    """Write five actors into an aplay.toml, and `count` packages with one each; return `folder`."""
    for number in range(count):
        name = f"acme{number}"
        points = f"[{GROUP}]\n{name} = {name}:A\n"
        dist(folder / "site-packages", name, files={f"{name}.py": ACTOR}, entry_points=points)
    rest(folder / "site-packages")
    uses = (f'[actors."/a{number}"]\nuse = "acme{number}"\n' for number in range(USED))
    (folder / "aplay.toml").write_text("".join(uses))
    return folder


class Process:
    """A command in `folder`, for which what is in `site` is installed."""

    def __init__(self, folder: Path, site: Path, *arguments: str) -> None:
        self._command = [sys.executable, *arguments]
        self._folder = folder
        path = (str(site), str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", ""))
        self._environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}

    def run(self) -> None:
        """Run it to its end."""
        quiet = subprocess.DEVNULL
        subprocess.run(
            self._command,
            cwd=self._folder,
            env=self._environ,
            stdout=quiet,
            stderr=quiet,
            check=True,
        )

    def serve(self) -> float:
        """Return the milliseconds until it says that it is ready; then end it."""
        read, write = os.pipe()
        began = time.perf_counter()
        process = subprocess.Popen(
            [*self._command, "serve", "--ready-fd", str(write)],
            cwd=self._folder,
            env=self._environ,
            pass_fds=(write,),
            stderr=subprocess.DEVNULL,
        )
        os.close(write)
        with os.fdopen(read) as stream:
            assert "ready" in stream.readline(), "the host does not start"
        took = (time.perf_counter() - began) * 1000
        process.terminate()
        process.wait()
        return took


def timed(action: Callable[[], object]) -> float:
    """Return the milliseconds that `action` takes; the garbage of others is not its own."""
    gc.collect()
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000


def ratio(name: str, over: list[float], under: list[float]) -> str:
    """Return the line of a ratio, made round by round."""
    return figure(name, [one / other for one, other in zip(over, under, strict=True)], "x")


def figure(name: str, values: list[float], unit: str) -> str:
    """Return one line: the median with its spread, the first round left out."""
    values = values[1:]
    spread = f"{min(values):.3f} to {max(values):.3f}"
    return f"{name:<34} {statistics.median(values):>8.3f} {unit:<3} {spread}"


def measure_scan(rounds: int) -> list[str]:
    """Run by turns; return the lines of figures."""
    controls, scans, checks = [], [], []
    for _ in range(rounds + 1):
        controls.append(timed(lambda: entry_points(group=GROUP)))
        scans.append(timed(lambda: scan(sys.path)))
        checks.append(timed(lambda: [signature(sys.path) for _ in range(100)]) / 100)
    return [
        ratio("scan, ratio", controls, scans),
        figure("scan", scans, "ms"),
        figure("entry_points(group=...)", controls, "ms"),
        figure("change check", checks, "ms"),
    ]


def measure_list(rounds: int, folder: Path, site: Path) -> list[str]:
    """Run by turns; return the lines of figures."""
    subject = Process(folder, site, "-m", "aplay_host", "plugins", "list")
    control = Process(folder, site, "-c", "pass")
    lists, controls = [], []
    for _ in range(rounds + 1):
        lists.append(timed(subject.run))
        controls.append(timed(control.run))
    return [
        ratio("plugins list, ratio", lists, controls),
        figure("plugins list", lists, "ms"),
        figure("python -c pass", controls, "ms"),
    ]


def measure_start(rounds: int, few: Path, many: Path) -> list[str]:
    """Run by turns; return the lines of figures."""
    hosts = [Process(one, one / "site-packages", "-m", "aplay_host") for one in (few, many)]
    times = [[host.serve() for host in hosts] for _ in range(rounds + 1)]
    with_few, with_many = ([pair[number] for pair in times] for number in (0, 1))
    return [
        ratio("host start, ratio", with_many, with_few),
        figure("host start, 500 installed", with_many, "ms"),
        figure("host start, 5 installed", with_few, "ms"),
    ]


def main() -> None:
    """Install, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--distributions", type=int, default=1000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base, rounds = Path(folder), given.rounds
        site, few, many = base / "site-packages", base / "few", base / "many"
        install(site, given.distributions)
        sys.path.append(str(site))
        version = sys.version.split()[0]
        print(f"Python {version}, {rounds} rounds, {given.distributions:,} distributions")
        for line in (
            *measure_scan(rounds),
            *measure_list(rounds, base, site),
            *measure_start(rounds, project(few, USED), project(many, 500)),
        ):
            print(line)


if __name__ == "__main__":
    main()
