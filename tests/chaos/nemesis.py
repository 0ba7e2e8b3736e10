"""Lets a workload live and kills it, by its process id, at moments that a seed repeats."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import aplay_host

from .workload import Life

ROOT = Path(__file__).parents[2]
PACKAGE = Path(aplay_host.__file__).parents[1]
KILLED = -signal.SIGKILL
LONGEST_PAUSE = 0.01


@dataclass(frozen=True, slots=True)
class Blow:
    """When to kill: `pause` seconds after so many handlers have begun."""

    after: int
    pause: float


def plan_blows(seed: int, count: int, longest: int = 300) -> tuple[Blow, ...]:
    """Return so many; the same for the same seed."""
    rng = random.Random(seed)
    return tuple(
        Blow(rng.randint(1, longest), rng.uniform(0.0, LONGEST_PAUSE)) for _ in range(count)
    )


def environment() -> dict[str, str]:
    """Return what lets a process import the package that is tested, and these tests."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(PACKAGE), str(ROOT)])}


def begin(life: Life) -> subprocess.Popen[bytes]:
    """Start a process that lives so, with the same package as this one."""
    command = [sys.executable, "-P", "-m", "tests.chaos.workload", life.text()]
    return subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )


def strike(life: Life, blow: Blow) -> None:
    """Let a process live so until it is killed; `AssertionError` when it ends by itself."""
    with begin(life) as process:
        assert process.stdout is not None
        left = blow.after
        while left > 0 and (beats := process.stdout.read(left)):
            left -= len(beats)
        time.sleep(blow.pause)
        process.kill()
        _, said = process.communicate()
    assert process.returncode == KILLED, said.decode()


def outlive(life: Life) -> int:
    """Let a process live so to its end; return its exit code, or the signal below zero."""
    with begin(life) as process:
        _, said = process.communicate()
    assert process.returncode in (0, KILLED, -signal.SIGSEGV), said.decode()
    return process.returncode
