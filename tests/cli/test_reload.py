"""Reloading from the command line: what it prints, and what it ends with."""

from __future__ import annotations

import re
import signal
from textwrap import dedent

import pytest

from .served import Project, Served, until

ADDER = """
    from aplay_host import Actor

    STEP = 1

    class Adder(Actor):
        total = 0

        async def msg_handler(self, msg):
            self.total += STEP
            return self.total
"""


@pytest.fixture
def served(project: Project) -> Served:
    write(project, ADDER)
    project.write('[actors."/adder"]\nuse = "adder:Adder"\n', head='plugins.paths = ["."]\n')
    return project.serve("--log-format", "console")


def write(project: Project, source: str) -> None:
    (project.folder / "adder.py").write_text(dedent(source))


def test_edited_code_runs_and_the_actor_has_its_state(project: Project, served: Served) -> None:
    assert served.ask("/adder", None) == 1
    write(project, ADDER.replace("STEP = 1", "STEP = 10"))
    plan = project.run("reload", "--dry-run")
    assert plan.code == 0
    assert "swap /adder: its class adder:Adder" in plan.out.splitlines()
    done = project.run("reload")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("reload #2 adder.py → 1 module, 1 actor · ")
    assert served.ask("/adder", None) == 11
    assert served.row("/adder")["generation"] == 2
    assert "generation 2" in project.run("status").out
    again = project.run("reload", "-o", "json")
    assert (again.code, again.data["outcome"]) == (0, "nothing")


def test_report_has_the_fields_of_the_contract(project: Project, served: Served) -> None:
    write(project, ADDER.replace("STEP = 1", "STEP = 10"))
    done = project.run("reload", "-o", "json")
    assert done.document["schema"] == "aplay.reload/1"
    assert done.document["host"]["generation"] == 2
    data = done.data
    assert set(data) == {
        "outcome",
        "generation_from",
        "generation_to",
        "plan",
        "modules",
        "config",
        "phases_s",
        "error",
        "code_of",
    }
    assert (data["outcome"], data["generation_from"], data["generation_to"]) == ("committed", 1, 2)
    assert (data["modules"], data["config"], data["error"]) == (["adder"], [], None)
    assert set(data["phases_s"]) >= {"plan", "stage", "drain", "swap"}


def test_wrong_code_is_refused_with_its_place_and_the_old_goes_on(
    project: Project, served: Served
) -> None:
    served.ask("/adder", None)
    write(project, ADDER.replace("STEP = 1", "STEP = ("))
    refused = project.run("reload")
    assert (refused.code, refused.err) == (1, "")
    assert refused.out.startswith("reload #2 REFUSED adder.py:4: SyntaxError: '(' was never closed")
    assert "still running #1" in refused.out
    shown = project.run("reload", "-o", "json")
    assert (shown.code, shown.data["outcome"]) == (1, "refused")
    assert shown.data["error"]["code"] == "syntax"
    assert served.ask("/adder", None) == 2
    status, tree = project.run("status"), project.run("tree")
    assert status.out.splitlines()[1].startswith("reload #2 REFUSED adder.py:4")
    assert tree.out.splitlines()[0].startswith("reload #2 REFUSED adder.py:4")
    write(project, ADDER)
    assert project.run("reload", "-o", "json").document["host"]["banner"] is None
    assert "REFUSED" not in project.run("status").out
    write(project, ADDER.replace("STEP = 1", "STEP = nobody"))
    assert project.run("reload").code == 1
    served.signal(signal.SIGTERM)
    assert served.wait() == 0
    assert "reload #2 REFUSED adder.py:4" in served.log
    assert re.search(r'^    Traceback .*\n      File ".*adder.py", line 4', served.log, re.M)


def test_plugin_that_is_not_there_is_no_such_thing(project: Project, served: Served) -> None:
    ended = project.run("reload", "--plugin", "nowhere", "-o", "json")
    assert (ended.code, ended.out, ended.problem) == (5, "", "no-such-plugin")


