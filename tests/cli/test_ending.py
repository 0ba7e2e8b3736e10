"""Ends that come at a bad moment: during the start, under load, in a race, by kill -9."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import threading
from http.client import HTTPException
from pathlib import Path

import pytest

from aplay_host.control import is_locked, read_instance

from .served import HEAD, PATIENCE, Project, Served, end, until

ROUNDS = int(os.environ.get("APLAY_STOPS", "1"))
RACERS = int(os.environ.get("APLAY_RACERS", "3"))
LEDGER = """
    [actors."/ledger"]
    use = "odd:Ledger"
    max_tasks = 8
    options = { path = "ledger" }
"""
PATIENT = HEAD.replace("0.3", "30")


class Load:
    """Sends numbers to the ledger from a thread of its own, until the host takes no more."""

    def __init__(self, served: Served) -> None:
        self.accepted: set[int] = set()
        self.unknown: set[int] = set()
        self.refusal = "urn:aplay:problem:stopping"
        self._served = served
        self._thread = threading.Thread(target=self._send)
        self.enough = threading.Event()
        self._thread.start()

    def _send(self) -> None:
        for n in range(100_000):
            try:
                self._served.send("/ledger", n)
            except AssertionError as refusal:
                self.refusal = str(refusal)
                return
            except (OSError, ValueError, HTTPException):  # it went while it was asked
                self.unknown.add(n)
                return
            self.accepted.add(n)
            if n == 20:
                self.enough.set()

    def end(self) -> None:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        assert "urn:aplay:problem:stopping" in self.refusal


def written(project: Project) -> list[int]:
    return [int(line) for line in (project.folder / "ledger").read_text().split()]


def test_a_stop_under_load_handles_all_that_was_accepted(project: Project) -> None:
    project.write(LEDGER, head=PATIENT)
    for _ in range(ROUNDS):
        (project.folder / "ledger").unlink(missing_ok=True)
        served = project.serve()
        load = Load(served)
        load.enough.wait(PATIENCE)
        threading.Event().wait(random.random() / 10)  # any moment will do
        served.signal(signal.SIGTERM)
        assert served.wait() == 0, served.log
        load.end()
        handled = written(project)
        assert len(handled) == len(set(handled))
        assert load.accepted <= set(handled) <= load.accepted | load.unknown
        assert project.left_behind() == set()
        assert not is_locked(project.state_dir)


def test_a_host_killed_under_load_makes_room_for_the_next_one(project: Project) -> None:
    project.write(LEDGER, head=PATIENT)
    for _ in range(ROUNDS):
        (project.folder / "ledger").unlink(missing_ok=True)
        served = project.serve()
        load = Load(served)
        load.enough.wait(PATIENCE)
        served.signal(signal.SIGKILL)
        assert served.wait() == -signal.SIGKILL
        load.end()
        assert set(written(project)) <= load.accepted | load.unknown  # memory mail is gone
        assert not is_locked(project.state_dir)
        ended = project.run("status", "-o", "json")
        assert (ended.code, ended.problem) == (3, "no-host")
    served = project.serve()
    record = read_instance(project.state_dir)
    assert record is not None
    assert record.pid == served.pid
    served.signal(signal.SIGTERM)
    assert served.wait() == 0
    assert project.left_behind() == set()


def test_of_hosts_that_race_one_wins_and_the_others_name_it(project: Project) -> None:
    project.write(LEDGER)
    (project.state_dir).mkdir()
    stale = {"pid": 1, "started": "2026-01-01", "config": "/lost", "control": None}
    (project.state_dir / "instance.json").write_text(json.dumps(stale))
    racers = [project.start() for _ in range(RACERS)]
    until(lambda: sum(racer.process.poll() is not None for racer in racers) >= RACERS - 1)
    (winner,) = [racer for racer in racers if racer.process.poll() is None]
    for loser in racers:
        if loser is not winner:
            assert loser.wait() == 7
            assert f"another host runs here: pid {winner.pid}" in loser.log
            assert f"stop it first: kill {winner.pid}" in loser.log
    assert project.run("health", "--wait", "--timeout", "20s").code == 0
    winner.signal(signal.SIGTERM)
    assert winner.wait() == 0
    assert project.left_behind() == set()


def test_a_state_directory_that_cannot_be_written_is_a_bad_configuration(
    project: Project,
) -> None:
    project.write(LEDGER, head='host.state_dir = "/proc/nowhere"\n' + HEAD)
    ended = project.run("serve")
    assert (ended.code, ended.out) == (78, "")
    assert "state directory /proc/nowhere cannot be written" in ended.err
    assert "set state_dir under [host] in aplay.toml" in ended.err


def test_term_while_the_program_is_still_being_imported_is_an_orderly_end(
    project: Project,
) -> None:
    project.write(LEDGER)
    script = (
        "import os, signal, sys; from aplay_host.cli.earlystop import EarlyStop as Real\n"
        "import aplay_host.cli.verbs.serve as serve\n"
        "def early(): real = Real(); os.kill(os.getpid(), signal.SIGTERM); return real\n"
        "serve.EarlyStop = early\n"
        "assert 'aplay_host.host' not in sys.modules\n"
        "sys.argv[1:] = ['serve', '--log-format', 'console']\n"
        "from aplay_host.cli import main; main()\n"
    )
    done = project.script(script)
    assert done.code == 0, done
    assert 'stop by a signal, reason "SIGTERM": done' in done.err
    assert "ready" not in done.err
    assert project.left_behind() == set()


def test_a_terminal_that_goes_takes_the_host_with_it_in_order(project: Project) -> None:
    project.write(LEDGER)
    read, write = os.pipe()
    pid, terminal = os.forkpty()
    if pid == 0:  # the child: between fork and exec nothing but this
        os.chdir(project.folder)
        os.set_inheritable(write, True)
        project.exec("serve", "--ready-fd", str(write))
    os.close(write)
    try:
        with os.fdopen(read, "rb") as ready:
            assert b'"ready"' in ready.readline()
        os.close(terminal)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        pid = 0
    finally:
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    assert project.left_behind() == set()


@pytest.mark.parametrize("errors", [subprocess.PIPE, subprocess.STDOUT])
def test_a_device_that_is_full_does_not_change_how_a_host_ends(
    project: Project, errors: int
) -> None:
    project.write(LEDGER)
    read, write = os.pipe()
    with Path("/dev/full").open("w") as full, os.fdopen(read, "rb") as ready:
        call = ["serve", "--ready-fd", str(write)]
        process = project.popen(call, stdout=full, stderr=errors, pass_fds=(write,))
        os.close(write)
        try:
            assert b'"ready"' in ready.readline()
            process.send_signal(signal.SIGTERM)
            _, told = process.communicate(timeout=PATIENCE)
        finally:
            end(process)
    assert process.returncode == 0
    assert "Traceback" not in (told or "")
    assert project.left_behind() == set()


@pytest.mark.parametrize("call", [("--help",), ("check",), ("check", "-o", "json")])
def test_a_full_device_is_told_in_a_line(project: Project, call: tuple[str, ...]) -> None:
    project.write(LEDGER)
    with Path("/dev/full").open("w") as full:
        process = project.popen(call, stdout=full, stderr=subprocess.PIPE)
        try:
            _, err = process.communicate(timeout=PATIENCE)
        finally:
            end(process)
    assert process.returncode == 1
    assert err == "error: the output cannot be written: No space left on device\n"
