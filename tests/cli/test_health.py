"""The verb ``health``: an exit code to rely on, and waiting for it."""

from __future__ import annotations

import signal

import pytest

from .served import Project, until

NO_START = '[actors."/bad"]\nuse = "odd:NoStart"\n'


@pytest.mark.parametrize("options", [["--live"], ["--wait", "--timeout", "0.3"]])
def test_without_a_host_the_code_is_3(project: Project, options: list[str]) -> None:
    project.write("")
    ended = project.run("health", "-o", "json", *options)
    assert (ended.code, ended.out, ended.problem) == (3, "", "no-host")


def test_a_failed_actor_that_is_required_is_not_ready_and_the_data_says_so(
    project: Project,
) -> None:
    project.write(NO_START)
    project.serve()
    ended = project.run("health", "-o", "json")
    assert (ended.code, ended.data["status"]) == (3, "not ready")
    assert project.run("health", "--live").code == 0
    assert project.run("health", "--startup").code == 0
    waited = project.run("health", "--wait", "--timeout", "300ms", "-o", "json")
    assert (waited.code, waited.out, waited.problem) == (4, "", "timeout")


def test_a_failed_actor_that_is_optional_is_degraded(project: Project) -> None:
    project.write(NO_START + "required = false\n")
    project.serve()
    ended = project.run("health", "--wait")
    assert (ended.code, ended.out.splitlines()[0]) == (0, "degraded")


def test_waiting_sees_a_host_come_up_and_goes_on_while_it_starts(project: Project) -> None:
    project.write("")
    served = project.start()
    ended = project.run("health", "--wait", "-o", "json")
    assert (ended.code, ended.data["status"]) == (0, "ok")
    served.signal(signal.SIGTERM)
    assert served.wait() == 0


def test_a_host_that_starts_for_ever_can_be_seen_but_not_used(project: Project) -> None:
    project.write('[actors."/never"]\nuse = "odd:NeverUp"\n')
    served = project.start()
    until(lambda: project.run("health", "--live").code == 0)
    waited = project.run("health", "--wait", "--timeout", "1s", "-o", "json")
    assert (waited.code, waited.problem) == (4, "timeout")
    assert project.run("health", "--startup").code == 3
    assert project.run("status", "/never", "-o", "json").data[0]["state"] == "starting"
    served.signal(signal.SIGTERM)
    assert served.wait() == 0
    assert project.left_behind() == set()
