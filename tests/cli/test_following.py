"""``serve --reload`` as a process of its own, in environments that real installers fill."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from aplay_host.testing import Layout, dist
from tests.environment import ACTOR, Environment

from .served import Project, Served, until


@pytest.fixture
def env(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("e"))


@pytest.fixture
def project(env: Environment) -> Iterator[Project]:
    project = Project(env.folder, env)
    yield project
    project.close()


def end(served: Served) -> list[str]:
    """End a host in order, and return what it said of reloads, each by its first words."""
    served.signal(signal.SIGTERM)
    assert served.wait() == 0
    lines = [line.partition("aplay_host.reload: ")[2] for line in served.log.splitlines()]
    return [" ".join(line.split()[:3]).rstrip(",") for line in lines if line]


@pytest.mark.parametrize("layout", ["path", "import", "links"])
def test_sources_of_an_editable_plugin_are_followed_wherever_python_finds_them(
    project: Project, env: Environment, layout: Layout
) -> None:
    files = {"acme/__init__.py": "", "acme/mod.py": ACTOR.format(version="1")}
    dist(
        env.site,
        "acme",
        files=files,
        entry_points="[aplay_host.actors]\nacme.a = acme.mod:A\n",
        layout=layout,
    )
    project.write('[actors."/a"]\nuse = "acme.a"\n', head="")
    served = project.serve("--reload", "--log-format", "console")
    assert served.ask("/a", None) == "1"
    source = env.site.parent / "src-acme/acme/mod.py"
    source.write_text(ACTOR.format(version="2"))
    until(lambda: served.row("/a")["generation"] == 2)
    assert served.ask("/a", None) == "2"
    assert end(served) == ["reload #2 mod.py"]


def test_what_pip_does_is_a_reload_by_itself(project: Project, env: Environment) -> None:
    env.install(env.actor_wheel("acme", "1.0"))
    project.write('[actors."/a"]\nuse = "acme.a"\n', head="")
    served = project.serve("--reload", "--log-format", "console")
    assert served.ask("/a", None) == "1.0"
    env.install(env.actor_wheel("acme", "1.1"))
    until(lambda: served.row("/a")["generation"] == 2)
    assert served.ask("/a", None) == "1.1"
    assert served.plugin("acme/acme.a")["flags"] == []
    file = project.folder / "aplay.toml"
    file.write_text(f'{file.read_text()}[actors."/b"]\nuse = "other.a"\n')
    until(lambda: "REFUSED" in project.run("status").out)
    home = env.project("home", "other", "2.0")
    env.install("-e", home)
    until(lambda: project.run("status", "/b").code == 0)
    assert served.ask("/b", None) == "2.0"
    edit(home / "src/other/mod.py", "2.0", "2.1")
    until(lambda: served.ask("/b", None) == "2.1")

    env.uninstall("acme")
    until(lambda: served.plugin("acme/acme.a")["flags"] == ["orphaned"])
    assert served.ask("/a", None) == "1.1"
    assert end(served) == [
        "reload #2 mod.py",
        "reload #3 REFUSED",
        "reload #3 aplay.toml",
        "reload #4 mod.py",
    ]


def edit(file: Path, old: str, new: str) -> None:
    file.write_text(file.read_text().replace(old, new))
