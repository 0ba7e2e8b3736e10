"""A folder to write an aplay.toml in, and the ways to get its mistakes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from aplay_host.config import HostConfig, load_config
from aplay_host.errors import ConfigError

Write = Callable[[str], Path]
Load = Callable[[str], HostConfig]
Mistakes = Callable[[str], ConfigError]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, so that errors name the file as aplay.toml."""
    folder = (tmp_path / "project").resolve()
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def write(folder: Path) -> Write:
    def write(text: str) -> Path:
        file = folder / "aplay.toml"
        file.write_text(dedent(text), encoding="utf-8", newline="")
        return file

    return write


@pytest.fixture
def load(write: Write) -> Load:
    return lambda text: load_config(write(text))


@pytest.fixture
def mistakes(load: Load) -> Mistakes:
    def mistakes(text: str) -> ConfigError:
        with pytest.raises(ConfigError) as caught:
            load(text)
        return caught.value

    return mistakes
