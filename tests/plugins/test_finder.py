"""Where modules in scope are found, in every layout, and what is remembered of them."""

from __future__ import annotations

import hashlib
import importlib
import os
import site as python_site
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from aplay_host.plugins import ScopeFinder, scan
from aplay_host.testing import Layout, dist

if TYPE_CHECKING:
    from tests.plugins.conftest import Site


def finding(*targets: str, wherever: bool = True) -> ScopeFinder:
    """Return a finder that is first; the fixture of the site takes it away."""
    finder = ScopeFinder()
    for target in targets:
        finder.add(target, wherever=wherever)
    finder.install()
    return finder


PACKAGE = {"acme/__init__.py": "", "acme/sub/__init__.py": "", "acme/sub/mod.py": ""}


@pytest.mark.parametrize(
    ("files", "module", "below"),
    [
        (PACKAGE, "acme.sub.mod", "acme"),
        ({"acme.py": ""}, "acme", "acme.py"),
        ({"ns/acme/__init__.py": "", "ns/acme/mod.py": ""}, "ns.acme.mod", "ns/acme"),
        ({"ns/acme.py": ""}, "ns.acme", "ns/acme.py"),
    ],
    ids=["package", "module", "namespace", "module in a namespace"],
)
@pytest.mark.parametrize("layout", ["wheel", "path", "import", "links"])
def test_root_is_found_for_each_layout(
    site: Site, layout: Layout, files: dict[str, str], module: str, below: str
) -> None:
    dist(site.path, "acme", files=files, layout=layout)
    python_site.addsitedir(str(site.path))
    finder = finding(module)
    importlib.import_module(module)
    home = site.path if layout == "wheel" else site.path.parent / "src-acme"
    assert finder.roots() == (str(home / below),)


def test_nothing_is_located_before_it_is_needed(site: Site) -> None:
    asked: list[str] = []

    class Builder:
        """A finder that builds what it is asked for."""

        @staticmethod
        def find_spec(
            name: str, path: Sequence[str] | None, target: object = None
        ) -> ModuleSpec | None:
            asked.append(name)
            return None

    site.write({"acme/__init__.py": "", "acme/a.py": "", "acme/b.py": "", "other.py": ""})
    sys.meta_path.insert(0, Builder)
    finder = finding("acme.a", "never.used")
    assert (asked, finder.located, finder.roots()) == ([], {}, ())
    importlib.import_module("acme.a")
    assert asked == ["acme", "acme.a"]
    assert list(finder.located) == ["acme", "acme.a"]


def test_nested_namespace_watches_only_its_package(site: Site) -> None:
    site.write(
        {
            "big/corp/mine/__init__.py": "import big.corp.theirs, big.corp.loose",
            "big/corp/theirs/__init__.py": "",
            "big/corp/loose.py": "",
        }
    )
    finder = finding("big.corp.mine.hooks")
    importlib.import_module("big.corp.mine")
    assert finder.roots() == (str(site.path / "big/corp/mine"),)
    assert not finder.covers("big.corp.theirs")
    assert finder.covers("big.corp.mine.anything")


def test_a_file_in_namespaces_that_are_not_imported_yet_is_found(site: Site) -> None:
    site.write({"wide/open/space/thing.py": "", "wide/open/space/deep/one.py": ""})
    finder = finding("wide.open.space.thing")
    for name in ("wide.open.space.thing", "wide.open.space.deep.one"):
        file = site.path / f"{name.replace('.', '/')}.py"
        assert finder.file_now(name) == str(file)
    assert finder.file_now("wide.open.space") is None
    assert finder.file_now("wide.open.nowhere.thing") is None
    assert "wide" not in sys.modules


@pytest.mark.parametrize(
    ("target", "root"),
    [
        ("crowd/__init__.py", "crowd/__init__.py"),
        ("crowd/start.py", "crowd/start.py"),
        ("crowd/acme/__init__.py", "crowd/acme"),
    ],
)
def test_file_that_is_a_link_does_not_make_a_directory_of_others_a_root(
    site: Site, tmp_path: Path, target: str, root: str
) -> None:
    file = tmp_path / target
    file.parent.mkdir(parents=True)
    file.write_text("")
    (tmp_path / "crowd/__init__.py").touch()
    (tmp_path / "crowd/huge.py").write_text("")
    site.write({"acme/mod.py": ""})
    (site.path / "acme/__init__.py").symlink_to(file)
    finder = finding("acme.mod")
    importlib.import_module("acme")
    assert finder.roots() == (str(tmp_path / root),)


