"""Distributions that come, change and go while a host has some of them loaded."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from aplay_host.plugins import (
    Catalog,
    Entry,
    Failure,
    InstalledChange,
    PluginSet,
    PluginSettings,
)
from aplay_host.plugins.installed import PathLines, path_lines
from aplay_host.testing import Layout, dist
from tests.plugins.conftest import HOST

if TYPE_CHECKING:
    from tests.plugins.conftest import Site

POINTS = "[aplay_host.actors]\nacme.a = acme.mod:A\n"
ACTOR = """
    from aplay_host import Actor
    class A(Actor):
        version = {version!r}
"""


class Looks:
    """What one plugin set makes of a site directory, look after look."""

    def __init__(self, site: Site, settings: PluginSettings | None = None) -> None:
        self.site = site
        settings = settings or PluginSettings()
        self.plugins = PluginSet(Catalog(site.scan(), settings), settings)
        self.change = InstalledChange()

    def install(self, version: str = "1.0", points: str = POINTS, **more: Any) -> None:
        """Install ``acme`` in place of what there is of it; look at it."""
        self.remove()
        files = {"acme/__init__.py": "", "acme/mod.py": ACTOR.format(version=version)}
        files |= more.pop("files", {})
        dist(self.site.path, "acme", version, files=files, entry_points=points, **more)

    def remove(self) -> None:
        for one in self.site.path.iterdir():
            shutil.rmtree(one) if one.is_dir() else one.unlink()

    def again(self) -> tuple[Entry, ...]:
        self.change = self.plugins.update(self.site.scan())
        return self.plugins.rows()

    def version(self) -> str:
        """Return the version of the code that the actor's class is of."""
        cls = self.plugins.load_actor("acme.a")
        assert isinstance(cls, type), cls
        return str(vars(cls)["version"])

    def failure(self, use: str = "acme.a") -> str:
        got = self.plugins.load_actor(use)
        assert isinstance(got, Failure)
        return got.message


@pytest.fixture
def looks(site: Site) -> Looks:
    return Looks(site)


def restart(row: Entry) -> tuple[str, str]:
    assert row.restart is not None
    return row.restart.type, row.restart.message


# ---- what differs --------------------------------------------------------------------------


def test_each_change_is_told_once(looks: Looks) -> None:
    looks.again()
    assert not looks.change
    looks.install()
    looks.again()
    assert looks.change == InstalledChange(added=("acme",))
    looks.install("1.1")
    looks.again()
    assert looks.change == InstalledChange(changed=("acme",))
    looks.remove()
    looks.again()
    assert looks.change == InstalledChange(removed=("acme",))
    looks.again()
    assert not looks.change


# ---- what was not loaded -------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["wheel", "path", "links"])
def test_what_came_can_be_loaded(looks: Looks, layout: Layout) -> None:
    looks.install(layout=layout)
    (row,) = looks.again()
    assert (row.state, row.version, row.restart) == ("found", "1.0", None)
    assert looks.version() == "1.0"
    (row,) = looks.plugins.rows()
    home = looks.site.path if layout == "wheel" else looks.site.path.parent / "src-acme"
    found_in = home if layout == "path" else looks.site.path
    assert (row.state, row.file) == ("active", str(found_in / "acme/mod.py"))
    assert row.root == str(home / "acme")
    assert row.import_ms is not None


def test_upgrade_of_what_is_not_loaded_is_simply_the_new_one(looks: Looks) -> None:
    looks.install()
    looks.again()
    looks.install("1.1")
    (row,) = looks.again()
    assert (row.state, row.version, row.restart) == ("found", "1.1", None)
    assert looks.version() == "1.1"


def test_what_was_not_loaded_is_gone_after_its_uninstall(looks: Looks) -> None:
    looks.install()
    looks.again()
    looks.remove()
    assert looks.again() == ()
    assert "acme" in looks.failure()


def test_failed_package_is_tried_anew_when_its_files_are_others(looks: Looks) -> None:
    looks.install(files={"acme/mod.py": "boom"})
    looks.again()
    looks.failure()
    assert [row.state for row in looks.again()] == ["failed"]
    looks.install("1.1")
    assert [row.state for row in looks.again()] == ["found"]
    assert looks.version() == "1.1"


def test_disabled_package_that_came_adds_no_path(site: Site) -> None:
    looks = Looks(site, PluginSettings(disable=("acme",)))
    looks.install(layout="path")
    before = list(sys.path)
    assert [row.state for row in looks.again()] == ["disabled"]
    assert sys.path == before


