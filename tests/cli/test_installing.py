"""pip at work while a host runs: what the host says, and that its actors run on."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.environment import Environment

from .served import Project, until


@pytest.fixture
def env(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("e"))


@pytest.fixture
def project(env: Environment) -> Iterator[Project]:
    project = Project(env.folder, env)
    yield project
    project.close()


def row(project: Project, id_: str = "acme/acme.a") -> dict[str, Any]:
    """Return the row of one entry, empty while there is none."""
    rows = project.run("plugins", "list", "-o", "json").data
    return next((one for one in rows if one["id"] == id_), {})


def test_running_host_tells_what_pip_did_and_its_actors_run_on(
    project: Project, env: Environment
) -> None:
    env.install(env.actor_wheel("acme", "1.0"))
    project.write('[actors."/a"]\nuse = "acme.a"\n', head="")
    served = project.serve()
    assert served.ask("/a", "version") == "1.0"
    env.install(env.actor_wheel("acme", "1.1"))
    until(lambda: row(project)["flags"] == ["stale"])
    stale = row(project)
    assert (stale["state"], stale["version"], stale["installed_version"]) == (
        "active",
        "1.0",
        "1.1",
    )
    assert stale["actors"] == ["/a"]
    text = project.run("plugins", "list").out
    assert "1.0 → 1.1" in text
    assert "stale · installed: 1.0 is loaded, 1.1 is installed; to run it: aplay-host" in text
    assert served.ask("/a", "version") == "1.0"
    env.install("-e", env.project("home", "other", "2.0"))
    until(lambda: row(project, "other/other.a") != {})
    other = row(project, "other/other.a")
    assert (other["state"], other["editable"], other["reason"]) == ("found", True, None)
    env.uninstall("acme")
    until(lambda: row(project)["flags"] == ["orphaned"])
    gone = row(project)
    assert (gone["version"], gone["installed_version"]) == ("1.0", None)
    assert served.ask("/a", "version") == "1.0"
    served.signal(signal.SIGTERM)
    assert served.wait() == 0
    assert "plugin acme/acme.a: 1.0 is loaded, 1.1 is installed" in served.log
