"""An actor keeps its state however its class came about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .conftest import Serve
from .guests import Guest, reload

BASE = """
import abc
from functools import cached_property
from aplay_host import Actor

VERSION = "old"

class Base(Actor):
    made = 0

    def __init__(self, **options):
        super().__init__(**options)
        self.seen = []
        type(self).made += 1

    async def msg_handler(self, msg):
        self.seen = [*self.seen, msg]
        return [VERSION, *self.seen]

class Mixin:
    def __init__(self, **options):
        super().__init__(**options)
        self.mixed = VERSION

class Stamp(abc.ABCMeta):
    def __call__(cls, *args, **options):
        made = super().__call__(*args, **options)
        made.stamp = VERSION
        return made

def renamed(cls):
    class Wrapped(cls):
        pass
    Wrapped.__qualname__ = cls.__qualname__
    return Wrapped
"""
STYLES = {
    "elsewhere": "class Tail(Base): ...",
    "mixin": "class Tail(Mixin, Base): ...",
    "abstract": """
class Abstract(Base, abc.ABC):
    @abc.abstractmethod
    def word(self): ...

class Tail(Abstract):
    def word(self):
        return VERSION

    async def msg_handler(self, msg):
        return [self.word(), *(await super().msg_handler(msg))[1:]]
""",
    "metaclass": "class Tail(Base, metaclass=Stamp): ...",
    "nested": "class Outer:\n    class Tail(Base): ...\n\nTail = Outer.Tail",
    "decorated": "@renamed\nclass Tail(Base): ...",
    "slots": """
class Tail(Base):
    __slots__ = ("count", "__secret")

    def __init__(self):
        super().__init__()
        self.count = 0

    async def msg_handler(self, msg):
        self.count += 1
        self.__secret = [*getattr(self, "_Tail__secret", []), msg]
        assert len(self.__secret) == self.count
        return [VERSION, *self.__secret]
""",
    "cached": """
class Tail(Base):
    @cached_property
    def mark(self):
        return [VERSION]

    async def msg_handler(self, msg):
        self.mark.append(msg)
        return [VERSION, *self.mark[1:]]
""",
    "same name twice": "class Tail(Actor): ...\n\nclass Tail(Base): ...",
}


@pytest.mark.parametrize("style", STYLES)
async def test_an_actor_of_any_style_of_class_keeps_its_state(
    plugin: Guest, serve: Serve, folder: Path, style: str
) -> None:
    plugin.write(
        base=BASE, plain=f"from .base import *\nfrom .base import VERSION\n{STYLES[style]}"
    )
    served = await serve(
        f"""
        plugins.paths = ["{folder}"]
        actors."/a".use = "guest.plain:Tail"
        """
    )
    ref = served.host.system.ref("/a")
    assert await ref.ask(1) == ["old", 1]
    plugin.edit("base", '"old"', '"new"')
    for number in (2, 3):
        report = await reload(served)
        assert report.outcome == "committed", report.line()
        told: Any = await ref.ask(number)
        assert told == ["new", *range(1, number + 1)]
        plugin.edit("plain", "\n", "\n\n")
