"""``start``, ``stop`` and ``restart``: what they do to actors, and what stays of a stop."""

from __future__ import annotations

import signal

import pytest

from tests.cli.served import Project, until

TWO = """
    [actors."/a"]
    use = "odd:Odd"

    [actors."/b"]
    use = "odd:Odd"
"""


def states(project: Project) -> dict[str, tuple[str, bool]]:
    rows = project.run("status", "-o", "json").data
    return {row["address"]: (row["state"], row["held"]) for row in rows}


def test_a_stopped_actor_keeps_its_mail_until_it_is_started(project: Project) -> None:
    project.write(TWO)
    project.serve()
    stopped = project.run("stop", "/a", "-o", "json")
    assert stopped.document["schema"] == "aplay.stop/1"
    assert stopped.data == {
        "results": [
            {"address": "/a", "changed": True, "state": "stopped", "pending": 0, "problem": None}
        ]
    }
    assert project.run("send", "/a", "1").code == 0
    assert project.run("ask", "/a", "1").code == 7
    assert project.run("stop", "/a", "-o", "json").data["results"][0]["changed"] is False
    assert states(project) == {"/a": ("stopped", True), "/b": ("running", False)}
    assert project.run("start", "/a").code == 0
    assert project.run("ask", "/a", "2").out == "2\n"
    (row,) = project.run("status", "/a", "-o", "json").data
    assert row["counters"]["handled"] == 2


def test_a_stop_holds_over_a_restart_of_the_host_and_a_start_ends_it(project: Project) -> None:
    project.write(TWO)
    first = project.serve()
    assert project.run("stop", "/b").code == 0
    first.signal(signal.SIGKILL)
    first.wait()
    second = project.serve()
    assert states(project) == {"/a": ("running", False), "/b": ("stopped", True)}
    assert project.run("health").out == "degraded\n  /b was stopped by a person\n"
    assert project.run("start", "/b").code == 0
    second.signal(signal.SIGTERM)
    assert second.wait() == 0
    project.serve()
    assert states(project) == {"/a": ("running", False), "/b": ("running", False)}


def test_a_restart_gives_a_new_instance(project: Project) -> None:
    project.write(TWO)
    project.serve()
    ended = project.run("restart", "/*", "--yes")
    assert ended.code == 0
    assert [line.split()[:2] for line in ended.out.splitlines()[1:]] == [
        ["/a", "running"],
        ["/b", "running"],
    ]
    rows = project.run("status", "-o", "json").data
    assert [row["restarts"] for row in rows] == [1, 1]


def test_what_cannot_be_steered_says_why(project: Project) -> None:
    project.write(TWO + '[actors."/bad"]\nuse = "odd:NoStart"')
    project.serve()
    for verb in ("start", "stop", "restart"):
        unknown = project.run(verb, "/aa")
        assert (unknown.code, unknown.out) == (5, "")
        assert "did you mean /a?" in unknown.err
        assert project.run(verb, "/*").code == 2
        assert "say --yes" in project.run(verb, "/*").err
    failed = project.run("start", "/bad", "-o", "json")
    assert (failed.code, failed.out, failed.problem) == (1, "", "start-failed")


@pytest.mark.parametrize(
    "text", ["nonsense", '{"held": 5}', "[]", '{"held": {"/a": 5}}', '{"held": {"/a": "noon"}}']
)
def test_an_unusable_list_of_holds_is_reported_and_holds_nobody(
    project: Project, text: str
) -> None:
    project.write(TWO)
    project.state_dir.mkdir()
    (project.state_dir / "held.json").write_text(text)
    served = project.serve()
    assert states(project) == {"/a": ("running", False), "/b": ("running", False)}
    served.signal(signal.SIGTERM)
    assert served.wait() == 0
    assert "held.json cannot be used, nothing is held" in served.log


def test_a_restart_of_a_held_actor_is_refused(
    project: Project,
) -> None:
    project.write(TWO)
    project.serve()
    assert project.run("stop", "/a").code == 0
    refused = project.run("restart", "/a", "-o", "json")
    assert (refused.code, refused.out, refused.problem) == (7, "", "held")
    assert states(project)["/a"] == ("stopped", True)


def test_an_actor_that_stops_itself_by_error_is_not_held_over_a_restart(project: Project) -> None:
    project.write(TWO.replace('"odd:Odd"', '"odd:Odd"\n    on_error = "stop"'))
    first = project.serve()
    assert project.run("ask", "/a", '{"do": "raise", "text": "no"}').code == 1
    until(lambda: first.row("/a")["state"] == "stopped")
    assert project.run("health").out == "degraded\n  /a stopped itself after an error: no\n"
    assert project.run("stop", "/b").code == 0
    first.signal(signal.SIGTERM)
    assert first.wait() == 0
    project.serve()
    assert states(project) == {"/a": ("running", False), "/b": ("stopped", True)}
