"""The client beside a host that it may not see."""

from __future__ import annotations

from pathlib import Path

import pytest

from aplay_host.cli import client as client_module
from aplay_host.cli.client import Client
from aplay_host.cli.options import Common
from aplay_host.control import Instance
from aplay_host.errors import CommandError


def test_a_client_that_may_not_look_into_the_state_directory_hears_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(state_dir: Path) -> Instance:
        raise PermissionError(13, "Permission denied", str(state_dir / "instance.json"))

    (tmp_path / "aplay.toml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(client_module, "read_instance", refuse)
    with pytest.raises(CommandError, match=r"Permission denied: .*instance\.json") as caught:
        Client(Common()).get("/v1/host")
    assert caught.value.kind.name == "forbidden"
    assert "control] group" in caught.value.hint
