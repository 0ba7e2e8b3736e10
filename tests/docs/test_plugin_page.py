"""The way from an empty folder to a published plugin, gone as docs/plugins.md says it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.environment import Environment

from .pages import ROOT, Block, blocks

PAGE = ROOT / "docs/plugins.md"
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
            if command == "aplay-host serve":
                self.serve()
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

    def serve(self) -> None:
        command = ["aplay-host", "serve"]
        self.served.append(
            subprocess.Popen(
                command, cwd=self.folder, env=self.environ, stderr=subprocess.PIPE, text=True
            )
        )
        waited = self.run("aplay-host health --wait --timeout 30s")
        assert waited.returncode == 0, waited.stderr


def matches(got: str, want: str) -> bool:
    """Tell whether a command printed what is wanted, in which ``…`` stands for anything."""
    pattern = ".+".join(map(re.escape, want.strip().split("…")))
    return re.fullmatch(pattern, got.strip()) is not None


@pytest.fixture
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path_factory.mktemp("t"))
    yield terminal
    for process in terminal.served:
        process.terminate()
        process.communicate(timeout=30)


def test_the_way_to_a_published_plugin_is_as_the_page_says(terminal: Terminal) -> None:
    way = [one for one in blocks(page=PAGE) if one.file or one.language == "console"]
    assert len(way) >= 10
    assert {one.language for one in blocks(page=PAGE)} == {"console", "python", "toml"}
    for block in way:
        if block.file:
            terminal.write(block)
        else:
            terminal.type(block)
    (served,) = terminal.served
    assert served.poll() is None
