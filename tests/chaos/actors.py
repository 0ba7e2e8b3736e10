"""The actors of the workload: each notes what it does, and some have reason to fail."""

from __future__ import annotations

import asyncio
import ctypes
import resource
from typing import Any

import msgspec

from aplay_host.kernel import Actor
from aplay_host.mailboxes import TypeRegistry, message

from .ledger import Ledger

ROUTES = {"/first": "/second", "/second": "/third"}
LIFE = 1_000_000
"""Numbers of one life; those of the next are greater."""
FLAKY, POISON = 7, 31
"""Each so-and-so-manieth message for ``/failing`` raises once a life, or whenever it is run."""
DEADLY = 10
"""One message for ``/deadly``, of the first sender and in each life, takes the process with it."""
ATTEMPTS, CRASHES = 3, 3
"""How often a message may raise, and how often ``/deadly`` may be killed by one."""
REPORT = "report"
"""Asks for the state."""


@message("chaos:Work@1")
class Work(msgspec.Struct):
    """One message; its number is its sender's."""

    sender: int
    number: int
    ballast: str = ""


@message("chaos:Done@1")
class Done(msgspec.Struct):
    """What a turn saves: how many it has handled, and the last number of each sender."""

    count: int = 0
    last: dict[str, int] = msgspec.field(default_factory=dict)


def types_known() -> TypeRegistry:
    """Return the types of all messages here."""
    types = TypeRegistry()
    types.register(Work, Done)
    return types


class Noting(Actor):
    """Notes what it does; `onward` gets every message once more, in the turn."""

    accepts = (Work,)

    def __init__(self, ledger: Ledger, linger: float, onward: str | None) -> None:
        self.ledger, self.linger, self.onward = ledger, linger, onward
        self.begun: set[tuple[int, int]] = set()

    def note(self, kind: str, msg: Work, count: int = 0) -> None:
        """Write a line about a message."""
        self.ledger.note(kind, self.address, msg.sender, msg.number, count)


class Plain(Noting):
    """Has no state; what is handled may be handled again."""

    async def msg_handler(self, msg: Any) -> None:
        if not isinstance(msg, Work):
            return
        self.note("begun", msg)
        await asyncio.sleep(self.linger)
        self.note("effect", msg)


class Deadly(Noting):
    """Reads memory that is not there, for one message."""

    async def msg_handler(self, msg: Any) -> None:
        if not isinstance(msg, Work):
            return
        self.note("begun", msg)
        if msg.sender == 0 and msg.number % LIFE == DEADLY:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            ctypes.string_at(0)
        self.note("effect", msg)


class Failing(Noting):
    """Raises now and then, and for some messages whenever they are run."""

    async def msg_handler(self, msg: Any) -> None:
        if not isinstance(msg, Work):
            return
        key = msg.sender, msg.number
        self.note("begun", msg)
        await asyncio.sleep(0)
        if msg.number % POISON == POISON - 1 or (msg.number % FLAKY == 0 and key not in self.begun):
            self.begun.add(key)
            self.note("raised", msg)
            raise ValueError("not this time")
        self.note("effect", msg)


class Turning(Noting):
    """Counts in a state that is committed with the message, and sends it on."""

    saved_type = Done
    saved: Done

    async def msg_handler(self, msg: Any) -> Any:
        if not isinstance(msg, Work):
            return {"count": self.saved.count, "last": self.saved.last}
        self.note("begun", msg)
        await asyncio.sleep(0)
        self.saved.count += 1
        self.saved.last[str(msg.sender)] = msg.number
        if self.onward is not None:
            self.ref(self.onward).tell_nowait(msg)
        settled = self.address, msg.sender, msg.number, self.saved.count
        self.ref("/settled").tell_nowait(settled)  # in memory: it arrives after the commit
        self.note("effect", msg, self.saved.count)
        return None


class Settled(Actor):
    """Notes which turns were committed."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    async def msg_handler(self, msg: Any) -> None:
        if msg != REPORT:
            self.ledger.note("settled", *msg)


TREE = {
    "/settled": Settled,
    "/third": Turning,
    "/second": Turning,
    "/first": Turning,
    "/failing": Failing,
    "/deadly": Deadly,
    "/plain": Plain,
}
"""Receivers first."""
