"""Actors and small instruments that the tests of the kernel share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, ClassVar

from aplay_host.kernel import (
    Abandoned,
    Actor,
    ActorRef,
    ActorStatus,
    ActorSystem,
    DeadLettered,
    Event,
    HookFailed,
    MessageFailed,
    Quarantined,
    Removed,
    Restarting,
    Started,
    StartRefused,
    Stopped,
    SystemStopped,
    SystemStopping,
)

EVEN = {"jitter": 0.0}
"""A back-off whose pauses are known beforehand."""

OVERFLOWS = ("reject", "wait", "drop_oldest", "drop_newest")

Job = Callable[[Any], Awaitable[Any]]
"""What a `Runner` is told: an async function of the actor."""


class Recorder(Actor):
    """Puts every message on `seen` and replies with it."""

    def __init__(self, seen: list[Any] | None = None) -> None:
        self.seen: list[Any] = [] if seen is None else seen

    async def msg_handler(self, msg: Any) -> Any:
        self.seen.append(msg)
        return msg


class Runner(Actor):
    """Runs what it is told, within its handler: each test writes the handler it needs."""

    async def msg_handler(self, msg: Job) -> Any:
        return await msg(self)


class Gate(Actor):
    """Puts a message on `begun`, waits until `opened`, and puts it on `ended`."""

    def __init__(self, opened: bool = False) -> None:
        self.opened = asyncio.Event()
        self.begun: list[Any] = []
        self.ended: list[Any] = []
        if opened:
            self.opened.set()

    async def msg_handler(self, msg: Any) -> Any:
        self.begun.append(msg)
        await self.opened.wait()
        self.ended.append(msg)
        return msg


class Hooked(Runner):
    """Runs `starting` and `ending` as its hooks; a failed start is not tried again."""

    budget: ClassVar[Mapping[str, Any]] = {"max": 0}

    def __init__(self, starting: Job | None = None, ending: Job | None = None) -> None:
        self.starting = starting
        self.ending = ending

    async def on_start(self) -> None:
        if self.starting is not None:
            await self.starting(self)

    async def on_stop(self, reason: str) -> None:
        if self.ending is not None:
            await self.ending(reason)


class Diarist(Runner):
    """Notes in `diary`, with its name, what becomes of it; runs jobs, and fails on ``boom``.

    Its `children` are made by each of its instances; `fails` says how often a start fails.
    """

    def __init__(
        self,
        diary: list[str],
        children: Mapping[str, Mapping[str, Any]] | None = None,
        fails: list[object] | None = None,
    ) -> None:
        self.diary, self.made, self.fails = diary, children or {}, fails
        self.note("made")

    async def on_start(self) -> None:
        self.note("start")
        if self.fails:
            self.fails.pop()
            raise ValueError("no start")
        for name, settings in self.made.items():
            await self.spawn(Diarist, name, kwargs={"diary": self.diary}, **settings)

    async def msg_handler(self, msg: Any) -> Any:
        if callable(msg):
            return await msg(self)
        self.note(msg)
        if msg == "boom":
            raise ValueError("boom")
        return msg

    async def on_stop(self, reason: str) -> None:
        self.note(f"stop: {reason}")

    def note(self, text: str) -> None:
        self.diary.append(f"{self.name} {text}")


async def spawn_diarist(
    system: ActorSystem, diary: list[str], name: str = "a", **settings: Any
) -> ActorRef:
    """Spawn a diarist that is restarted by its errors, after 0.2 s the first time."""
    kwargs = {"diary": diary, **settings.pop("kwargs", {})}
    settings = {"on_error": "restart", "backoff": EVEN, **settings}
    ref = await system.spawn(Diarist, name, kwargs=kwargs, **settings)
    diary.clear()
    return ref


async def spawn_parent(
    system: ActorSystem, diary: list[str], children: dict[str, dict[str, Any]] | None = None
) -> ActorRef:
    made = {"x": {}, "y": {}} if children is None else children
    return await spawn_diarist(system, diary, "p", kwargs={"children": made})


def states(system: ActorSystem) -> dict[str, str]:
    """Return the state of every actor, by address."""
    return {status.address: status.state for status in system.tree()}


def behaviour(system: ActorSystem, address: str, cls: type[Any]) -> Any:
    """Return the instance behind an address; its class is checked."""
    actor = cell(system, address).behaviour
    assert isinstance(actor, cls)
    return actor


def cell(system: ActorSystem, address: str) -> Any:
    """Return the cell at an address, for a look inside."""
    found = system.cell_at(system.ref(address).address)
    assert found is not None
    return found


async def forever(_: object = None) -> None:
    """Wait until cancelled."""
    await asyncio.Event().wait()


async def ignore_cancels(until: asyncio.Event) -> None:
    """Wait, whoever cancels, until the test allows the end; for hours if it never does."""
    last_resort = asyncio.get_running_loop().call_later(10_000, until.set)
    while not until.is_set():
        try:
            await until.wait()
        except asyncio.CancelledError:
            continue
    last_resort.cancel()


def fail_with(error: BaseException) -> Job:
    """Return a job that raises `error`."""

    async def job(_: object) -> None:
        raise error

    return job


async def park_drivers(system: ActorSystem, count: int = 10) -> None:
    """Have tasks ready for the first asks, where a system would make each one ask too late."""
    if system.handoff:
        for _ in range(count):
            system.drivers._grow()
        await settle(1)
        assert len(system.drivers.parked) >= count


async def settle(turns: int = 20) -> None:
    """Give everything that is ready its turn; no time passes."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def begin(coro: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Start `coro` as a task and return when it waits for something."""
    task = asyncio.create_task(coro)
    await settle()
    return task


def now() -> float:
    """Return the virtual time."""
    return asyncio.get_running_loop().time()


def timers() -> list[asyncio.TimerHandle]:
    """Return what the loop still has to call at some time."""
    scheduled: list[asyncio.TimerHandle] = vars(asyncio.get_running_loop())["_scheduled"]
    return [timer for timer in scheduled if not timer.cancelled()]


ALL_EVENTS: tuple[type[Event], ...] = (
    Started,
    Stopped,
    Removed,
    Restarting,
    Quarantined,
    MessageFailed,
    HookFailed,
    StartRefused,
    Abandoned,
    DeadLettered,
    SystemStopping,
    SystemStopped,
)


def listen(system: ActorSystem, *kinds: type[Event]) -> list[Any]:
    """Return a list that fills with events of these kinds, or of all."""
    heard: list[Event] = []
    system.events.subscribe(kinds or ALL_EVENTS, heard.append)
    return heard


def check_account(system: ActorSystem) -> None:
    """Check the equation for every actor and for the system, as they are right now."""
    for status in (*system.tree(), system.root.status(), system.status()):
        counts = counts_of(status)
        assert min(counts) >= 0, status
        assert counts[0] == sum(counts[1:]), status


def counts_of(status: ActorStatus) -> tuple[int, int, int, int, int, int]:
    """Return accepted, handled, failed, dead, pending and in hand."""
    return (
        status.accepted,
        status.handled,
        status.failed,
        status.dead,
        status.pending,
        status.in_hand,
    )
