"""docs/aplay-host.service says what the host relies on, and systemd takes it."""

from __future__ import annotations

import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

from aplay_host.config import load_config

UNIT = Path(__file__).parents[2] / "docs" / "aplay-host.service"


@pytest.fixture(scope="module")
def service() -> dict[str, str]:
    parser = ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign, assignment]
    parser.read_string(UNIT.read_text(encoding="utf-8"))
    return dict(parser["Service"])


def test_the_unit_has_the_keys_that_the_host_relies_on(service: dict[str, str]) -> None:
    wanted = {
        "Type": "notify-reload",
        "StateDirectory": "aplay-host",
        "WatchdogSec": "20",
        "TimeoutStopSec": "45",
        "Restart": "on-failure",
        "RestartPreventExitStatus": "2 7 78",
        "KillMode": "mixed",
    }
    assert wanted.items() <= service.items()


def test_systemd_waits_longer_than_a_drain_takes(service: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "aplay.toml").touch()
    drain = load_config(tmp_path / "aplay.toml").host.drain_timeout
    assert float(service["TimeoutStopSec"]) > drain + 5  # and then the actors' own ends


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_finds_nothing_wrong_with_it(tmp_path: Path) -> None:
    text = UNIT.read_text(encoding="utf-8").replace("Type=notify-reload", "Type=notify")
    text = text.replace("/opt/aplay/bin/aplay-host", "/bin/true")
    (tmp_path / "aplay-host.service").write_text(text, "utf-8")
    call = ["systemd-analyze", "verify", "--man=no", str(tmp_path / "aplay-host.service")]
    done = subprocess.run(call, capture_output=True, text=True, timeout=30, check=False)
    ours = [line for line in done.stderr.splitlines() if "aplay-host.service" in line]
    assert (done.returncode, ours) == (0, [])
