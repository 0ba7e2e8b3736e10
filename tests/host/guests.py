"""A package of a test's own, which the host runs and the test edits."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

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
