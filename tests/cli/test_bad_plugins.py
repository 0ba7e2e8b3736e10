"""Plugins that break the process that imports them, and what a person can still do."""

from __future__ import annotations

import json
import os
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


ACTORS, PLUGINS = "aplay_host.actors", "aplay_host.plugins"
HOOK = "from aplay_host import hookimpl\n@hookimpl\n"
BROKEN: dict[str, tuple[str, str]] = {  # by name: what the metadata say, and the module
    "raises": (f"[{ACTORS}]\nraises = raises:A", "raise ValueError('boom')"),
    "exits": (f"[{PLUGINS}]\nexits = exits", "import sys\nsys.exit(3)"),
    "hangs": (f"[{ACTORS}]\nhangs = hangs:A", "import time\ntime.sleep(30)"),
    "needs": (f"[{PLUGINS}]\nneeds = needs", "import no_such_jwt"),
    "argues": (f"[{PLUGINS}]\nargues = argues", f"{HOOK}def aplay_before_reload(pla): ..."),
    "waits": (f"[{PLUGINS}]\nwaits = waits", f"{HOOK}async def aplay_actors(host): ..."),
    "twice": (f"[{ACTORS}]\ntwice = twice:A\ntwice = twice:B", GOOD),
    "torn": (f"[{ACTORS}]\ntorn = torn:A\nto", GOOD),
    "latin": (f"[{ACTORS}]\n# caf\xe9\nlatin = latin:A", GOOD),
    "nowhere": (f"[{ACTORS}]\nnowhere = nowhere.mod:A", ""),
}


@pytest.fixture
def ten(project: Project) -> Project:
    """Ten broken packages and a sound one; an actor for each one whose door has names."""
    site = project.folder / "site-packages"
    for name, (points, source) in BROKEN.items():
        files = {f"{name}.py": source} if source else {}
        metadata = dist(site, name, files=files, entry_points=points.encode("latin-1"))
        if name == "torn":
            (metadata / "RECORD").unlink()
            for path in (*metadata.iterdir(), metadata):
                os.utime(path, (1_000_000_000, 1_000_000_000))
    project.install("good", "good = good:A", {"good.py": GOOD})
    # A module may take 5 s; in these hosts one second.
    (site / "sitecustomize.py").write_text(
        "from aplay_host.plugins import loading\nloading.IMPORT_SECONDS = 1.0\n"
    )
    project.write("".join(f'[actors."/{it}"]\nuse = "{it}"\n' for it in NAMED), head="")
    return project


NAMED = ("good", "hangs", "nowhere", "raises")


PIP = "pip install --force-reinstall {}"
MEND = "correct it, then: aplay-host reload --plugin {}"
TOLD = {  # by name: state, what the reason says, and the cure where that does not say it
    "raises": ("failed", "import: ValueError: boom (raises.py:1)", MEND),
    "exits": ("failed", "import: SystemExit: 3 (exits.py:2)", MEND),
    "hangs": ("failed", "import: ImportTimeout: not done after 1 s (hangs.py:2)", MEND),
    "needs": ("failed", 'import: needs "no_such_jwt", not installed; not among', MEND),
    "argues": ("incompatible", 'no such argument; did you mean "plan"? (argues.py:2)', MEND),
    "waits": ("incompatible", '"async def"; this hook wants "def" (waits.py:2)', MEND),
    "twice": ("broken", '"twice" is there twice in [aplay_host.actors]', PIP),
    "torn": ("broken", 'metadata: got "to", want "name = module:object"', PIP),
    "latin": ("broken", "metadata: byte 0xe9 is not UTF-8", PIP),
    "nowhere": ("failed", "a file is lost, run `pip install --force-reinstall nowhere`", MEND),
}


def test_ten_broken_packages_at_once_are_told_with_their_cures_and_stop_nobody(
    ten: Project,
) -> None:
    served = ten.serve()
    assert served.ask("/good", 1) == 1
    lines = {line.partition(" ")[0]: line for line in ten.run("plugins", "list").out.splitlines()}
    rows = {row["dist"]: row for row in plugins(ten).values()}
    for name, (state, reason, cure) in TOLD.items():
        line = lines[rows[name]["id"]]
        assert (rows[name]["state"], rows[name]["cure"]) == (state, cure.format(name) or None)
        assert reason in line
        assert cure.format(name) in line
    assert {served.row(f"/{name}")["state"] for name in NAMED if name != "good"} == {"failed"}
    assert served.ask("/good", 2) == 2
    end(served)


def test_what_cures_a_bad_plugin_is_what_the_list_says(ten: Project) -> None:
    served, site = ten.serve(), ten.folder / "site-packages"
    (site / "raises.py").write_text(GOOD)
    (site / "no_such_jwt.py").write_text("")
    (site / "argues.py").write_text(f"{HOOK}def aplay_before_reload(plan): ...")
    for name in ("raises", "needs", "argues"):
        done = ten.run("reload", "--plugin", name)
        assert done.code == 0, done
        assert plugins(ten)[f"{name}/{name}"]["state"] == "active"
    assert served.ask("/raises", 1) == 1
    end(served)


def test_strict_start_reports_all_bad_plugins_and_exits_1(ten: Project) -> None:
    ended = ten.run("serve", "--strict", "--log-format", "console", "-o", "json")
    assert (ended.code, ended.out) == (1, "")
    (line,) = [line for line in ended.err.splitlines() if line.startswith("{")]
    told = json.loads(line)["detail"].splitlines()
    assert told[0] == "strict, and these plugins are bad:"
    assert len(told) == 1 + len(TOLD)
    for name, (_, reason, _) in TOLD.items():
        (line,) = [one for one in told if one.partition(":")[0].partition("/")[0] == name]
        assert reason in line