def test_import_hook_is_not_run_and_asks_for_a_restart(looks: Looks) -> None:
    looks.install(layout="import")
    (row,) = looks.again()
    text = "restart needed: acme installs an import hook"
    assert (row.state, restart(row)) == ("found", ("late", text))
    assert looks.failure() == text
    assert not any("_editable_acme" in str(one) for one in sys.modules)
    assert looks.again() == (row,)


def test_hooks_that_came_wait_until_they_are_asked_for(looks: Looks) -> None:
    looks.site.hooks("guard", "raise SystemExit")
    (row,) = looks.again()
    text = "not loaded yet; to have its hooks: aplay-host reload --plugin guard"
    assert (row.state, restart(row)) == ("found", ("waits", text))


def test_moved_source_is_not_loaded_from_where_it_was(looks: Looks, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    (old / "acme.py").write_text(dedent(ACTOR.format(version="old")))
    sys.path.append(str(old))
    looks.install(points="[aplay_host.actors]\nacme.a = acme:A\n")
    shutil.rmtree(looks.site.path / "acme")
    looks.again()
    home, file = looks.site.path, old / "acme.py"
    text = f"restart needed: acme is installed in {home}, and Python finds {file}"
    assert looks.failure() == text
    assert "acme" not in sys.modules


# ---- what was loaded -----------------------------------------------------------------------


def test_upgrade_marks_stale_and_no_source_is_mixed(looks: Looks) -> None:
    looks.install()
    looks.again()
    assert looks.version() == "1.0"
    files = {"acme/mod.py": "", "acme/new.py": "raise SystemExit"}
    looks.install("1.1", POINTS + "acme.b = acme.new:B\n", files=files)
    old, new = looks.again()
    text = "1.0 is loaded, 1.1 is installed; to run it: aplay-host reload --plugin acme"
    assert (old.state, old.version, old.installed_version) == ("active", "1.0", "1.1")
    assert (old.all_flags, restart(old)) == (("stale",), ("stale", text))
    assert looks.version() == "1.0"
    # The new one would run beside old modules of its own package.
    assert (new.state, new.version, restart(new)) == ("found", "1.1", ("stale", text))
    assert looks.failure("acme.b") == text


def test_what_is_installed_again_as_it_was_loaded_is_not_stale(looks: Looks) -> None:
    looks.install()
    looks.again()
    looks.version()
    looks.install("1.1")
    looks.again()
    looks.install("1.0")
    (row,) = looks.again()
    assert (row.all_flags, row.restart, row.installed_version) == ((), None, None)


def test_entries_that_hooks_gave_stay_with_their_plugin(looks: Looks) -> None:
    source = """
        from aplay_host import Actor, ActorRegistration, hookimpl
        class A(Actor): ...
        @hookimpl
        def aplay_actors(host): return [ActorRegistration("given", A)]
    """
    looks.site.hooks("guard", source)
    looks = Looks(looks.site)
    looks.plugins.load_hooks(HOST)
    looks.remove()
    assert [(row.id, row.all_flags) for row in looks.again()] == [
        ("guard/given", ("orphaned",)),
        ("guard/guard", ("orphaned",)),
    ]


def test_code_that_another_package_imported_counts_as_loaded(looks: Looks) -> None:
    looks.install()
    looks.site.actor("other", "other", "from acme.mod import A")
    looks.again()
    assert isinstance(looks.plugins.load_actor("other"), type)
    looks.install("1.1")
    rows = {row.id: row for row in looks.again()}
    assert rows["acme/acme.a"].restart is not None
    assert "1.0 is loaded" in looks.failure()


# ---- .pth files ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("src", PathLines(("src",))),
        ("src\n\n# none\nno/such/place\n", PathLines(("src",))),
        ("\ufeffsrc\r\n", PathLines(("src",))),
        ("import sys\nsrc\n", PathLines((), "x.pth")),
        ("import\tsys", PathLines((), "x.pth")),
        ("importer", PathLines()),
    ],
)
def test_lines_of_a_pth_file(tmp_path: Path, text: str, lines: PathLines) -> None:
    metadata = dist(tmp_path, "x")
    (tmp_path / "src").mkdir()
    (tmp_path / "x.pth").write_bytes(text.encode())
    (metadata / "RECORD").write_text('x.pth,,\nx/data.pth,,\n"odd,name.txt",,\n')
    found = path_lines(str(metadata))
    want = tuple(str(tmp_path / one) for one in lines.directories)
    assert found.directories == want
    assert found.hook == (str(tmp_path / lines.hook) if lines.hook else "")


def test_a_start_file_is_an_import_hook(tmp_path: Path) -> None:
    metadata = dist(tmp_path, "x")
    (metadata / "RECORD").write_text("x.start,,\n")
    assert path_lines(str(metadata)).hook == str(tmp_path / "x.start")
