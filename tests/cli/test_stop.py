"""How a host ends: by signals, by its actors, and when neither wants to."""

from __future__ import annotations

import signal
import time

import pytest

from .served import HEAD, Project, Served, until

ODD = """
    [actors."/odd"]
    use = "odd:Odd"
    stop_timeout = 0.2
"""


@pytest.fixture
def served(project: Project) -> Served:
    project.write(ODD)
    return project.serve()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_signal_is_an_orderly_stop(
    project: Project, served: Served, number: signal.Signals
) -> None:
    served.signal(number)
    assert served.wait() == 0
    assert f"stopping: {number.name}" in served.log
    assert "stopped in order" in served.log
    assert project.left_behind() == set()


def test_a_signal_during_the_start_is_an_orderly_stop(project: Project) -> None:
    project.write('[actors."/never"]\nuse = "odd:NeverUp"\n' + ODD)
    served = project.start()
    until(lambda: project.run("status", "/never", "-q").code == 3 and project.state_dir.exists())
    served.signal(signal.SIGTERM)
    assert served.wait() == 0
    assert project.left_behind() == set()


def test_a_stop_that_has_to_cut_a_handler_off_exits_1(project: Project, served: Served) -> None:
    served.busy("/odd", {"do": "wait"})
    served.signal(signal.SIGTERM)
    assert served.wait() == 1
    assert "not in order: handlers were cut off" in served.log
    assert project.left_behind() == set()


@pytest.mark.parametrize("do", ["ignore cancellation", "wait in a thread"])
def test_a_handler_that_cannot_be_cut_off_does_not_keep_the_process(
    project: Project, served: Served, do: str
) -> None:
    served.busy("/odd", {"do": do})
    served.signal(signal.SIGTERM)
    assert served.wait() == 1
    assert project.left_behind() == set()


def test_a_task_that_ignores_its_cancellation_is_left_behind_by_name(
    project: Project, served: Served
) -> None:
    served.ask("/odd", {"do": "leave a task behind"})
    served.signal(signal.SIGTERM)
    assert served.wait() == 1
    assert "not in order: /odd ignore_cancellation at " in served.log
    assert project.left_behind() == set()


def test_a_thread_that_an_actor_left_running_does_not_keep_the_process(
    project: Project, served: Served
) -> None:
    served.send("/odd", {"do": "begin a thread"})
    served.signal(signal.SIGTERM)
    assert served.wait() == 0
    assert project.left_behind() == set()


def test_a_second_signal_cuts_handlers_off_at_once(project: Project) -> None:
    project.write(ODD, head=HEAD.replace("0.3", "30"))
    served = project.serve()
    served.busy("/odd", {"do": "wait"})
    for _ in range(3):
        served.send("/odd", {"do": "wait"})
    served.signal(signal.SIGINT)
    until(lambda: served.phase == "stopping")
    began = time.monotonic()
    served.signal(signal.SIGINT)
    assert served.wait() == 1
    assert time.monotonic() - began < 2.5
    assert project.left_behind() == set()


def test_signals_reach_a_host_whose_loop_is_blocked(project: Project, served: Served) -> None:
    served.send("/odd", {"do": "block"})
    assert blocked(project)
    served.signal(signal.SIGTERM)
    began = time.monotonic()
    served.signal(signal.SIGINT)
    assert served.wait() == 1
    assert time.monotonic() - began < 3.0


def test_a_handler_that_exits_ends_the_host_in_order(project: Project, served: Served) -> None:
    served.send("/odd", {"do": "exit"})
    assert served.wait() == 1
    assert "a handler raised SystemExit(3)" in served.log
    assert project.left_behind() == set()


def test_a_killed_host_is_not_running_and_a_new_one_takes_its_place(
    project: Project, served: Served
) -> None:
    served.signal(signal.SIGKILL)
    served.wait()
    assert project.left_behind() == {"instance.json", "control.sock"}
    ended = project.run("status", "-o", "json")
    assert (ended.code, ended.problem) == (3, "no-host")
    again = project.serve()
    assert again.ask("/odd", 1) == 1
    again.signal(signal.SIGTERM)
    assert again.wait() == 0
    assert project.left_behind() == set()


def test_a_host_whose_loop_is_blocked_is_named_by_its_pid(project: Project, served: Served) -> None:
    served.send("/odd", {"do": "block"})
    ended = project.run("status", "--timeout", "300ms")
    assert (ended.code, ended.out) == (4, "")
    assert f"the host (pid {served.pid}) did not answer within 0.3 s" in ended.err


def test_a_host_that_cannot_be_reached_is_still_a_host(project: Project, served: Served) -> None:
    (project.state_dir / "run" / "control.sock").unlink()
    ended = project.run("status", "-o", "json")
    assert (ended.code, ended.out, ended.problem) == (4, "", "timeout")
    assert f"(pid {served.pid})" in ended.err


def blocked(project: Project) -> bool:
    return project.run("health", "--live", "--timeout", "200ms").code == 4
