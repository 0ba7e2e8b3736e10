"""Every code block of the documentation does what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import tomli

from aplay_host.config import load_config

from .pages import PAGES, Block, blocks

PYTHON_PAGES = [page for page in PAGES if blocks("python", page)]
"""Blocks that are files of a package have tests of their own."""


@pytest.mark.parametrize("page", PYTHON_PAGES, ids=lambda page: page.name)
def test_python_blocks_of_a_page_run_one_after_another(page: Path, tmp_path: Path) -> None:
    script = tmp_path / "page.py"
    script.write_text("\n".join(one.code for one in blocks("python", page) if one.file is None))
    done = subprocess.run(
        [sys.executable, "-W", "error", script], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_toml_blocks_are_sound(block: Block, tmp_path: Path) -> None:
    tables = tomli.loads(block.code)
    if tables.keys() & {"project", "tool"}:
        return  # a pyproject.toml, or a part of one
    file = tmp_path / "aplay.toml"
    file.write_text(block.code, "utf-8")
    assert load_config(file).actors


def test_there_are_blocks_to_check() -> None:
    assert len(PYTHON_PAGES) >= 3
    assert len(blocks("toml")) >= 4
