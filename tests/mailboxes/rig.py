"""An engine and a system beside it, as a host has them, in a folder of the test's own."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from aplay_host import Actor, ActorRef, message
from aplay_host.kernel import ActorSystem, Refuse
from aplay_host.mailboxes import EngineSettings, Failpoints, SqliteEngine, TypeRegistry, accept

QUICK = {"kind": "sqlite", "retry_base": 0.0}
"""A durable mailbox whose second tries come at once."""


@message("acme-rig:Order@1")
class Order(msgspec.Struct):
    """A message with a name."""

    sku: str
    count: int = 1


class Keeper(Actor):
    """Puts what it handles on `seen` and fails on what is in `bad`."""

    accepts = (Order,)

    def __init__(self, seen: list[Any], bad: Any = ()) -> None:
        self.seen = seen
        self.bad = bad

    async def msg_handler(self, msg: Any) -> Any:
        self.seen.append(msg)
        if msg in self.bad:
            raise ValueError(f"no {msg}")
        if msg == "refused":
            raise Refuse("not this")
        return msg


@message("acme-rig:Total@1")
class Total(msgspec.Struct):
    """What a `Counter` keeps."""

    count: int = 0
    seen: list[int] = []


class Counter(Actor):
    """Counts numbers, tells each to `target`, and fails on those in `bad` after it did so."""

    saved_type = Total
    saved: Total

    def __init__(self, target: str = "", bad: Any = ()) -> None:
        self.target = target
        self.bad = list(bad)

    async def msg_handler(self, msg: Any) -> Any:
        if msg == "total":
            return self.saved.count
        self.saved.count += 1
        self.saved.seen.append(msg)
        if self.target:
            await self.ref(self.target).tell(msg)
        if msg in self.bad:
            self.bad.remove(msg)
            raise ValueError(f"no {msg}")
        return self.saved.count


class Stuck(Actor):
    """Tells of each message that it is in hand, and keeps it there until it is cut off."""

    def __init__(self, begun: asyncio.Event) -> None:
        self.begun = begun

    async def msg_handler(self, msg: Any) -> None:
        self.begun.set()
        await asyncio.Event().wait()


class Rig:
    """One engine and one system, between a start and an orderly stop."""

    def __init__(self, engine: SqliteEngine, system: ActorSystem) -> None:
        self.engine = engine
        self.system = system

    async def keeper(
        self,
        name: str = "a",
        *,
        seen: list[Any] | None = None,
        bad: Any = (),
        stop_timeout: float = 5.0,
        **mailbox: Any,
    ) -> tuple[ActorRef, list[Any]]:
        """Start a `Keeper`; return it, and what it has handled so far."""
        kept: list[Any] = [] if seen is None else seen
        kwargs = {"seen": kept, "bad": bad}
        box = QUICK | mailbox
        ref = await self.system.spawn(
            Keeper, name, kwargs=kwargs, mailbox=box, stop_timeout=stop_timeout
        )
        return ref, kept

    async def stopped(self, count: int, **given: Any) -> tuple[ActorRef, list[Any]]:
        """Start a `Keeper`, stop it, and tell it so many numbers; return what `keeper` does."""
        ref, seen = await self.keeper(**given)
        await ref.stop()
        for number in range(count):
            await ref.tell(number)
        return ref, seen

    async def settled(self, ref: ActorRef) -> None:
        """Wait until all mail of an actor is over, and that is committed."""
        await until(lambda: ref.status().pending == ref.status().in_hand == 0)
        await self.engine.link.flush()

    def row(self, address: str = "/a") -> Any:
        """Return the figures of one address, None when there is no mail and no actor."""
        return next((row for row in self.engine.boxes() if row.address == address), None)


@asynccontextmanager
async def rig(
    folder: Path,
    *,
    settings: EngineSettings | None = None,
    failpoints: Failpoints | None = None,
    actors: tuple[type, ...] = (Keeper,),
) -> AsyncIterator[Rig]:
    """Run a system with durable mail in `folder`; `actors` say which types are known."""
    types = TypeRegistry()
    accept(types, *actors)
    async with (
        SqliteEngine(folder, types, settings, failpoints) as engine,
        ActorSystem(mailboxes=engine.make_mailbox) as system,
    ):
        yield Rig(engine, system)


def crash_image(folder: Path, to: Path) -> Path:
    """Copy the files as they are now, which is what a kill -9 at this instant leaves."""
    shutil.copytree(folder, to)
    to.chmod(0o700)
    return to


async def until(holds: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until `holds` is true; the loop has many turns meanwhile."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.001)
