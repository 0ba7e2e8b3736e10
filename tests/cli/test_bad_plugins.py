"""Plugins that break the process that imports them, and what a person can still do."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from aplay_host.testing import dist

from .served import Project, Served

GOOD = (
    "from aplay_host import Actor\nclass A(Actor):\n    async def msg_handler(self, m): return m\n"
)
DEADLY = "import os\nos._exit(9)\n"
TREE = '[actors."/bad"]\nuse = "deadly"\n[actors."/good"]\nuse = "good"\n'


@pytest.fixture
def deadly(project: Project) -> Project:
    project.install("deadly", "deadly = deadly:A", {"deadly.py": DEADLY})
    project.install("good", "good = good:A", {"good.py": GOOD})
    project.write(TREE, head="")
    return project


def plugins(project: Project) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in project.run("plugins", "list", "-o", "json").data}


def end(served: Served) -> None:
    served.signal(signal.SIGTERM)
    assert served.wait() == 0


def test_second_death_during_import_quarantines_only_that_plugin(deadly: Project) -> None:
    for _ in range(2):
        assert deadly.run("serve").code == 9
    served = deadly.serve()
    assert served.ask("/good", 1) == 1
    assert served.row("/bad")["state"] == "failed"
    row = plugins(deadly)["deadly/deadly"]
    assert row["state"] == "quarantined"
    assert row["reason"]["type"] == "quarantined"
    assert row["reason"]["message"].startswith("the process died while importing it, at 20")
    assert plugins(deadly)["good/good"]["state"] == "active"
    end(served)
    (deadly.folder / "site-packages/deadly.py").write_text(GOOD)
    served = deadly.serve()
    assert served.ask("/bad", 2) == 2
    end(served)
    assert "plugins.loading" not in deadly.left_behind()


def test_safe_host_runs_beside_a_plugin_that_kills_who_imports_it(deadly: Project) -> None:
    served = deadly.serve("--safe")
    assert (served.row("/bad")["state"], served.row("/bad")["held"]) == ("stopped", True)
    served.send("/bad", "for later")
    assert served.row("/bad")["pending"] == 1
    assert deadly.run("health").out.splitlines()[1:] == [
        "  /bad is held: safe mode",
        "  /good is held: safe mode",
    ]
    started = deadly.run("start", "/good")
    assert started.code == 1
    assert "safe mode" in started.out + started.err
    end(served)
    assert deadly.left_behind() <= {"held.json"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["tree"],
        ["health"],
        ["send", "/good", "1"],
        ["ask", "/good", "1"],
        ["stop", "/good"],
        ["start", "/good"],
        ["restart", "/good"],
        ["plugins", "list"],
    ],
    ids=" ".join,
)
def test_recovery_command_imports_no_plugin(shared_good: Project, arguments: list[str]) -> None:
    ended = shared_good.run(*arguments)
    assert ended.code == 0, ended


@pytest.mark.parametrize("arguments", [["plugins", "list"], ["check", "--no-import"]], ids=" ".join)
def test_recovery_command_without_a_host_imports_no_plugin(
    deadly: Project, arguments: list[str]
) -> None:
    assert deadly.run(*arguments).code == 0


@pytest.fixture(scope="module")
def shared_good(shared: Project) -> Project:
    """A host that runs, and whose plugins kill who imports them from now on."""
    shared.install("good", "good = good:A", {"good.py": GOOD})
    shared.write('[actors."/good"]\nuse = "good"\n', head="")
    shared.serve()
    (shared.folder / "site-packages/good.py").write_text(DEADLY)
    return shared


def test_strict_start_reports_all_bad_plugins_and_exits_1(project: Project) -> None:
    bad = {
        "raises": "raise ValueError('boom')",
        "exits": "import sys; sys.exit(3)",
        "needs": "import no_such_jwt",
        "fitless": "from aplay_host import hookimpl\n@hookimpl\ndef aplay_on_moon(): ...",
    }
    for name, source in bad.items():
        points = f"[aplay_host.plugins]\n{name} = {name}\n"
        site = project.folder / "site-packages"
        dist(site, name, files={f"{name}.py": source}, entry_points=points)
    dist(site, "torn", entry_points="[aplay_host.plugins]\nrubbish\n")
    project.write("", head="")
    ended = project.run("serve", "--strict", "-o", "json")
    assert (ended.code, ended.out) == (1, "")
    (line,) = [line for line in ended.err.splitlines() if line.startswith("{")]
    told = json.loads(line)["detail"].splitlines()
    assert told[0] == "strict, and these plugins are bad:"
    assert [one.partition(":")[0] for one in told[1:]] == [
        *("exits/exits", "fitless/fitless", "needs/needs", "raises/raises", "torn"),
    ]
