"""The package in the README, installed with pip and run by a host: what a newcomer does first."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from .pages import ROOT, blocks

README = ROOT / "README.md"


def code(language: str, *, having: str) -> str:
    (block,) = [block for block in blocks(language, README) if having in block.code]
    return block.code


def install_readme_package(tmp_path: Path) -> Path:
    """Build and install the package of the README with pip; return its site directory."""
    source, site = tmp_path / "hello-actors", tmp_path / "site"
    source.mkdir()
    (source / "hello_actors.py").write_text(code("python", having="class Greeter"), "utf-8")
    (source / "pyproject.toml").write_text(code("toml", having="[project]"), "utf-8")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    offline = ["--no-build-isolation", "--no-deps", "--no-index", "--quiet"]
    subprocess.run([*pip, *offline, "--target", site, source], check=True)
    return site


def test_package_of_the_readme_is_installed_named_and_answers(tmp_path: Path) -> None:
    site = install_readme_package(tmp_path)
    config = tmp_path / "aplay.toml"
    config.write_text(code("toml", having='[actors."/greet"]'), "utf-8")
    host = [sys.executable, "-m", "aplay_host", "-c", str(config)]
    environment = {**os.environ, "PYTHONPATH": str(site)}
    ready, told = os.pipe()
    serving = subprocess.Popen(
        [*host, "serve", "--ready-fd", str(told)], pass_fds=[told], env=environment
    )
    try:
        os.close(told)
        with os.fdopen(ready) as lines:
            assert '"event": "ready"' in lines.readline()
        example = re.search(r"ask /greet '(.*)'\n(.*)\n", README.read_text("utf-8"))
        assert example is not None
        asked = subprocess.run(
            [*host, "ask", "/greet", example[1]], capture_output=True, text=True, check=True
        )
        assert asked.stdout.strip() == example[2]
    finally:
        serving.send_signal(signal.SIGINT)
        assert serving.wait(timeout=10) == 0
