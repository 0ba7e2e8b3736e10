"""pip at work while a host runs: what the host says, what it runs, and that its actors run on."""

from __future__ import annotations

import signal
from collections.abc import Iterator

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


COUNTER = """
from aplay_host import Actor
VERSION = {version!r}
class A(Actor):
    count = 0
    async def msg_handler(self, msg):
        self.count += 1
        return [VERSION, self.count]
"""
TREE = '[actors."/a"]\nuse = "acme.a"\n'


def counter(env: Environment, version: str, tail: str = "") -> None:
    """Install a wheel with an actor that counts what it is asked."""
    files = {"acme/__init__.py": "", "acme/mod.py": COUNTER.format(version=version) + tail}
    points = f"[aplay_host.actors]\nacme.a = acme.mod:A\nacme.v{version[0]} = acme.mod:A\n"
    env.install(env.wheel("acme", version, files, points))


def test_upgrade_marks_stale_and_reload_keeps_state_and_mailbox(
    project: Project, env: Environment
) -> None:
    counter(env, "1.0")
    project.write(TREE, head="")
    served = project.serve()
    assert served.ask("/a", "x") == ["1.0", 1]
    counter(env, "2.0")
    until(lambda: served.plugin("acme/acme.a")["flags"] == ["stale"])
    assert project.run("reload", "-o", "json").data["outcome"] == "nothing"
    project.run("stop", "/a")
    served.send("/a", "waits")
    done = project.run("reload", "--plugin", "acme")
    assert done.code == 0, done
    project.run("start", "/a")
    assert served.ask("/a", "x") == ["2.0", 3]
    now = served.plugin("acme/acme.a")
    assert (now["state"], now["version"], now["flags"]) == ("active", "2.0", [])
    assert (now["installed_version"], now["reason"]) == ("2.0", None)
    assert served.plugin("acme/acme.v1") == {}
    assert served.plugin("acme/acme.v2")["state"] == "found"
    assert project.run("reload", "--plugin", "acme", "-o", "json").data["outcome"] == "nothing"
    env.uninstall("acme")
    until(lambda: served.plugin("acme/acme.a")["flags"] == ["orphaned"])
    assert project.run("rollback").code == 0
    assert served.ask("/a", "x") == ["1.0", 4]
    assert served.plugin("acme/acme.a")["flags"] == ["orphaned"]


def test_failed_upgrade_keeps_the_old_code_running(project: Project, env: Environment) -> None:
    counter(env, "1.0")
    project.write(TREE, head="")
    served = project.serve()
    assert served.ask("/a", "x") == ["1.0", 1]
    counter(env, "2.0", "1 / 0\n")
    until(lambda: served.plugin("acme/acme.a")["flags"] == ["stale"])
    refused = project.run("reload", "--plugin", "acme", "-o", "json")
    assert (refused.code, refused.data["outcome"]) == (1, "refused")
    assert served.ask("/a", "x") == ["1.0", 2]
    now = served.plugin("acme/acme.a")
    assert (now["version"], now["flags"]) == ("1.0", ["stale"])
    counter(env, "3.0")
    until(lambda: served.plugin("acme/acme.a")["installed_version"] == "3.0")
    assert project.run("reload", "--plugin", "acme").code == 0
    assert served.ask("/a", "x") == ["3.0", 3]


@pytest.mark.parametrize(
    ("editable", "follows"), [(True, True), (False, False)], ids=["editable-reload", "wheel-plain"]
)
def test_package_never_seen_before_comes_is_upgraded_and_goes(
    project: Project, env: Environment, *, editable: bool, follows: bool
) -> None:
    def install(version: str) -> None:
        if editable:
            env.install("-e", env.project("home", "acme", version))
        else:
            env.install(env.actor_wheel("acme", version))

    def reload(*options: str) -> None:
        """Do by hand what a host that follows files does by itself."""
        if not follows:
            done = project.run("reload", *options)
            assert done.code == 0, done

    def is_now(*facts: object) -> bool:
        one = served.plugin("acme/acme.a")
        keys = ("state", "version", "installed_version", "flags", "reason", "editable")
        return [one.get(key) for key in keys] == [*facts, editable]

    place = env.folder / "home/src" if editable else env.site
    file = project.write("", head="")
    served = project.serve(*(["--reload"] if follows else []))
    assert served.plugin("acme/acme.a") == {}
    install("1.0")
    until(lambda: is_now("found", "1.0", "1.0", [], None))
    file.write_text(TREE)
    reload("--config")
    until(lambda: project.run("status", "/a").code == 0)
    assert served.ask("/a", "version") == "1.0"
    assert is_now("active", "1.0", "1.0", [], None)
    assert served.plugin("acme/acme.a")["file"] == str(place / "acme/mod.py")

    install("1.1")
    if not follows:
        until(lambda: served.plugin("acme/acme.a")["flags"] == ["stale"])
        reason = served.plugin("acme/acme.a")["reason"]
        assert reason["message"].startswith("1.0 is loaded, 1.1 is installed; to run it: ")
        assert served.ask("/a", "version") == "1.0"
    reload("--plugin", "acme")
    until(lambda: is_now("active", "1.1", "1.1", [], None))
    assert served.ask("/a", "version") == "1.1"

    env.uninstall("acme")
    until(lambda: served.plugin("acme/acme.a")["flags"] == ["orphaned"])
    gone = served.plugin("acme/acme.a")
    assert (gone["state"], gone["installed_version"]) == ("active", None)
    assert gone["reason"]["message"].endswith("; what is loaded runs on")
    assert served.ask("/a", "version") == "1.1"
    served.signal(signal.SIGTERM)
    assert served.wait() == 0


