"""What it costs to operate a host: beside the least that a process could take, in the same run.

    python benchmarks/operating.py [--rounds 5]

* commands: processes from their start to their end, their output piped, beside a host with ten
  actors. Subject and control take turns; each figure is the best of the rounds.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ACTOR = """
from aplay_host import Actor
class Echo(Actor):
    async def msg_handler(self, msg): return msg
"""
PATIENCE = 60.0


@contextmanager
def host(folder: Path, actors: int) -> Iterator[None]:
    """Serve so many actors in `folder` for the block."""
    (folder / "echo.py").write_text(ACTOR)
    declared = (f'[actors."/a{number}"]\nuse = "echo:Echo"\n' for number in range(actors))
    (folder / "aplay.toml").write_text('plugins.paths = ["."]\n' + "".join(declared))
    read, write = os.pipe()
    command = [sys.executable, "-m", "aplay_host", "serve", "--ready-fd", str(write)]
    with subprocess.Popen(command, cwd=folder, pass_fds=(write,), stderr=subprocess.DEVNULL) as it:
        os.close(write)
        try:
            with os.fdopen(read) as stream:
                assert "ready" in stream.readline(), "the host does not start"
            yield
        finally:
            it.send_signal(signal.SIGTERM)
            it.wait(PATIENCE)


def best(rounds: int, folder: Path, *commands: list[str]) -> list[float]:
    """Return the milliseconds of the quickest run of each command; they take turns."""
    times: list[list[float]] = [[] for _ in commands]
    for _ in range(rounds + 1):  # the first warms up
        for command, took in zip(commands, times, strict=True):
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, *command], cwd=folder, stdout=subprocess.PIPE, check=True
            )
            took.append((time.perf_counter() - began) * 1000)
    return [min(took[1:]) for took in times]


def measure_commands(rounds: int) -> list[str]:
    """Return the lines of figures."""
    verbs = ("--help", "status", "health", "status -o json", "completion bash")
    commands = [["-m", "aplay_host", *verb.split()] for verb in verbs]
    with tempfile.TemporaryDirectory() as name, host(Path(name), 10):
        bare, click, *took = best(
            rounds, Path(name), ["-c", "pass"], ["-c", "import click"], *commands
        )
    return [
        f"{'python -c pass':<34} {bare:>8.1f} ms",
        f"{'python -c import click':<34} {click:>8.1f} ms",
        *(f"{verb:<34} {ms:>8.1f} ms" for verb, ms in zip(verbs, took, strict=True)),
        f"{'--help, ratio to import click':<34} {took[0] / click:>8.2f} x",
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(f"Python {sys.version.split()[0]}, best of {rounds}")
    for line in measure_commands(rounds):
        print(line)


if __name__ == "__main__":
    main()
