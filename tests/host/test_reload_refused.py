"""What cannot run is refused, and nothing has changed."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import pytest

from aplay_host.plugins import Verdict
from aplay_host.reload import building

from .conftest import Served
from .guests import Guest, ask, reload, state_of

BROKEN = {
    "syntax": (
        "words",
        "PREFIX = 'old '",
        "PREFIX = (",
        "guest/words.py:1",
        "'(' was never closed",
    ),
    "import": ("parse", "from . import words", "import nowhere", "guest/parse.py:2", "nowhere"),
    "raised": ("parse", "def parse", "1 / 0\n\ndef parse", "guest/parse.py:4", "ZeroDivisionError"),
    "exits": ("words", "PREFIX", "raise SystemExit(3)\nPREFIX", "guest/words.py:1", "SystemExit"),
    "init": ("tail", "self.limit = 3", "self.limit = nobody", "tail.py:15", "NameError"),
    "init exits": ("tail", "self.limit = 3", "raise SystemExit(3)", "tail.py:15", "SystemExit: 3"),
    "too deep": (
        "words",
        "'old '",
        "+".join(["''"] * 20_000),
        "guest/words.py:1",
        "RecursionError",
    ),
    "class": ("tail", "class Tail(Actor)", "class Tail", "check", "not-an-actor"),
    "gone": ("tail", "class Tail(Actor)", "class Other(Actor)", "import", "missing-attribute"),
    "field": ("tail", "text: str", "text: str\n    at: int", "/tail.seen[0].at", "a new field"),
    "reload": (
        "tail",
        "    async def",
        "    def on_reload(self, info):\n        raise ValueError('no')\n\n    async def",
        "/tail",
        "ValueError: no",
    ),
    "reload exits": (
        "tail",
        "    async def",
        "    def on_reload(self, info):\n        raise SystemExit(3)\n\n    async def",
        "/tail",
        "SystemExit: 3",
    ),
    "no text": (
        "tail",
        "self.limit = 3",
        "raise type('Mute', (Exception,), {'__str__': None})",
        "tail.py:15",
        "Mute, whose text cannot be made",
    ),
}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.limit = 3", "while True: pass"),
        (
            "    async def",
            "    def on_reload(self, info):\n        while True: pass\n\n    async def",
        ),
    ],
)
async def test_a_new_actor_that_does_not_come_back_is_refused(
    plugin: Guest, served: Served, monkeypatch: pytest.MonkeyPatch, old: str, new: str
) -> None:
    monkeypatch.setattr(building, "MOST_SECONDS", 0.05)
    plugin.edit("tail", old, new)
    report = await reload(served)
    assert report.error is not None
    assert "not done after 0.05 s" in report.error.got
    assert "tail.py:" in report.line()
    assert await ask(served, "a") == "old a"


EXITING = """
    import sys
    from aplay_host import Actor

    class Tail(Actor):
        def __init__(self):
            if hasattr(sys, "guests_may_not_begin"):
                sys.exit(3)

        async def on_dispose(self, names):
            sys.exit(4)
"""


async def test_old_code_that_exits_ends_neither_the_reload_nor_the_host(
    plugin: Guest, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin.write(tail=EXITING)
    assert (await reload(served)).outcome == "committed"
    monkeypatch.setattr(sys, "guests_may_not_begin", True, raising=False)
    plugin.write(tail=EXITING.replace("sys.exit(3)", "self.limit = 4"))
    assert (await reload(served)).outcome == "committed"
    assert await ask(served, "x", "/plain") == "x"


@pytest.mark.parametrize("case", BROKEN)
async def test_what_cannot_run_is_refused_with_its_place_and_nothing_has_changed(
    plugin: Guest, served: Served, case: str
) -> None:
    name, old, new, place, got = BROKEN[case]
    await ask(served, "a")
    before = state_of(served)
    plugin.edit(name, old, new)
    report = await reload(served)
    assert (report.outcome, report.exit_code, report.generation_to) == ("refused", 1, 2)
    assert report.error is not None
    assert place in report.error.place
    assert got in report.error.got
    assert "REFUSED" in report.line()
    assert "still running #1" in report.line()
    after = state_of(served)
    assert after.keys() == before.keys()
    assert [key for key in before if after[key] != before[key]] == []
    assert await ask(served, "b") == "old b"
    plugin.edit(name, new, old)
    plugin.edit("words", "old", "new")
    assert (await reload(served)).generation_to == 2
    assert await ask(served, "seen") == ["old a", "old b"]


async def test_who_finds_everything_changed_again_and_again_gives_up(
    plugin: Guest, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin.edit("words", "old", "new")
    tries = []

    async def before_reload(plan: object, replaced: object) -> Any:
        tries.append(plan)
        entry = served.host.plugins.rows()[0]
        other = replace(entry, installed_version=f"{len(tries)}")
        served.host.plugins.catalog = served.host.plugins.catalog.replaced(entry, other)
        return Verdict()

    monkeypatch.setattr(served.host.plugins.hooks, "before_reload", before_reload)
    monkeypatch.setattr(served.host.plugins.hooks, "hears", lambda *hooks: True)
    report = await reload(served)
    assert report.error is not None
    assert (report.outcome, report.error.code, len(tries)) == ("refused", "too-fast", 5)
    assert await ask(served, "a") == "old a"


async def test_a_file_that_is_deleted_while_actors_need_it_is_refused(
    plugin: Guest, served: Served
) -> None:
    (plugin.folder / "plain.py").unlink()
    report = await reload(served)
    assert report.error is not None
    assert (report.outcome, report.error.code) == ("refused", "class-gone")
    assert await ask(served, "x", "/plain") == "x"