def test_failed_first_import_has_a_root(site: Site) -> None:
    site.write({"acme/__init__.py": "", "acme/mod.py": "x = (", "single.py": "raise ValueError"})
    finder = finding("acme.mod", "single")
    for module, error in (("acme.mod", SyntaxError), ("single", ValueError)):
        with pytest.raises(error):
            importlib.import_module(module)
    assert finder.roots() == (str(site.path / "acme"), str(site.path / "single.py"))


def test_import_that_nobody_can_serve_is_remembered_until_somebody_can(site: Site) -> None:
    site.write({"acme/__init__.py": "try: import acme.fast\nexcept ImportError: pass"})
    finder = finding("acme.mod")
    importlib.import_module("acme")
    assert finder.missing == {"acme.fast"}
    site.write({"acme/fast.py": ""})
    importlib.invalidate_caches()
    importlib.import_module("acme.fast")
    assert finder.missing == set()


def test_source_is_what_runs_and_its_hash_is_remembered(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    site.write({"acme.py": "value = 1"})
    stale = (site.path / "acme.py").stat()
    importlib.import_module("acme")  # leaves a .pyc
    del sys.modules["acme"]
    site.write({"acme.py": "value = 2"})
    os.utime(site.path / "acme.py", ns=(stale.st_atime_ns, stale.st_mtime_ns))
    finder = finding("acme")
    assert importlib.import_module("acme").value == 2
    digest = hashlib.blake2b(b"value = 2", digest_size=16).hexdigest()
    assert finder.located["acme"].digest == digest
    assert sys.modules["acme"].__file__ == str(site.path / "acme.py")


def test_source_may_come_from_a_snapshot(site: Site) -> None:
    site.write({"acme.py": "value = 'disk'"})
    finder = finding("acme")
    finder.read = lambda path: b"value = 'snapshot'"
    assert importlib.import_module("acme").value == "snapshot"


def test_traceback_shows_the_file_and_resources_are_found(site: Site) -> None:
    site.write(
        {"acme/__init__.py": "def fail(): raise ValueError('late')", "acme/text.txt": "hello"}
    )
    finding("acme")
    from importlib.resources import files

    acme = importlib.import_module("acme")
    with pytest.raises(ValueError, match=r"^late$") as caught:
        acme.fail()
    assert str(caught.traceback[-1].path) == str(site.path / "acme/__init__.py")
    assert (files("acme") / "text.txt").read_text() == "hello"


def test_loader_of_another_kind_keeps_its_module(site: Site) -> None:
    class Rewriter:
        @staticmethod
        def find_spec(
            name: str, path: Sequence[str] | None, target: object = None
        ) -> ModuleSpec | None:
            spec = PathFinder.find_spec(name, path) if name == "acme" else None
            if spec is not None:
                spec.loader = Loader("acme", str(spec.origin))
            return spec

    class Loader(SourceFileLoader):
        def exec_module(self, module: ModuleType) -> None:
            vars(module)["value"] = "rewritten"

    site.write({"acme.py": ""})
    sys.meta_path.insert(0, Rewriter)
    finder = finding("acme")
    assert importlib.import_module("acme").value == "rewritten"
    assert finder.located["acme"].digest is None
    assert finder.roots() == (str(site.path / "acme.py"),)


@pytest.mark.parametrize(("wherever", "noted"), [(True, True), (False, False)])
def test_what_a_person_names_in_a_site_directory_is_a_library(
    site: Site, wherever: bool, noted: bool
) -> None:
    site.write({"acme/__init__.py": "", "acme/mod.py": ""})
    finder = finding("acme.mod", wherever=wherever)
    importlib.import_module("acme.mod")
    assert ("acme.mod" in finder.located) is noted
    assert finder.covers("acme.mod") is noted


def test_what_a_person_names_elsewhere_is_in_scope(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text("")
    sys.path.append(str(tmp_path))
    finder = finding("mine", "json", "aplay_host.kernel", wherever=False)
    monkeypatch.delitem(sys.modules, "json.tool", raising=False)
    importlib.import_module("mine")
    importlib.import_module("json.tool")
    assert list(finder.located) == ["mine"]
    assert not finder.covers("aplay_host.kernel")


def test_two_finders_share_modules_and_each_remembers(site: Site) -> None:
    site.write({"acme.py": ""})
    one, other = finding("acme"), finding("acme")
    importlib.import_module("acme")
    assert one.located == other.located
    assert one.located["acme"].digest is not None


def test_finder_that_is_removed_leaves_no_trace(site: Site) -> None:
    site.write({"acme.py": ""})
    before = list(sys.meta_path)
    finder = finding("acme")
    finder.install()
    assert sys.meta_path == [finder, *before]
    finder.remove()
    finder.remove()
    assert sys.meta_path == before
    with finder.in_place():
        assert sys.meta_path[0] is finder
    assert sys.meta_path == before
    importlib.import_module("acme")
    assert finder.located == {}


@pytest.mark.parametrize(
    ("module", "change", "differs"),
    [
        ("acme.mod", lambda site: (site / "acme/data.bin").write_bytes(b"x"), True),
        ("acme.mod", lambda site: os.utime(site / "acme/mod.py", (1, 1)), True),
        ("ns.acme", lambda site: (site / "ns/acme.py").write_text("more"), True),
        ("ns.acme", lambda site: (site / "ns/other.py").write_text("more"), False),
        ("acme.mod", lambda site: (site / "acme/__pycache__").mkdir(), False),
    ],
)
def test_stamp_differs_after_a_change_of_any_file_of_the_package(
    site: Site, module: str, change: Callable[[Path], object], differs: bool
) -> None:
    site.write({"acme/__init__.py": "", "acme/mod.py": "raise SystemExit", "ns/acme.py": ""})
    site.write({"ns/other.py": ""})
    finder = ScopeFinder()
    before = finder.stamp(module)
    assert before == finder.stamp(module)
    change(site.path)
    assert (finder.stamp(module) != before) is differs
    assert "acme" not in sys.modules
    assert finder.stamp("no_such.module") == ""


PROJECT = """
    [build-system]
    requires = ["hatchling"]
    build-backend = "hatchling.build"
    [project]
    name = "acme"
    version = "1.0"
    [project.entry-points."aplay_host.actors"]
    tail = "acme.mod:Tail"
    [tool.hatch.build.targets.wheel]
    packages = ["src/acme"]
"""


@pytest.mark.parametrize("editable", [False, True], ids=["wheel", "editable"])
def test_what_pip_installs_is_found_complete_and_has_a_root(
    tmp_path: Path, site: Site, editable: bool
) -> None:
    project = tmp_path / "project"
    for file, text in {
        "pyproject.toml": PROJECT,
        "src/acme/mod.py": "",
        "src/acme/__init__.py": "",
    }.items():
        (project / file).parent.mkdir(parents=True, exist_ok=True)
        (project / file).write_text(dedent(text))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    offline = ["--no-build-isolation", "--no-deps", "--no-index", "--quiet", "--no-compile"]
    where = ["--prefix", str(tmp_path / "prefix"), "--ignore-installed"]
    what = ["--editable", str(project)] if editable else [str(project)]
    subprocess.run([*pip, *offline, *where, *what], check=True)
    [made] = (tmp_path / "prefix").glob("lib/*/site-packages")
    [entry] = scan([str(made)])
    assert (entry.id, entry.state, entry.editable) == ("acme/tail", "found", editable)
    python_site.addsitedir(str(made))
    finder = finding("acme.mod")
    importlib.import_module("acme.mod")
    assert finder.roots() == (str(project / "src/acme" if editable else made / "acme"),)


def test_places_come_into_scope_by_the_names_that_python_has_for_them(tmp_path: Path) -> None:
    for file in (
        "lib/__init__.py",
        "lib/deep/__init__.py",
        "lib/deep/one.py",
        "two.py",
        "three.txt",
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    deep, below, nothing = ScopeFinder(), ScopeFinder(), ScopeFinder()
    deep.add_place(str(tmp_path / "lib/deep"))
    assert [deep.covers(one) for one in ("lib.deep", "lib.deep.one", "deep")] == [True, True, False]
    below.add_place(str(tmp_path))
    assert [below.covers(one) for one in ("lib.deep", "two", "three")] == [True, True, False]
    nothing.add_place(str(tmp_path / "nowhere"))
    assert not nothing.covers("nowhere")


def test_what_was_tried_in_vain_is_watched_and_what_is_installed_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site-packages"
    for folder in (site, tmp_path / "here"):
        folder.mkdir()
    (site / "installed.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path / "here"), str(site)])
    finder = ScopeFinder()
    finder.add("installed")
    finder.add("absent")
    with finder.in_place():
        importlib.import_module("installed")
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("absent")
    del sys.modules["installed"]
    assert finder.roots() == (str(site / "installed.py"),)
    absent = str(tmp_path / "here/absent")
    assert finder.to_watch() == (absent, f"{absent}.py")
