"""Imports that change what everybody else in the process depends on."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from aplay_host.plugins import Failure

if TYPE_CHECKING:
    from tests.plugins.conftest import Site

ACTOR = "\nfrom aplay_host.kernel import Actor\nclass A(Actor): ..."


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put back what a successful import may leave behind."""
    for owner, name in ((sys, "stdout"), (sys, "path_hooks"), (signal, "signal")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    monkeypatch.chdir(".")
    with warnings.catch_warnings():
        yield


@pytest.mark.parametrize(
    ("source", "lost"),
    [
        ("sys.meta_path = []", "sys.meta_path"),
        ("sys.meta_path.clear()", "sys.meta_path"),
        ("sys.path = None", "sys.path"),
        ("sys.path.clear()", "sys.path"),
        ("sys.path_hooks = ()", "sys.path_hooks"),
    ],
)
def test_import_that_robs_others_is_a_failed_plugin_and_they_can_be_imported(
    site: Site, source: str, lost: str
) -> None:
    site.actor("rude", "rude", f"import sys{ACTOR}\n{source}")
    site.actor("good", "good")
    plugins = site.open()
    got = plugins.load_actor("rude")
    assert isinstance(got, Failure)
    assert (got.type, lost in got.message) == ("took-away", True)
    assert isinstance(plugins.load_actor("good"), type)


@pytest.mark.parametrize("source", ["sys.modules = {}", "sys.modules[3] = 4"])
def test_table_of_modules_stays_as_others_need_it(site: Site, source: str) -> None:
    table = sys.modules
    site.actor("rude", "rude", f"import sys\n{source}{ACTOR}")
    site.actor("good", "good")
    plugins = site.open()
    plugins.load_actor("rude")
    assert sys.modules is table
    assert {type(name) for name in sys.modules} == {str}
    assert isinstance(plugins.load_actor("good"), type)


def test_path_that_was_made_anew_with_more_in_it_is_no_robbery(site: Site) -> None:
    site.actor("rude", "rude", f"import sys\nsys.path = ['/more', *sys.path]{ACTOR}")
    assert isinstance(site.open().load_actor("rude"), type)
    assert sys.path[0] == "/more"


RUDE = {
    "another sys.stdout": "import sys, io; sys.stdout = io.StringIO()",
    "another signal.signal": "import signal; signal.signal = None",
    "another working directory": "import os; os.chdir('/')",
}


@pytest.mark.parametrize("left", RUDE)
def test_what_is_replaced_is_told(site: Site, left: str, caplog: pytest.LogCaptureFixture) -> None:
    site.actor("rude", "rude", RUDE[left] + ACTOR)
    site.actor("good", "good")
    plugins = site.open()
    assert isinstance(plugins.load_actor("rude"), type)
    assert f"plugin rude/rude: its import leaves {left} behind" in caplog.text
    assert isinstance(plugins.load_actor("good"), type)


def test_what_a_failed_import_has_replaced_is_put_back(site: Site) -> None:
    before = (sys.stdout, signal.signal, os.getcwd(), list(warnings.filters))
    filters = "import warnings; warnings.simplefilter('error')"
    site.actor("rude", "rude", "\n".join([*RUDE.values(), filters, "1 / 0"]))
    assert isinstance(site.open().load_actor("rude"), Failure)
    assert (sys.stdout, signal.signal, os.getcwd(), list(warnings.filters)) == before
