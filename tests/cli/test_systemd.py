"""A served host as systemd sees it: datagrams on a real socket, signals as it sends them."""

from __future__ import annotations

import re
import signal
import socket
import time
from collections.abc import Iterator

import pytest

from .served import PATIENCE, Project, Served, until

ODD = """
    [actors."/odd"]
    use = "odd:Odd"
    stop_timeout = 0.2
"""
WATCHDOG = 0.3


class Manager:
    """The other end: keeps the datagrams that have come, in order."""

    def __init__(self, project: Project) -> None:
        self.address = str(project.folder / "notify")
        self._channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._channel.bind(self.address)
        self._channel.settimeout(PATIENCE)

    def next(self, key: str) -> dict[str, str]:
        """Return the fields of the next datagram that has `key`; those before it are dropped."""
        while True:
            fields = dict(line.split("=", 1) for line in self.receive().splitlines())
            if key in fields:
                return fields

    def receive(self) -> str:
        return self._channel.recv(4096).decode()

    def heard_within(self, seconds: float) -> list[str]:
        """Return what comes in that time."""
        ends, heard = time.monotonic() + seconds, []
        while (left := ends - time.monotonic()) > 0:
            self._channel.settimeout(left)
            try:
                heard.append(self.receive())
            except TimeoutError:
                break
        self._channel.settimeout(PATIENCE)
        return heard

    def close(self) -> None:
        self._channel.close()


@pytest.fixture
def manager(project: Project) -> Iterator[Manager]:
    manager = Manager(project)
    yield manager
    manager.close()


@pytest.fixture
def served(project: Project, manager: Manager) -> Served:
    project.write(ODD)
    usec = str(int(WATCHDOG * 1e6))
    return project.serve(NOTIFY_SOCKET=manager.address, WATCHDOG_USEC=usec)


def test_a_life_under_systemd_is_told_in_its_words(
    project: Project, manager: Manager, served: Served
) -> None:
    assert manager.next("READY") == {"READY": "1", "STATUS": "1 running"}
    beats = manager.heard_within(2.0)
    assert len(beats) >= 2.0 / (WATCHDOG / 2) / 2  # on a machine that has other things to do
    assert set(beats) == {"WATCHDOG=1"}
    served.signal(signal.SIGTERM)
    stopping = manager.next("STOPPING")
    assert stopping == {"STOPPING": "1", "STATUS": "stopping: SIGTERM; 1 running"}
    assert served.wait() == 0


@pytest.mark.parametrize(("saved", "outcome"), [(2, "committed"), (0, "refused (bad-config)")])
def test_a_reload_is_told_with_its_time_and_its_end_whatever_comes_of_it(
    project: Project, manager: Manager, served: Served, saved: int, outcome: str
) -> None:
    manager.next("READY")
    project.write(f"{ODD}max_tasks = {saved}")
    asked = time.monotonic_ns() // 1000
    served.signal(signal.SIGHUP)
    reloading = manager.next("RELOADING")
    assert reloading.keys() == {"RELOADING", "MONOTONIC_USEC"}
    assert asked <= int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    assert manager.next("READY")["READY"] == "1"
    assert served.ask("/odd", 1) == 1
    served.signal(signal.SIGTERM)
    assert served.wait() == 0
    assert f'reload by a signal, reason "SIGHUP": {outcome}' in served.log


def test_a_blocked_loop_is_silent_and_sigabrt_shows_where_it_stands(
    manager: Manager, served: Served
) -> None:
    manager.next("READY")
    served.block("/odd")
    manager.heard_within(WATCHDOG)
    assert manager.heard_within(2 * WATCHDOG) == []
    served.signal(signal.SIGABRT)
    assert served.wait() == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in served.log
    assert re.search(r'odd\.py", line \d+ in msg_handler', served.log)


def test_no_child_can_speak_in_the_hosts_name(served: Served) -> None:
    environment = served.ask("/odd", {"do": "tell the environment"})
    assert "PATH" in environment
    assert not [name for name in environment if "NOTIFY" in name or "WATCHDOG" in name]


def test_ready_waits_for_the_first_tree(project: Project, manager: Manager) -> None:
    project.write('[actors."/never"]\nuse = "odd:NeverUp"\n' + ODD)
    served = project.start(NOTIFY_SOCKET=manager.address)
    assert manager.next("STATUS")["STATUS"].startswith("starting; ")
    until(lambda: (project.state_dir / "instance.json").exists())
    served.signal(signal.SIGTERM)
    seen: list[dict[str, str]] = []
    while "STOPPING" not in (seen or [{}])[-1]:
        seen.append(dict(line.split("=", 1) for line in manager.receive().splitlines()))
    assert not any("READY" in fields for fields in seen)
    assert served.wait() == 0
