"""The real pip at work in a process of its own, and what this one makes of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aplay_host.plugins import Catalog, Entry, Failure, PluginSet, PluginSettings, scan
from tests.environment import Environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.plugins.conftest import Site


class Looks:
    """What one plugin set makes of an environment, look after look."""

    def __init__(self, env: Environment) -> None:
        self.env = env
        self.plugins = PluginSet(Catalog(()), PluginSettings())

    def again(self) -> Entry:
        """Take over what is installed now; return the entry of the one package there is."""
        self.plugins.update(scan([str(self.env.site)]))
        (row,) = self.plugins.rows()
        return row

    def version(self) -> str:
        """Return the version of the code that the actor's class is of."""
        cls = self.plugins.load_actor("acme.a")
        assert isinstance(cls, type), cls
        return str(vars(cls)["version"])


@pytest.fixture
def looks(make_site: Callable[[str], Site], tmp_path: Path) -> Looks:
    """Look at an environment whose site directory is on this process's path."""
    make_site("unused")  # for what it puts back
    env = Environment(tmp_path)
    sys.path.append(str(env.site))
    return Looks(env)


def test_wheel_is_usable_when_it_came_stale_when_upgraded_orphaned_when_gone(looks: Looks) -> None:
    env = looks.env
    env.install(env.actor_wheel("acme", "1.0"))
    row = looks.again()
    assert (row.state, row.version, row.restart) == ("found", "1.0", None)
    assert looks.version() == "1.0"
    env.install(env.actor_wheel("acme", "1.1"))
    row = looks.again()
    assert (row.state, row.version, row.installed_version) == ("active", "1.0", "1.1")
    assert row.all_flags == ("stale",)
    assert looks.version() == "1.0"
    env.install(env.actor_wheel("acme", "1.0"))
    assert looks.again().all_flags == ()
    env.uninstall("acme")
    row = looks.again()
    assert (row.state, row.version, row.all_flags) == ("active", "1.0", ("orphaned",))
    assert looks.version() == "1.0"
    assert looks.again() == row


def test_editable_is_usable_when_it_came_and_asks_for_a_restart_when_moved(looks: Looks) -> None:
    old, new = (looks.env.project(name, "acme", "1.0") for name in ("old", "new"))
    looks.env.install("-e", old)
    row = looks.again()
    assert (row.state, row.editable, row.project) == ("found", True, str(old))
    assert looks.version() == "1.0"
    looks.env.install("-e", new)
    row = looks.again()
    assert row.all_flags == ("stale",)
    assert row.restart is not None
    assert row.restart.message == f"restart needed: acme moved from {old} to {new}"
    assert row.moved_to == str(new)
    assert looks.version() == "1.0"


def test_import_hook_installed_while_running_asks_for_a_restart(looks: Looks) -> None:
    hook = {"acme.pth": "import sys; sys.hooked = True\n", "acme/mod.py": "raise SystemExit"}
    points = "[aplay_host.actors]\nacme.a = acme.mod:A\n"
    looks.env.install(looks.env.wheel("acme", "1.0", hook, points))
    row = looks.again()
    assert (row.state, row.restart and row.restart.type) == ("found", "late")
    got = looks.plugins.load_actor("acme.a")
    assert isinstance(got, Failure)
    assert got.message == "restart needed: acme installs an import hook"
    assert not hasattr(sys, "hooked")
