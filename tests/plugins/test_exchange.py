"""What a transaction of imports leaves: all of it, or nothing."""

from __future__ import annotations

import importlib
import logging
import signal
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aplay_host.plugins import ScopeFinder
from aplay_host.plugins.exchange import Exchange

if TYPE_CHECKING:
    from tests.plugins.conftest import Site


@pytest.fixture
def finder() -> Iterator[ScopeFinder]:
    finder = ScopeFinder()
    finder.add("acme.mod")
    finder.install()
    yield finder
    finder.remove()


def importing(name: str) -> partial[ModuleType]:
    return partial(importlib.import_module, name)


def failing(exchange: Exchange, name: str) -> None:
    with pytest.raises(ValueError, match="late"):
        exchange.run(importing(name))


MESS = """
    import logging, signal, sys
    from . import part
    import acme.old, library
    sys.modules["acme.fake"] = part
    sys.modules["json"] = part
    del sys.modules["acme.gone"]
    sys.path.insert(0, "/mess")
    sys.path = ["/other"]
    sys.meta_path.append(part)
    sys.path_hooks.clear()
    signal.signal(signal.SIGUSR1, lambda *args: None)
    logging.root.addHandler(logging.NullHandler())
    raise ValueError("late")
"""


def test_failed_import_leaves_everything_journaled_as_before(
    site: Site, finder: ScopeFinder
) -> None:
    site.write({"acme/__init__.py": "part = 'mine'", "acme/gone.py": "", "acme/part.py": ""})
    site.write({"acme/old.py": "", "acme/mod.py": MESS, "library.py": ""})
    for name in ("acme.gone", "json"):
        importlib.import_module(name)
    package = sys.modules["acme"]
    before = dict(sys.modules), dict(vars(package)), sys.path, list(sys.path)
    lists = list(sys.meta_path), list(sys.path_hooks), list(logging.root.handlers)
    handler = signal.getsignal(signal.SIGUSR1)
    exchange = Exchange(finder)
    failing(exchange, "acme.mod")
    exchange.drop()
    library = sys.modules.pop("library")
    assert library is not None
    assert dict(sys.modules) == before[0]
    assert dict(vars(package)) == before[1]
    assert sys.path is before[2]
    assert sys.path == before[3]
    assert (sys.meta_path, sys.path_hooks, logging.root.handlers) == lists
    assert signal.getsignal(signal.SIGUSR1) is handler


def test_third_party_module_stays(site: Site, finder: ScopeFinder) -> None:
    site.write({"acme/__init__.py": "", "library/__init__.py": "", "library/deep.py": ""})
    site.write({"acme/mod.py": "import library.deep\nraise ValueError('late')"})
    exchange = Exchange(finder)
    failing(exchange, "acme.mod")
    exchange.drop()
    assert sys.modules["library"].deep is sys.modules["library.deep"]
    assert "acme" not in sys.modules


@pytest.mark.parametrize("known", [True, False])
def test_neighbour_in_a_namespace_stays_and_the_way_to_it_too(
    site: Site, finder: ScopeFinder, known: bool
) -> None:
    site.write({"ns/mine.py": "import ns.theirs\nraise ValueError('late')", "ns/theirs.py": ""})
    finder.add("ns.mine")
    if known:
        importlib.import_module("ns")
    exchange = Exchange(finder)
    failing(exchange, "ns.mine")
    exchange.drop()
    assert sys.modules["ns"].theirs is sys.modules["ns.theirs"]
    assert not hasattr(sys.modules["ns"], "mine")
    assert "ns.mine" not in sys.modules


def test_namespace_in_which_nobody_stays_goes_as_well(site: Site, finder: ScopeFinder) -> None:
    site.write({"ns/mine.py": "raise ValueError('late')"})
    finder.add("ns.mine")
    exchange = Exchange(finder)
    failing(exchange, "ns.mine")
    exchange.drop()
    assert "ns" not in sys.modules


def test_staged_module_is_visible_to_nobody_before_keep(site: Site, finder: ScopeFinder) -> None:
    site.write({"acme/__init__.py": "", "acme/mod.py": "", "acme/old.py": ""})
    importlib.import_module("acme.old")
    package = sys.modules["acme"]
    exchange = Exchange(finder)
    staged = exchange.run(importing("acme.mod"))
    assert "acme.mod" not in sys.modules
    assert not hasattr(package, "mod")
    assert exchange.run(lambda: sys.modules["acme.mod"]) is staged
    exchange.keep()
    assert sys.modules["acme.mod"] is package.mod is staged


