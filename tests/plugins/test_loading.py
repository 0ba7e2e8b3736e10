"""Actor classes: imported when they are needed, and what a failed import leaves behind."""

from __future__ import annotations

import atexit
import gc
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from aplay_host.kernel import Actor
from aplay_host.plugins import (
    Catalog,
    Failure,
    HostInfo,
    PluginSet,
    PluginSettings,
    Renewal,
    ScopeFinder,
    loading,
)
from aplay_host.plugins.guest import Guest
from aplay_host.plugins.loading import Loader
from aplay_host.testing import dist

if TYPE_CHECKING:
    from tests.plugins.conftest import Site


def failure(plugins: PluginSet, use: str) -> Failure:
    got = plugins.load_actor(use)
    assert isinstance(got, Failure)
    return got


def tried_again(plugins: PluginSet, id_: str, *pardoned: str) -> PluginSet:
    """Return the plugins of the next generation, in which the class of `id_` was tried anew."""
    staged = plugins.stage(Renewal((), (), (), (id_,), {}, pardoned=pardoned))
    staged.keep()
    return staged.plugins


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
    dist(
        site.path,
        "Honest",
        entry_points="[aplay_host.actors]\nhonest = honest:A",
        files={"honest.py": "import no_such_jwt.tokens"},
        requires=["click", "No-Such_JWT[crypto] >=2; python_version > '3'"],
    )
    plugins = site.open()
    assert failure(plugins, "honest").line() == (
        'import: needs "no_such_jwt", not installed; honest requires it, '
        'run `pip install "No-Such_JWT[crypto] >=2"` (honest.py:1)'
    )
    assert failure(plugins, "needy").line() == (
        'import: needs "no_such_jwt", not installed; not among the requirements of needy '
        "(needy/mod.py:1)"
    )
    assert failure(plugins, "partial").line() == (
        'import: no module "partial.lost"; correct the import or, if a file is lost, '
        "run `pip install --force-reinstall partial` (partial/mod.py:2)"
    )
    assert failure(plugins, "gone").line() == (
        'import: no module "gone"; correct the import or, if a file is lost, '
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
    after = tried_again(plugins, "bad/bad")
    assert isinstance(after.load_actor("bad"), type)
    assert [(row.state, row.reason) for row in after.rows()] == [("active", None)]


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

    monkeypatch.setattr(sys, "meta_path", [Rude(), *sys.meta_path])
    monkeypatch.setattr(sys, "path", [*sys.path, str(site.path / "late")])
    plugins = site.open()
    failure(plugins, "fresh:A")
    site.write({"late/fresh.py": "from aplay_host.kernel import Actor\nclass A(Actor): ..."})
    assert isinstance(tried_again(plugins, "fresh:A").load_actor("fresh:A"), type)


def test_directory_that_appears_after_it_was_looked_for_is_found(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(site.path / "late")])
    plugins = site.open()
    failure(plugins, "fresh:A")
    site.write({"late/fresh.py": "from aplay_host.kernel import Actor\nclass A(Actor): ..."})
    assert isinstance(tried_again(plugins, "fresh:A").load_actor("fresh:A"), type)


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


def test_strict_refuses_for_a_quarantined_plugin_too(site: Site, tmp_path: Path) -> None:
    site.actor("bad", "bad")
    settings = PluginSettings(strict=True)
    deadly(tmp_path, site, "bad/bad")
    plugins = PluginSet(Catalog(site.scan(), settings), settings, state_dir=tmp_path)
    assert failure(plugins, "bad").type == "quarantined"
    assert states(plugins) == {"bad/bad": "quarantined"}
    [refusal] = plugins.refusals()
    assert refusal.startswith("bad/bad: import: the process died while importing it, at ")
    assert refusal.endswith("or: aplay-host reload --plugin bad/bad")
    assert failure(tried_again(plugins, "bad/bad"), "bad").type == "quarantined"
    (tmp_path / "plugins.loading").write_text("")  # nothing depends on the file meanwhile
    assert isinstance(tried_again(plugins, "bad/bad", "bad/bad").load_actor("bad"), type)


def deadly(state_dir: Path, site: Site, id_: str) -> None:
    """Let two processes die while they import `id_`."""
    code = """
import os, sys
from pathlib import Path
from aplay_host.plugins.finder import ScopeFinder
from aplay_host.plugins.quarantine import Quarantine
sys.path.insert(0, sys.argv[2])
stamp = ScopeFinder().stamp(sys.argv[3])
with Quarantine(Path(sys.argv[1])).guarding(sys.argv[4], stamp):
    os._exit(9)
"""
    arguments = [str(state_dir), str(site.path), id_.partition("/")[0], id_]
    for _ in range(2):
        assert subprocess.run([sys.executable, "-c", code, *arguments], check=False).returncode == 9