def test_without_a_host_there_is_nothing_to_reload(project: Project) -> None:
    project.write("")
    assert project.run("reload").code == 3


def test_rollback_runs_the_code_before_and_a_second_one_the_newest(
    project: Project, served: Served
) -> None:
    none = project.run("rollback")
    assert none.code == 1
    assert "there is no generation before this one" in none.out
    write(project, ADDER.replace("STEP = 1", "STEP = 10"))
    assert project.run("reload").code == 0
    assert served.ask("/adder", None) == 10
    assert "swap /adder" in project.run("rollback", "--dry-run").out
    back = project.run("rollback", "-o", "json")
    assert back.document["schema"] == "aplay.rollback/1"
    assert (back.code, back.data["outcome"], back.data["generation_to"]) == (0, "committed", 3)
    assert back.data["code_of"] == 1
    assert served.ask("/adder", None) == 11
    again = project.run("rollback")
    assert again.code == 0
    assert again.out.startswith("rollback #4 adder.py → 1 module, 1 actor · ")
    assert again.out.endswith(" · ok · running #4 = code of #2\n")
    assert served.ask("/adder", None) == 21


def test_a_rollback_is_shown_until_what_is_on_disk_runs(project: Project, served: Served) -> None:
    write(project, ADDER.replace("STEP = 1", "STEP = 10"))
    assert project.run("reload").code == 0
    line = project.run("rollback").out.strip()
    assert project.run("status").out.splitlines()[1] == line
    assert project.run("reload").code == 0
    assert "rollback" not in project.run("status").out


def test_what_waits_for_the_next_start_is_said_by_reload_and_status(
    project: Project, served: Served
) -> None:
    file = project.folder / "aplay.toml"
    file.write_text(f"host.drain_timeout = 7\n{file.read_text()}")
    line = "aplay.toml: host.drain_timeout: counts from the next start of the host"
    assert project.run("reload").out.splitlines()[1:] == [line]
    assert project.run("status").out.splitlines()[1] == line


def test_the_file_alone_is_read_again_by_a_flag_and_by_hup(
    project: Project, served: Served
) -> None:
    served.ask("/adder", None)
    write(project, ADDER.replace("STEP = 1", "STEP = 10"))
    entry = '[actors."/adder"]\nuse = "adder:Adder"\nmax_tasks = {}\n'
    head = 'plugins.paths = ["."]\n'
    project.write(entry.format(2), head=head)
    done = project.run("reload", "--config", "-o", "json")
    assert (done.code, done.data["outcome"], done.data["modules"]) == (0, "committed", [])
    (change,) = done.data["config"]
    assert (change["key"], change["after"]) == ('actors."/adder".max_tasks', 2)
    assert served.ask("/adder", None) == 2
    project.write(entry.format(3), head=head)
    served.signal(signal.SIGHUP)
    until(lambda: served.row("/adder")["generation"] == 3)
    assert served.ask("/adder", None) == 3
    project.write(entry.format(0), head=head)
    bad = project.run("reload")
    assert bad.code == 78
    assert "aplay.toml:4:13: actors" in bad.out
    assert project.run("reload", "-c", "aplay.toml").code == 78
    assert project.run("reload", "--config", "--plugin", "x").code == 2


def test_what_else_came_of_it_stands_below_the_line(project: Project, served: Served) -> None:
    begins = "if msg == 'begin':\n            self.create_task(self.work())\n            return"
    work = "async def work(self):\n        import asyncio\n        await asyncio.Event().wait()\n"
    source = dedent(ADDER).replace("self.total +=", f"{begins}\n        self.total +=")
    (project.folder / "adder.py").write_text(f"{source}\n    {work}")
    assert project.run("reload").code == 0
    served.ask("/adder", "begin")
    (project.folder / "adder.py").write_text(f"{source}\n    {work}\n\n")
    head, note = project.run("reload").out.splitlines()
    assert head.startswith("reload #3 ")
    assert note == "  task /adder work ended, and nobody has begun it again"
