"""A terminal in which a test types what a page says, and compares what is printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.environment import Environment

from .pages import Block

OFFLINE = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "false"}


class Terminal:
    """Runs commands in a folder, with what the environment of the test has to offer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        self.folder.mkdir()
        env = Environment(folder)
        self.served: list[subprocess.Popen[str]] = []
        commands = {
            "aplay-host": f'"{env.python}" -m aplay_host',
            "pytest": f'"{env.python}" -m pytest -p no:cacheprovider',
            "pip": f'"{sys.executable}" -m pip --disable-pip-version-check --python "{env.python}"',
        }
        for name, command in commands.items():
            script = env.python.parent / name
            script.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            script.chmod(0o755)
        path = os.pathsep.join([str(env.python.parent), os.environ["PATH"]])
        self.environ = {**os.environ, **OFFLINE, "PATH": path, "PYTHONPATH": env.pythonpath}

    def write(self, block: Block) -> None:
        assert block.file is not None
        file = self.folder / block.file
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.code, "utf-8")

    def type(self, block: Block) -> None:
        """Run the commands of a block; each must print what the page says it does."""
        _, *sessions = re.split(r"^\$ ", block.code, flags=re.MULTILINE)
        for session in sessions:
            command, _, want = session.partition("\n")
            if command.startswith("aplay-host serve"):
                self.serve(command)
            else:
                done = self.run(command)
                assert matches(done.stdout, want), (block, command, done.stdout, done.stderr)
                assert done.returncode == 0, (block, command, done.stderr)

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            shell=True,
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )

    def serve(self, command: str) -> None:
        served = subprocess.Popen(
            command.split(), cwd=self.folder, env=self.environ, stderr=subprocess.PIPE, text=True
        )
        self.served.append(served)
        waited = self.run("aplay-host health --wait --timeout 30s")
        assert waited.returncode == 0, waited.stderr


def matches(got: str, want: str) -> bool:
    """Tell whether a command printed what is wanted, in which ``…`` stands for anything."""
    pattern = ".+".join(map(re.escape, want.strip().split("…")))
    return re.fullmatch(pattern, got.strip()) is not None