HOOKS = """
from aplay_host import hookimpl
VERSION = {version!r}
@hookimpl
def aplay_host_started(host):
    print("hooks", VERSION, "told")
"""


@pytest.mark.parametrize("follows", [True, False], ids=["reload", "plain"])
def test_hooks_that_come_while_a_host_runs_are_called_once_they_are_asked_for(
    project: Project, env: Environment, *, follows: bool
) -> None:
    def install(version: str, more: str = "") -> None:
        files = {"acme.py": HOOKS.format(version=version) + more}
        points = "[aplay_host.plugins]\nacme = acme\n"
        env.install(env.wheel("acme", version, files, points))

    def reload() -> None:
        if not follows:
            assert project.run("reload", "--plugin", "acme").code == 0

    project.write("", head="")
    served = project.serve(*(["--reload"] if follows else []))
    install("1.0", "1 / 0\n")
    until(lambda: served.plugin("acme/acme") != {})
    if not follows:
        waiting = served.plugin("acme/acme")
        assert (waiting["state"], waiting["reason"]["type"]) == ("found", "waits")
    reload()
    until(lambda: served.plugin("acme/acme")["state"] == "failed")
    install("1.1")
    if not follows:
        until(lambda: served.plugin("acme/acme")["state"] == "found")
    reload()
    until(lambda: served.plugin("acme/acme")["state"] == "active")
    now = served.plugin("acme/acme")
    assert (now["version"], now["installed_version"], now["reason"]) == ("1.1", "1.1", None)
    served.signal(signal.SIGTERM)
    out, _ = served.process.communicate(timeout=60)
    assert out.count("hooks 1.1 told") == 1


def test_running_host_tells_what_pip_did_and_its_actors_run_on(
    project: Project, env: Environment
) -> None:
    env.install(env.actor_wheel("acme", "1.0"))
    project.write('[actors."/a"]\nuse = "acme.a"\n', head="")
    served = project.serve()
    assert served.ask("/a", "version") == "1.0"
    env.install(env.actor_wheel("acme", "1.1"))
    until(lambda: served.plugin("acme/acme.a")["flags"] == ["stale"])
    stale = served.plugin("acme/acme.a")
    assert (stale["state"], stale["version"], stale["installed_version"]) == (
        "active",
        "1.0",
        "1.1",
    )
    assert stale["actors"] == ["/a"]
    text = project.run("plugins", "list").out
    assert "1.0 → 1.1" in text
    assert "stale · installed: 1.0 is loaded, 1.1 is installed; to run it: aplay-host" in text
    left = "acme: 1.0 is loaded, 1.1 is installed; to run it: aplay-host reload --plugin acme\n"
    assert project.run("reload").out == f"reload: nothing has changed, still running #1\n  {left}"
    assert project.run("reload", "--dry-run").out == left
    assert served.ask("/a", "version") == "1.0"
    env.install("-e", env.project("home", "other", "2.0"))
    until(lambda: served.plugin("other/other.a") != {})
    other = served.plugin("other/other.a")
    assert (other["state"], other["editable"], other["reason"]) == ("found", True, None)
    env.uninstall("acme")
    until(lambda: served.plugin("acme/acme.a")["flags"] == ["orphaned"])
    gone = served.plugin("acme/acme.a")
    assert (gone["version"], gone["installed_version"]) == ("1.0", None)
    assert served.ask("/a", "version") == "1.0"
    served.signal(signal.SIGTERM)
    assert served.wait() == 0
    assert "plugin acme/acme.a: 1.0 is loaded, 1.1 is installed" in served.log