def test_local_file_cannot_shadow_an_installed_module(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site.write({"tail.py": "from aplay_host.kernel import Actor\nclass A(Actor): here = True"})
    (tmp_path / "tail.py").write_text("raise SystemExit")
    plugins = site.open(PluginSettings(paths=(tmp_path,)))
    plugins.add_paths()
    cls = plugins.load_actor("tail:A")
    assert isinstance(cls, type)
    assert vars(cls)["here"] is True
    local, used = tmp_path / "tail.py", site.path / "tail.py"
    assert f"{local} is not used: {used} is installed and comes first" in caplog.text


def test_disabled_plugin_adds_no_path(site: Site) -> None:
    site.hooks("greedy", "import sys; sys.path.append('/greedy')")
    for settings, added in ((PluginSettings(disable=("greedy",)), 0), (PluginSettings(), 1)):
        plugins = site.open(settings)
        plugins.load_hooks(HostInfo("demo", "1.0", site.path))
        assert sys.path.count("/greedy") == added


# ---- limits --------------------------------------------------------------------------------


def limited(site: Site, source: str, seconds: float) -> object:
    """Load ``slow.mod:A`` with that many seconds for each module."""
    site.actor("slow", "slow", source)
    finder = ScopeFinder()
    finder.add("slow.mod")
    guest = Guest.of("slow.mod", "slow")
    return Loader(finder, seconds=seconds).load("slow/slow", "slow.mod:A", guest, lambda it: it)


@pytest.mark.parametrize(
    "source",
    [
        "import time\n\ntime.sleep(30)",
        "import time\ntry:\n    time.sleep(30)\nexcept Exception: pass",
        "import time\ntry:\n    time.sleep(30)\nexcept BaseException:\n    time.sleep(30)",
    ],
)
def test_hang_at_import_is_ended_and_told_with_its_line(site: Site, source: str) -> None:
    before = signal.getsignal(signal.SIGALRM)
    got = limited(site, source, 0.05)
    assert isinstance(got, Failure)
    assert got.line().startswith("import: ImportTimeout: not done after 0.05 s (slow/mod.py:")
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert "slow" not in sys.modules


def test_each_module_has_the_whole_time_for_itself(site: Site) -> None:
    part = "import time\ntime.sleep(0.15)\n"
    site.write({f"slow/part{n}.py": part for n in range(3)})
    source = "from . import part0, part1, part2\nclass A: ..."
    assert isinstance(limited(site, source, 0.3), type)


def test_timer_that_was_set_before_goes_on(site: Site) -> None:
    signal.setitimer(signal.ITIMER_REAL, 3600)
    try:
        assert isinstance(limited(site, "class A: ...", 5.0), type)
        assert 3500 < signal.getitimer(signal.ITIMER_REAL)[0] <= 3600
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def test_module_that_takes_longest_is_named_and_not_the_one_that_imports_it(
    site: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "SLOW_SECONDS", 0.0)
    site.write({"slow/part.py": "import time\ntime.sleep(0.05)"})
    assert isinstance(limited(site, "from . import part\nclass A: ...", 5.0), type)
    assert "of which slow.part took 0." in caplog.text


def test_import_on_another_thread_has_no_limit_and_works(site: Site) -> None:
    got: list[object] = []
    thread = threading.Thread(target=lambda: got.append(limited(site, "class A: ...", 5.0)))
    thread.start()
    thread.join()
    assert isinstance(got[0], type)


def test_slow_import_and_what_it_leaves_behind_are_warnings(
    site: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "SLOW_SECONDS", 0.0)
    monkeypatch.setenv("APLAY_TEST", "before")
    source = """
    import atexit, os, threading
    done = threading.Event()
    thread = threading.Thread(target=done.wait, name="pump", daemon=True)
    thread.start()
    os.environ["APLAY_TEST"] = "secret"
    def bye(): ...
    atexit.register(bye)
    class A: ...
    """
    cls = limited(site, dedent(source), 5.0)
    assert isinstance(cls, type)
    module = sys.modules["slow.mod"]
    module.done.set()
    module.thread.join()
    atexit.unregister(module.bye)
    slow, left = caplog.messages
    assert re.fullmatch(
        r"plugin slow/slow: its import took \d\.\d s, of which slow\.mod took \d\.\d; "
        "everything else waited",
        slow,
    )
    assert left == (
        'plugin slow/slow: its import leaves thread "pump", 1 exit handler, '
        "environment variable APLAY_TEST behind; move that to the start of an actor"
    )