def test_modules_that_are_taken_are_imported_anew_and_can_be_dropped_again(
    site: Site, finder: ScopeFinder
) -> None:
    site.write({"acme/__init__.py": "", "acme/mod.py": "value = 1"})
    old = importlib.import_module("acme.mod")
    package = sys.modules["acme"]
    site.write({"acme/mod.py": "value = 2"})
    for end in (Exchange.drop, Exchange.keep):
        exchange = Exchange(finder)
        exchange.take(["acme.mod"])
        new = exchange.run(importing("acme.mod"))
        assert vars(new)["value"] == 2
        assert sys.modules["acme.mod"] is package.mod is old
        end(exchange)
        expected = old if end is Exchange.drop else new
        assert sys.modules["acme.mod"] is package.mod is expected


def test_name_that_a_package_gives_to_its_module_is_kept_as_it_was(
    site: Site, finder: ScopeFinder
) -> None:
    site.write({"acme/__init__.py": "def mod(): ...", "acme/mod.py": ""})
    function = importlib.import_module("acme").mod
    exchange = Exchange(finder)
    exchange.run(importing("acme.mod"))
    assert sys.modules["acme"].mod is function
    exchange.drop()
    assert sys.modules["acme"].mod is function


def test_second_import_of_a_transaction_sees_the_first(site: Site, finder: ScopeFinder) -> None:
    site.write({"acme/__init__.py": "", "acme/a.py": "", "acme/mod.py": "from . import a"})
    exchange = Exchange(finder)
    first = exchange.run(importing("acme.a"))
    second = exchange.run(importing("acme.mod"))
    assert vars(second)["a"] is first
    exchange.drop()
    assert not any(name.startswith("acme") for name in sys.modules)


@pytest.mark.parametrize("odd", ["3", "None", "type('Odd', (), {'__slots__': ()})()", "int"])
def test_whatever_a_guest_takes_for_a_module_is_taken_back(
    site: Site, finder: ScopeFinder, odd: str
) -> None:
    source = f"import sys\nsys.modules['acme.odd'] = {odd}\nsys.modules['acme.odd.part'] = sys"
    site.write({"acme/__init__.py": "", "acme/mod.py": f"{source}\nraise ValueError('late')"})
    before = dict(sys.modules)
    exchange = Exchange(finder)
    failing(exchange, "acme.mod")
    exchange.drop()
    assert sys.modules == before


PARTS = "abc"
STEPS = st.lists(
    st.tuples(st.sampled_from(PARTS), st.sets(st.sampled_from(PARTS)), st.booleans()),
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_random_load_and_fail_sequences_keep_modules_and_paths_consistent(
    steps: list[tuple[str, set[str], bool]],
) -> None:
    """Each step rewrites a module, which imports others and may fail, and loads it."""
    finder = ScopeFinder()
    finder.add("steps.a")
    path = list(sys.path)
    with tempfile.TemporaryDirectory() as folder, finder.in_place():
        sys.path.insert(0, folder)
        (Path(folder) / "steps").mkdir()
        for name in ("__init__", *PARTS):
            (Path(folder) / f"steps/{name}.py").write_text("")
        try:
            for name, imports, fails in steps:
                source = [f"import steps.{other}" for other in sorted(imports)]
                source += ["import sys; sys.path.append('/step')", "1 / 0" if fails else ""]
                (Path(folder) / f"steps/{name}.py").write_text("\n".join(source))
                before = _state()
                exchange = Exchange(finder)
                try:
                    exchange.run(importing(f"steps.{name}"))
                    exchange.keep()
                except ZeroDivisionError:
                    exchange.drop()
                    assert _state() == before
                _check_consistency()
        finally:
            sys.path[:] = path
            for name in [name for name in sys.modules if name.partition(".")[0] == "steps"]:
                del sys.modules[name]


def _state() -> object:
    ours = {name: id(one) for name, one in sys.modules.items() if name.startswith("steps")}
    return ours, sorted(vars(sys.modules.get("steps", object))), list(sys.path)


def _check_consistency() -> None:
    """A loaded submodule is what its package says, and the package says nothing else."""
    if "steps" in sys.modules:
        said = {name: one for name, one in vars(sys.modules["steps"]).items() if name in PARTS}
        loaded = {name: sys.modules.get(f"steps.{name}") for name in PARTS}
        assert said == {name: one for name, one in loaded.items() if one is not None}
