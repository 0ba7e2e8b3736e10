"""A traceback shows the lines that ran, whatever is on the disk by now."""

from __future__ import annotations

import linecache
from pathlib import Path
from textwrap import dedent

import pytest

from .conftest import Serve, Served
from .guests import PLAIN, Guest, reload, rollback


async def test_a_traceback_shows_the_lines_that_run_whatever_is_on_disk(
    plugin: Guest, served: Served
) -> None:
    file = str(plugin.folder / "words.py")
    plugin.edit("words", "PREFIX", "# one line more\nPREFIX")
    assert first_line_in_tracebacks(file) == "PREFIX = 'old '"
    assert (await reload(served)).outcome == "committed"
    plugin.write(words="nothing of this runs")
    assert first_line_in_tracebacks(file) == "# one line more"
    await rollback(served)
    assert first_line_in_tracebacks(file) == "PREFIX = 'old '"


def first_line_in_tracebacks(file: str) -> str:
    linecache.checkcache(file)
    return linecache.getline(file, 1).rstrip("\n")


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [("words", "PREFIX = 'old '", "PREFIX = nobody"), ("tail", "= 3", "= nobody")],
    ids=["import", "init"],
)
async def test_the_traceback_of_a_refusal_shows_the_lines_that_were_tried(
    plugin: Guest, served: Served, module: str, old: str, new: str
) -> None:
    file = str(plugin.folder / f"{module}.py")
    before = first_line_in_tracebacks(file)
    plugin.edit("words", "PREFIX", "\n\nPREFIX")
    assert (await reload(served)).outcome == "committed"
    plugin.edit(module, old, new)
    report = await reload(served)
    assert report.error is not None
    assert new in report.error.traceback
    assert first_line_in_tracebacks(file) == ("" if module == "words" else before)


async def test_the_lines_of_the_first_generation_are_known_as_python_counts_them(
    plugin: Guest, serve: Serve, folder: Path
) -> None:
    plugin.write(plain="# coding: latin-1\n\f\n# \xe9\n" + dedent(PLAIN))
    text = (plugin.folder / "plain.py").read_text("utf-8")
    (plugin.folder / "plain.py").write_text(text, "latin-1")
    await serve(
        f"""
        plugins.paths = ["{folder}"]
        actors."/plain".use = "guest.plain:Plain"
        """
    )
    plugin.write(plain="nothing of this runs")
    file = str(plugin.folder / "plain.py")
    linecache.checkcache(file)
    assert [linecache.getline(file, line) for line in (2, 3)] == ["\f\n", "# \xe9\n"]
