"""A package of a test's own, which the host runs and the test edits, and what a reload does."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

from aplay_host.reload import ReloadEvent, ReloadReport, Request

if TYPE_CHECKING:
    from .conftest import Served

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


TREE = """
    plugins.paths = ["{folder}"]
    actors."/tail".use = "guest.tail:Tail"
    actors."/plain".use = "guest.plain:Plain"
"""


class Guest:
    """The package ``guest`` in `folder`, which aplay.toml is to name in ``plugins.paths``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "guest"
        self.folder.mkdir()
        self.write(__init__="", words="PREFIX = 'old '", parse=PARSE, tail=TAIL, plain=PLAIN)

    def write(self, **texts: str) -> None:
        """Write modules, each by its name."""
        for name, text in texts.items():
            (self.folder / f"{name}.py").write_text(dedent(text))

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text that is in a module."""
        file = self.folder / f"{name}.py"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))


async def reload(served: Served, **request: Any) -> ReloadReport:
    return await served.host.reloads.reload(Request(**request))


async def rollback(served: Served) -> ReloadReport:
    return await served.host.reloads.rollback()


async def ask(served: Served, message: Any, address: str = "/tail") -> Any:
    return await served.host.system.ref(address).ask(message)


def heard_from(served: Served) -> asyncio.Queue[ReloadReport]:
    """Return where each report of a reload goes from now on."""
    heard: asyncio.Queue[ReloadReport] = asyncio.Queue()

    def hear(event: ReloadEvent) -> None:
        if event.report is not None:
            heard.put_nowait(event.report)

    served.host.system.events.subscribe((ReloadEvent,), hear)
    return heard


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


def rewrite(folder: Path, old: str, new: str) -> None:
    """Replace a text that is in aplay.toml."""
    file = folder / "aplay.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
