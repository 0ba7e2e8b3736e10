"""The notify protocol over real sockets: what is sent, to whom, and what is taken out."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from aplay_host.telemetry import Notifier


@pytest.fixture
def channel() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.settimeout(5.0)
        yield channel


def test_fields_come_in_one_datagram_with_a_line_each(
    channel: socket.socket, tmp_path: Path
) -> None:
    channel.bind(str(tmp_path / "notify"))
    Notifier(str(tmp_path / "notify")).tell(READY=1, STATUS="41 running, 1 failed")
    assert channel.recv(1000) == b"READY=1\nSTATUS=41 running, 1 failed"


def test_an_address_with_an_at_is_in_no_folder(channel: socket.socket) -> None:
    channel.bind(f"\0aplay-host-test-{os.getpid()}")
    Notifier(f"@aplay-host-test-{os.getpid()}").tell(STOPPING=1)
    assert channel.recv(1000) == b"STOPPING=1"


def test_a_text_of_several_lines_adds_no_field(channel: socket.socket, tmp_path: Path) -> None:
    channel.bind(str(tmp_path / "notify"))
    Notifier(str(tmp_path / "notify")).tell(STATUS="stopping: Odd(\nREADY=1)")
    assert channel.recv(1000) == b"STATUS=stopping: Odd( READY=1)"


def test_what_the_environment_says_is_taken_out_of_it() -> None:
    environ = {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "20000000", "HOME": "/"}
    notifier = Notifier.taken_from(environ)
    assert (notifier.is_heard, notifier.watchdog) == (True, 20.0)
    assert environ == {"HOME": "/"}


@pytest.mark.parametrize(
    ("told", "watchdog"),
    [
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": str(os.getpid())}, 0.5),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_ours_only_when_it_says_so(
    told: dict[str, str], watchdog: float | None
) -> None:
    assert Notifier.taken_from({"NOTIFY_SOCKET": "@x", **told}).watchdog == watchdog


@pytest.mark.parametrize("address", ["", "vsock:2:1", "relative"])
def test_without_an_address_of_ours_nobody_is_told(address: str) -> None:
    notifier = Notifier.taken_from({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1"})
    notifier.tell(READY=1)
    assert (notifier.is_heard, notifier.watchdog) == (False, None)


def test_a_service_manager_that_is_gone_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Notifier(str(tmp_path / "nobody")).tell(READY=1)
    assert "the service manager was not told READY=1: " in caplog.text
