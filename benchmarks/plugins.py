"""How fast are plugins found? As a ratio against ``importlib.metadata`` in the same run.

    python benchmarks/plugins.py [--rounds 7] [--distributions 1000]

A throw-away site directory holds that many distributions; half have entry points, and one in
fifty offers an actor. Control and subject run by turns in one process; each figure is the
median of the rounds, with the lowest and highest. The first round of both, which also warms
the disk's cache, is left out.

* scan: all that is installed is read anew, against ``entry_points(group="aplay_host.actors")``.
* change check: has anything been installed or removed since?
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

from aplay_host.plugins import scan, signature
from aplay_host.testing import dist

GROUP = "aplay_host.actors"


def install(site: Path, count: int) -> None:
    """Write `count` distributions into `site`, long ago."""
    for number in range(count):
        group = GROUP if number % 50 == 0 else "console_scripts"
        metadata = dist(site, f"pkg-{number}", entry_points=f"[{group}]\nrun = pkg_{number}:Run\n")
        if number % 2:
            (metadata / "entry_points.txt").unlink()
    os.utime(site, (1_000_000_000, 1_000_000_000))


def timed(action: Callable[[], object]) -> float:
    """Return the milliseconds that `action` takes; the garbage of others is not its own."""
    gc.collect()
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000


def figure(name: str, values: list[float], unit: str) -> str:
    """Return one line: the median with its spread."""
    spread = f"{min(values):.3f} to {max(values):.3f}"
    return f"{name:<34} {statistics.median(values):>8.3f} {unit:<3} {spread}"


def measure(rounds: int) -> list[str]:
    """Run by turns; return the lines of figures."""
    controls, scans, checks = [], [], []
    for _ in range(rounds + 1):
        controls.append(timed(lambda: entry_points(group=GROUP)))
        scans.append(timed(lambda: scan(sys.path)))
        checks.append(timed(lambda: [signature(sys.path) for _ in range(100)]) / 100)
    ratios = [control / ours for control, ours in zip(controls, scans, strict=True)]
    return [
        figure("scan, ratio", ratios[1:], "x"),
        figure("scan", scans[1:], "ms"),
        figure("entry_points(group=...)", controls[1:], "ms"),
        figure("change check", checks[1:], "ms"),
    ]


def main() -> None:
    """Install, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--distributions", type=int, default=1000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site-packages"
        install(site, given.distributions)
        sys.path.append(str(site))
        version = sys.version.split()[0]
        print(f"Python {version}, {given.rounds} rounds, {given.distributions:,} distributions")
        print("\n".join(measure(given.rounds)))


if __name__ == "__main__":
    main()
