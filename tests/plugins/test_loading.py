"""Actor classes: imported when they are needed, and what a failed import leaves behind."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from aplay_host.kernel import Actor
from aplay_host.plugins import Failure, PluginSet, PluginSettings

if TYPE_CHECKING:
    from tests.plugins.conftest import Site


def failure(plugins: PluginSet, use: str, *, retry: bool = False) -> Failure:
    got = plugins.load_actor(use, retry=retry)
    assert isinstance(got, Failure)
    return got


def states(plugins: PluginSet) -> dict[str, str]:
    return {row.id: row.state for row in plugins.rows()}


def test_class_is_imported_when_it_is_needed_and_once(site: Site) -> None:
    site.actor("used", "used")
    site.actor("idle", "idle")
    plugins = site.open()
    assert "used" not in sys.modules
    cls = plugins.load_actor("used")
    assert isinstance(cls, type)
    assert issubclass(cls, Actor)
    assert plugins.load_actor("used/used") is cls
    assert "idle" not in sys.modules
    assert states(plugins) == {"idle/idle": "found", "used/used": "active"}


def test_module_and_class_are_loaded_without_an_entry_point(site: Site) -> None:
    site.write(
        {"mine.py": "from aplay_host.kernel import Actor\nclass Box:\n  class A(Actor): ..."}
    )
    cls = site.open().load_actor("mine:Box.A")
    assert isinstance(cls, type)
    assert cls.__qualname__ == "Box.A"


def test_failure_is_kept_for_the_second_node(site: Site) -> None:
    source = "import sys\nsys.runs = getattr(sys, 'runs', 0) + 1\nraise ValueError('boom')"
    site.actor("bad", "bad", source)
    plugins = site.open()
    try:
        first = failure(plugins, "bad")
        assert failure(plugins, "bad") is first
        assert getattr(sys, "runs", 0) == 1
    finally:
        vars(sys).pop("runs")


def test_failure_tells_type_message_and_the_innermost_place_of_the_package(site: Site) -> None:
    site.actor("bad", "bad", "\nfrom .deep import go\ngo()")
    site.write({"bad/deep.py": "import json\ndef go():\n    json.loads('{')\n"})
    plugins = site.open()
    got = failure(plugins, "bad")
    assert (got.phase, got.type, got.place) == ("import", "JSONDecodeError", "bad/deep.py:3")
    assert got.line().startswith("import: JSONDecodeError: Expecting property name")
    assert got.line().endswith("(bad/deep.py:3)")
    assert got.traceback.startswith("Traceback")
    assert "json.loads" in got.traceback
    [row] = plugins.rows()
    assert (row.state, row.reason) == ("failed", got)


def test_place_in_a_package_file_is_told(site: Site) -> None:
    site.actor("bad", "bad")
    site.write({"bad/__init__.py": "\nraise ValueError"})
    assert failure(site.open(), "bad").line() == "import: ValueError (bad/__init__.py:2)"


@pytest.mark.parametrize(
    ("use", "files", "place"),
    [
        ("pkg.mod:A", {"pkg/__init__.py": "", "pkg/mod.py": "x = 1\nx = = 2\n"}, "pkg/mod.py:2"),
        ("single:A", {"single.py": "x = = 2\n"}, "single.py:1"),
        ("pkg.mod:A", {"pkg/mod.py": "import cut\n", "cut.py": "def\n"}, "pkg/mod.py:1"),
    ],
)
def test_place_of_a_syntax_error_is_told(
    site: Site, use: str, files: dict[str, str], place: str
) -> None:
    site.write(files)
    got = failure(site.open(), use)
    assert (got.type, got.place) == ("SyntaxError", place)


def test_error_whose_text_cannot_be_made_is_told_all_the_same(site: Site) -> None:
    source = "class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd"
    site.actor("bad", "bad", source)
    assert failure(site.open(), "bad").line() == (
        "import: Odd: its text cannot be made (bad/mod.py:3)"
    )


def test_missing_requirement_is_told_from_missing_own_module(site: Site) -> None:
    site.actor("needy", "needy", "import no_such_jwt.tokens")
    site.actor("partial", "partial", "from . import mod\nimport partial.lost")
    site.dist("gone", "[aplay_host.actors]\ngone = gone.mod:A")
    plugins = site.open()
    assert failure(plugins, "needy").line() == (
        'import: needs "no_such_jwt", not installed (needy/mod.py:1)'
    )
    assert failure(plugins, "partial").line() == (
        'import: no module "partial.lost", the package is incomplete; '
        "run `pip install --force-reinstall partial` (partial/mod.py:2)"
    )
    assert failure(plugins, "gone").line() == (
        'import: no module "gone", the package is incomplete; '
        "run `pip install --force-reinstall gone`"
    )
    assert failure(plugins, "nowhere:A").line() == (
        'import: no module "nowhere"; is its directory in [plugins] paths?'
    )


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("Actors = 1", 'import: no "A" in bad.mod'),
        ("a = 1", 'import: no "A" in bad.mod'),
        ("class A: ...", "check: got class A, want a class derived from aplay_host.Actor"),
        ("def A(): ...", "check: got function, want a class derived from aplay_host.Actor"),
        ("A = 3", "check: got int, want a class derived from aplay_host.Actor"),
    ],
)
def test_target_that_is_no_actor_class_is_told(site: Site, source: str, line: str) -> None:
    site.actor("bad", "bad", source)
    assert failure(site.open(), "bad").line() == line


def test_misspelt_class_gets_a_suggestion(site: Site) -> None:
    site.write({"mine.py": "class Counter: ..."})
    assert failure(site.open(), "mine:Conter").line() == (
        'import: no "Conter" in mine; did you mean "Counter"?'
    )


def test_name_that_is_not_offered_is_a_failure_with_its_hint(site: Site) -> None:
    site.actor("tail", "tail")
    assert failure(site.open(), "tial").line() == (
        'find: no installed package offers "tial"; did you mean "tail"?'
    )


@pytest.mark.parametrize(
    ("statement", "type_"),
    [
        ("import sys; sys.exit(3)", "SystemExit"),
        ("import asyncio; raise asyncio.CancelledError", "CancelledError"),
        ("raise GeneratorExit", "GeneratorExit"),
    ],
)
def test_system_exit_at_import_is_a_failed_plugin(site: Site, statement: str, type_: str) -> None:
    site.actor("bad", "bad", statement)
    assert failure(site.open(), "bad").type == type_


def test_keyboard_interrupt_reaches_the_operator(site: Site) -> None:
    site.actor("slow", "slow", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        site.open().load_actor("slow")


def test_retry_after_repair_succeeds(site: Site) -> None:
    site.actor("bad", "bad", "from . import part\nfrom .part import Class as A")
    site.write({"bad/part.py": "Class = 1"})
    plugins = site.open()
    assert failure(plugins, "bad").phase == "check"
    site.write({"bad/part.py": "from aplay_host.kernel import Actor\nclass Class(Actor): ..."})
    assert failure(plugins, "bad").phase == "check"  # what is kept, until somebody asks anew
    assert isinstance(plugins.load_actor("bad", retry=True), type)
    assert [(row.state, row.reason) for row in plugins.rows()] == [("active", None)]


def test_failed_import_forgets_its_own_modules_and_keeps_those_of_others(site: Site) -> None:
    site.write({"library.py": "", "bad/early.py": "", "bad/late.py": "", "bad/__init__.py": ""})
    site.actor("bad", "bad", "from . import late\nimport library\nraise ValueError")
    plugins = site.open()
    __import__("bad.early")
    failure(plugins, "bad")
    assert {name for name in sys.modules if name.startswith("bad")} == {"bad", "bad.early"}
    assert not hasattr(sys.modules["bad"], "late")
    assert "library" in sys.modules


def test_failure_record_keeps_no_frame_alive(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    witness = ModuleType("witness")
    monkeypatch.setitem(sys.modules, "witness", witness)
    source = """
    import weakref, witness
    class Big: ...
    def fail():
        big = Big()
        witness.seen = weakref.ref(big)
        raise ValueError(big)
    fail()
    """
    site.actor("bad", "bad", dedent(source))
    kept = failure(site.open(), "bad")
    gc.collect()
    assert kept.type == "ValueError"
    assert witness.seen() is None


def test_foreign_finder_that_raises_when_asked_to_look_again_harms_nobody(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Rude(MetaPathFinder):
        def find_spec(
            self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
        ) -> ModuleSpec | None:
            return None

        def invalidate_caches(self) -> None:
            raise RuntimeError("rude")

    site.actor("tail", "tail")
    monkeypatch.setattr(sys, "meta_path", [Rude(), *sys.meta_path])
    assert isinstance(site.open().load_actor("tail"), type)


def test_directory_that_appears_after_it_was_looked_for_is_found(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(site.path / "late")])
    plugins = site.open()
    failure(plugins, "fresh:A")
    site.write({"late/fresh.py": "from aplay_host.kernel import Actor\nclass A(Actor): ..."})
    assert isinstance(plugins.load_actor("fresh:A", retry=True), type)


def test_paths_go_to_the_end_once(site: Site, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "local.py").write_text("from aplay_host.kernel import Actor\nclass A(Actor): ...")
    plugins = site.open(PluginSettings(paths=(mine,)))
    assert str(mine) not in sys.path
    plugins.add_paths()
    plugins.add_paths()
    assert sys.path[-1] == str(mine)
    assert sys.path.count(str(mine)) == 1
    assert isinstance(plugins.load_actor("local:A"), type)


def test_two_sets_in_one_process_share_modules_and_nothing_else(site: Site) -> None:
    site.actor("tail", "tail")
    one, other = site.open(), site.open()
    cls = one.load_actor("tail")
    assert (states(one), states(other)) == ({"tail/tail": "active"}, {"tail/tail": "found"})
    assert other.load_actor("tail") is cls


def test_strict_refuses_for_every_bad_entry_at_once(site: Site) -> None:
    site.actor("bad", "bad", "raise ValueError('boom')")
    site.actor("good", "good")
    site.dist("torn", "[aplay_host.actors]\nrubbish\n")
    lenient, strict = site.open(), site.open(PluginSettings(strict=True))
    for plugins in (lenient, strict):
        plugins.load_actor("bad")
        plugins.load_actor("good")
    assert lenient.refusals() == ()
    torn = site.path / "torn-1.0.dist-info" / "entry_points.txt"
    assert strict.refusals() == (
        "bad/bad: import: ValueError: boom (bad/mod.py:1)",
        f'torn: metadata: got "rubbish", want "name = module:object" ({torn}:2)',
    )
