"""What aplay.toml asks of the machine, there or not."""

from __future__ import annotations

import asyncio
import grp
import os
import sys
from pathlib import Path

import pytest

from aplay_host.config import HostConfig, load_config
from aplay_host.errors import ConfigError
from aplay_host.host import loop_factory
from aplay_host.host.machine import check_machine, group_id


def config(tmp_path: Path, text: str) -> HostConfig:
    file = tmp_path / "aplay.toml"
    file.write_text(text, "utf-8")
    return load_config(file)


@pytest.fixture
def no_uvloop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)


@pytest.mark.parametrize("text", ["", 'host.loop = "auto"', 'host.loop = "uvloop"'])
def test_uvloop_is_taken_where_it_is_installed_and_not_unwanted(tmp_path: Path, text: str) -> None:
    uvloop = pytest.importorskip("uvloop")
    assert loop_factory(config(tmp_path, text)) is uvloop.new_event_loop
    check_machine(config(tmp_path, text))


@pytest.mark.usefixtures("no_uvloop")
def test_without_uvloop_the_loop_is_asyncios(tmp_path: Path) -> None:
    assert loop_factory(config(tmp_path, "")) is asyncio.new_event_loop
    check_machine(config(tmp_path, ""))


def test_asyncios_loop_can_be_asked_for(tmp_path: Path) -> None:
    assert loop_factory(config(tmp_path, 'host.loop = "asyncio"')) is asyncio.new_event_loop


@pytest.mark.usefixtures("no_uvloop")
def test_all_that_is_missing_is_told_at_its_places(tmp_path: Path) -> None:
    text = 'host.loop = "uvloop"\ncontrol.group = "no-such-group"\n'
    with pytest.raises(ConfigError) as caught:
        check_machine(config(tmp_path, text))
    told = [(it.line, it.column, it.key, it.code) for it in caught.value.problems]
    assert told == [
        (1, 13, "host.loop", "not-installed"),
        (2, 17, "control.group", "no-such-group"),
    ]
    assert 'pip install "aplay-host[uvloop]"' in str(caught.value)


def test_a_group_has_its_number_and_no_group_has_none() -> None:
    name = grp.getgrgid(os.getegid()).gr_name
    assert (group_id(name), group_id("")) == (os.getegid(), None)
