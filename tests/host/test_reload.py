"""A file is edited and reloaded, and what an actor is asked before and after."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from aplay_host.reload import ReloadReport, Request

from .conftest import Serve, Served

PARSE = """
    from . import words

    def parse(msg):
        return words.PREFIX + msg
"""
TAIL = """
    from dataclasses import dataclass

    from aplay_host import Actor

    from .parse import parse

    @dataclass
    class Line:
        text: str

    class Tail(Actor):
        def __init__(self):
            self.seen = []
            self.limit = 3

        async def msg_handler(self, msg):
            if msg == "seen":
                return [line.text for line in self.seen]
            if msg == "kind":
                return [isinstance(line, Line) for line in self.seen]
            if msg == "limit":
                return self.limit
            self.seen.append(Line(parse(msg)))
            return self.seen[-1].text
"""
PLAIN = """
    from aplay_host import Actor

    class Plain(Actor):
        async def msg_handler(self, msg):
            return msg
"""


class Plugin:
    """A package of the test's own in a folder that aplay.toml names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "guest"
        self.folder.mkdir()
        self.write(__init__="", words="PREFIX = 'old '", parse=PARSE, tail=TAIL, plain=PLAIN)

    def write(self, **texts: str) -> None:
        for name, text in texts.items():
            (self.folder / f"{name}.py").write_text(dedent(text))

    def edit(self, name: str, old: str, new: str) -> None:
        file = self.folder / f"{name}.py"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))


@pytest.fixture
def plugin(folder: Path) -> Any:
    yield Plugin(folder)
    for name in [one for one in sys.modules if one.partition(".")[0] == "guest"]:
        del sys.modules[name]


@pytest.fixture
async def served(plugin: Plugin, serve: Serve, folder: Path) -> Served:
    return await serve(
        f"""
        plugins.paths = ["{folder}"]
        actors."/tail".use = "guest.tail:Tail"
        actors."/plain".use = "guest.plain:Plain"
        """
    )


async def reload(served: Served, **request: Any) -> ReloadReport:
    return await served.host.reloads.reload(Request(**request))


async def ask(served: Served, message: Any, address: str = "/tail") -> Any:
    return await served.host.system.ref(address).ask(message)


def state_of(served: Served) -> dict[str, Any]:
    """Return what must be identical, object for object, after a reload that came to nothing."""
    modules = {name: module for name, module in sys.modules.items() if name.startswith("guest")}
    attributes = {f"{name}.*": dict(vars(module)) for name, module in modules.items()}
    cell = served.host.system.cell_at(served.host.system.ref("/tail").address)
    assert cell is not None
    assert cell.behaviour is not None
    noted = served.host.plugins.finder.noted()
    return {
        **modules,
        **attributes,
        "behaviour": cell.behaviour,
        "state": dict(vars(cell.behaviour)),
        "current": served.host.current,
        "path": list(sys.path),
        "noted": noted,
    }


async def test_an_edited_module_two_imports_away_reaches_the_actor_that_keeps_its_state(
    plugin: Plugin, served: Served
) -> None:
    assert await ask(served, "a") == "old a"
    plugin.edit("words", "old", "new")
    report = await reload(served)
    assert (report.outcome, report.generation_from, report.generation_to) == ("committed", 1, 2)
    assert set(report.modules) == {"guest.words", "guest.parse", "guest.tail"}
    assert await ask(served, "b") == "new b"
    assert await ask(served, "seen") == ["old a", "new b"]
    assert await ask(served, "kind") == [True, True]
    assert served.host.record().generation == 2
    row = served.host.system.ref("/tail").status()
    assert (row.generation, row.accepted, row.handled) == (2, 4, 4)
    assert served.host.system.ref("/plain").status().generation == 1


async def test_an_edited_default_takes_effect(plugin: Plugin, served: Served) -> None:
    plugin.edit("tail", "self.limit = 3", "self.limit = 4")
    assert (await reload(served)).outcome == "committed"
    assert await ask(served, "limit") == 4


async def test_nothing_changed_is_no_transaction(plugin: Plugin, served: Served) -> None:
    plugin.edit("words", "old", "new")
    plugin.edit("words", "new", "old")
    report = await reload(served)
    assert (report.outcome, report.generation_to) == ("nothing", 1)
    assert report.line() == "reload: nothing has changed, still running #1"


async def test_a_dry_run_tells_the_plan_and_changes_nothing(plugin: Plugin, served: Served) -> None:
    before = state_of(served)
    plugin.edit("words", "old", "new")
    report = await reload(served, dry_run=True)
    assert report.outcome == "nothing"
    assert report.plan is not None
    assert [(it.action, it.address) for it in report.plan.cells] == [("swap", "/tail")]
    why = {it.module: it.why() for it in report.plan.affected}
    assert why["guest.parse"] == "from . import words (parse.py:2)"
    assert state_of(served) == before


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
}


@pytest.mark.parametrize("case", BROKEN)
async def test_what_cannot_run_is_refused_with_its_place_and_nothing_has_changed(
    plugin: Plugin, served: Served, case: str
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
