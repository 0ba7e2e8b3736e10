"""Actors of two generations, and the few lines that put one in the place of the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from aplay_host.kernel import Actor, ActorRef, ActorSpec, ActorSystem, MailboxSpec, Quiesce, Staged

from .actors import Job, cell


class Old(Actor):
    """Puts what it gets on `seen` with the word for its generation, and replies with that."""

    word = "old"

    def __init__(self, seen: list[tuple[str, Any]]) -> None:
        self.seen = seen

    async def msg_handler(self, msg: Any) -> Any:
        self.seen.append((self.word, msg))
        if callable(msg):
            return await msg(self)
        if isinstance(msg, str) and msg.startswith("boom"):
            raise ValueError(msg)
        return self.word


class New(Old):
    word = "new"


async def spawn_old(
    system: ActorSystem, name: str = "a", **settings: Any
) -> tuple[ActorRef, list[Any]]:
    """Spawn an `Old`; return its ref and what it and its successors have seen."""
    seen: list[Any] = []
    return await system.spawn(Old, name, kwargs={"seen": seen}, **settings), seen


def spec_of(system: ActorSystem, address: str, cls: type[Actor], **changes: Any) -> ActorSpec:
    """Return the spec of the actor there with another class, and maybe other settings."""
    spec: ActorSpec = cell(system, address).spec
    if "mailbox" in changes:
        changes["mailbox"] = MailboxSpec(**changes["mailbox"])
    return replace(spec, cls=cls, **changes)


def stage(
    system: ActorSystem, quiet: Quiesce, cls: type[Actor] = New, *addresses: str, **changes: Any
) -> list[Staged]:
    """Stage `cls` for these addresses, for ``/a`` when there is none."""
    return [
        quiet.stage(address, spec=spec_of(system, address, cls, **changes))
        for address in addresses or ("/a",)
    ]


async def exchange(
    system: ActorSystem,
    cls: type[Actor] = New,
    *addresses: str,
    remap: Callable[[Any], Any] | None = None,
    give_back: bool = False,
    **changes: Any,
) -> Quiesce:
    """Hold the actors, put `cls` in their places, and let them go on."""
    async with system.quiesce(addresses or ("/a",)) as quiet:
        staged = stage(system, quiet, cls, *addresses, **changes)
        quiet.swap(staged, remap=remap, give_back=give_back)
    return quiet


class Latch:
    """A job that begins, waits until it is opened, and ends."""

    def __init__(self) -> None:
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()

    async def __call__(self, actor: Actor) -> str:
        self.begun.set()
        await self.may_end.wait()
        return "ended"


def asking(ref: ActorRef, message: Any, begin: asyncio.Event | None = None) -> Job:
    """Return a job that asks, once it may."""

    async def job(_: Actor) -> Any:
        if begin is not None:
            await begin.wait()
        return await ref.ask(message)

    return job


def plain(seen: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Leave out the jobs."""
    return [(word, msg) for word, msg in seen if not callable(msg)]


def picture(system: ActorSystem) -> list[Any]:
    """Return all that an exchange could change, as the very objects that they are."""
    found: list[Any] = []
    for one in system.cells():
        line = [(id(message), id(unwrapped(message))) for message in one.inbox or ()]
        found.append(
            (
                *(one.address, one.state, one.wanted, one.incarnation, one.opened),
                *(id(one.behaviour), id(one.spec), id(one.inbox), line, one.status().pending),
                *(one.limit, one.direct, one.enclosed, one.taken, one.handled, one.failed),
                *(one.generation, id(one.wrapped), one.prepared, id(one.probation)),
                *(one.declared, one.exempt, one.stamps, list(one.deferred), list(one.passing)),
                *({id(task) for task in one.tasks}, {id(task) for task in one.calls}),
                [(id(timer), id(timer.message)) for timer in one.timers or ()],
                [id(waiter.message) for waiter in one.waiters],
                *(dict(one.watching), list(one.watchers)),
            )
        )
    return found


def unwrapped(message: Any) -> Any:
    """Return what the handler gets of something in line."""
    return getattr(message, "message", message)
