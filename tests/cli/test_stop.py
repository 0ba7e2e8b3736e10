"""How a host ends: by signals, by its actors, and when neither wants to."""

from __future__ import annotations

import re
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
    served.block("/odd")
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
    served.block("/odd")
    ended = project.run("status", "--timeout", "300ms")
    assert (ended.code, ended.out) == (4, "")
    assert f"the host (pid {served.pid}) did not answer within 0.3 s" in ended.err
    assert f"the loop may be blocked; `kill -USR1 {served.pid}` writes its stacks" in ended.err


def test_a_host_that_cannot_be_reached_is_still_a_host(project: Project, served: Served) -> None:
    (project.state_dir / "run" / "control.sock").unlink()
    ended = project.run("status", "-o", "json")
    assert (ended.code, ended.out, ended.problem) == (4, "", "timeout")
    assert f"(pid {served.pid})" in ended.err


def test_usr1_shows_where_a_blocked_loop_stands(project: Project, served: Served) -> None:
    served.block("/odd")
    served.signal(signal.SIGUSR1)
    served.signal(signal.SIGTERM)
    served.signal(signal.SIGINT)
    assert served.wait() == 1
    assert re.search(r'odd\.py", line \d+ in msg_handler', served.log)


def test_usr1_names_what_is_in_hand_and_where_each_task_is(served: Served) -> None:
    served.busy("/odd", {"do": "wait"})
    served.signal(signal.SIGUSR1)
    served.signal(signal.SIGTERM)
    assert served.wait() == 1
    assert re.search(r"SIGUSR1: /odd handles dict for \S+ s at \S+odd\.py:\d+ in msg_h", served.log)
    assert re.search(r"SIGUSR1: task control server is at \S+:\d+ in ", served.log)


def test_while_a_host_drains_it_answers_but_takes_no_mail(project: Project) -> None:
    project.write(ODD, head=HEAD.replace("0.3", "30"))
    served = project.serve()
    served.busy("/odd", {"do": "wait"})
    served.signal(signal.SIGTERM)
    until(lambda: served.phase == "stopping")
    (row,) = project.run("status", "-o", "json").data
    assert (row["in_hand"], row["state"]) == (1, "running")
    assert project.run("health").code == 3
    assert project.run("health", "--live").code == 0
    for verb in ("send", "ask"):
        ended = project.run(verb, "/odd", "1", "-o", "json")
        assert (ended.code, ended.problem) == (7, "stopping")
    served.signal(signal.SIGTERM)
    assert served.wait() == 1


def test_an_actor_that_feeds_itself_does_not_lengthen_the_stop(project: Project) -> None:
    project.write('actors."/feeder".use = "odd:Feeder"\n', head=HEAD.replace("0.3", "30"))
    served = project.serve()
    until(lambda: served.row("/feeder")["counters"]["handled"] > 3)
    began = time.monotonic()
    served.signal(signal.SIGTERM)
    assert served.wait() == 0
    assert time.monotonic() - began < 5.0


def test_a_second_signal_is_a_failure_even_where_nothing_is_cut_off(
    project: Project, served: Served
) -> None:
    served.send("/odd", {"do": "sleep", "seconds": 0.1})
    served.signal(signal.SIGTERM)
    served.signal(signal.SIGINT)
    assert served.wait() == 1


def test_a_stop_drops_the_reload_that_waits_for_a_busy_actor(
    project: Project, served: Served
) -> None:
    served.busy("/odd", {"do": "wait"})
    project.write(ODD + "max_tasks = 2")
    served.signal(signal.SIGHUP)
    until(lambda: served.row("/odd")["state"] == "paused")
    served.signal(signal.SIGTERM)
    assert served.wait() == 1
    assert 'reload by a signal, reason "SIGHUP": cancelled' in served.log
    assert project.left_behind() == set()


def test_a_hangup_during_the_start_is_answered_after_it(project: Project) -> None:
    project.write('[actors."/slow"]\nuse = "odd:SlowStart"\n' + ODD)
    served = project.start()
    until(lambda: (project.state_dir / "instance.json").exists())
    project.write('[actors."/slow"]\nuse = "odd:SlowStart"\n' + ODD + "max_tasks = 2")
    served.signal(signal.SIGHUP)
    assert project.run("health", "--wait", "--timeout", "20s").code == 0
    served.ready = {"control": str(project.state_dir / "run" / "control.sock")}
    until(lambda: served.row("/odd")["generation"] == 2)
    served.signal(signal.SIGTERM)
    assert served.wait() == 0


# ---- host.on_failed ------------------------------------------------------------------------


@pytest.mark.parametrize(("required", "code"), [("true", 1), ("false", None)])
def test_a_required_actor_that_fails_ends_a_host_that_is_told_so(
    project: Project, required: str, code: int | None
) -> None:
    failing = f'[actors."/bad"]\nuse = "odd:NoStart"\nrequired = {required}\n'
    project.write(failing + ODD, head='host.on_failed = "exit"\n' + HEAD)
    if code is None:
        served = project.serve()
        served.signal(signal.SIGTERM)
        assert served.wait() == 0
    else:
        served = project.start()
        assert served.wait() == code
        assert "stopping: /bad is failed, and is required" in served.log
    assert project.left_behind() == set()


# ---- the control socket --------------------------------------------------------------------


def test_a_host_without_a_control_socket_says_so_to_its_clients(project: Project) -> None:
    project.write(ODD, head="control.enabled = false\n" + HEAD)
    served = project.serve()
    assert served.ready["control"] is None
    assert not (project.state_dir / "run").exists()
    ended = project.run("status")
    assert (ended.code, ended.out) == (4, "")
    assert f"the host (pid {served.pid}) runs without a control socket" in ended.err
    served.signal(signal.SIGTERM)
    assert served.wait() == 0
    assert project.run("status").code == 3


def test_a_group_and_a_loop_that_are_not_there_are_located_mistakes(project: Project) -> None:
    project.write(ODD, head='control.group = "no-such-group"\n' + HEAD)
    for verb in ("serve", "check"):
        ended = project.run(verb)
        assert ended.code == 78
        told = ended.err + ended.out
        assert "aplay.toml:1:17: error: control.group: no group 'no-such-group'" in told


def test_asyncios_own_loop_is_there_to_be_had(project: Project) -> None:
    project.write(ODD, head='host.loop = "asyncio"\n' + HEAD)
    served = project.serve()
    assert served.ask("/odd", {"do": "tell the loop"}) == "asyncio.unix_events"
    served.signal(signal.SIGINT)
    assert served.wait() == 0
