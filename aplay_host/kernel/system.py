"""The tree of actors on one event loop: its registry, its verbs and its end."""

from __future__ import annotations

import asyncio
import contextvars
import random
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Self, TypeVar
from weakref import WeakValueDictionary

from . import lifecycle
from .actor import Actor, Faulty, Group
from .address import Address
from .cell import ActorCell
from .child import child_spec, discard, find_child, note_declared, prepare_child
from .composing import Interceptors
from .deadlines import Deadlines
from .ending import SHUTDOWN_SECONDS, Ending
from .errors import StartFailed
from .events import EventStream
from .handoff import Drivers
from .inside import Inside, look_inside
from .letters import DeadLetters
from .mailbox import MakeMailbox
from .openref import OpenRef
from .outbox import Outbox
from .placing import in_memory, place
from .quiesce import OnBusy, Quiesce, idle
from .ref import ActorRef
from .registry import Registry
from .reports import Reports
from .spec import MEMORY, SETTINGS, ActorSpec, TreeNode, TreePlan, class_settings
from .status import ActorStatus, Failure, ShutdownReport
from .steering import open_planned
from .turn import CURRENT

T = TypeVar("T")


class ActorSystem:
    """A tree of actors, its root at ``/``; one system lives on one loop, in one thread.

    Use it as ``async with ActorSystem("demo") as system``: leaving the block shuts the tree
    down in order. From another thread, use ``loop.call_soon_threadsafe(ref.tell_nowait, m)``.

    `interceptors` is asked at each start of an actor for what to put around its handler, and
    `mailboxes` at the first one for what keeps its mail; what that raises is a failed start.
    Without `handoff` every request stands in line, also for an actor with nothing to do; that
    changes nothing but speed. `seed` makes the random part of pauses repeatable.
    """

    clock: Callable[[], float]
    """The loop's time in seconds; 0 before the system is open."""
    drivers: Drivers
    deadlines: Deadlines

    def __init__(
        self,
        name: str = "aplay",
        *,
        handoff: bool = True,
        interceptors: Interceptors | None = None,
        mailboxes: MakeMailbox = in_memory,
        seed: int | None = None,
    ) -> None:
        self.name = name
        self.interceptors = interceptors
        self.make_mailbox = mailboxes
        self.handoff = handoff
        self.clock = _no_time
        self.chance = random.Random(seed)
        self.events = EventStream(self.now)
        self.reports = Reports()
        self.dead_letters = DeadLetters(self.now, self.events, self.reports)
        # Who is told of each actor that is gone, with its counters as they ended.
        self.on_forget: Callable[[ActorStatus], object] | None = None
        # How many hands have a task of their own now.
        self.active = 0
        # The exchange under way, and what records the verbs of a behaviour being built for it.
        self.quiet: Quiesce | None = None
        self.outbox: Outbox | None = None
        # How many of what records sends are open; with None a `tell` need not look for one.
        self.diverted: int | None = None
        # The cells that verbs and mail set in motion before the system was open.
        self.unsteered: dict[ActorCell, None] | None = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self.base_context = contextvars.Context()
        self.ending = Ending(self)
        # The specs of actors with the settings of their class only, while any of these lives.
        self._specs: WeakValueDictionary[tuple[Any, ...], ActorSpec] = WeakValueDictionary()
        self.registry = Registry(self)
        self.root = self.registry.root

    async def __aenter__(self) -> Self:
        self.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.shutdown()
        if self.ending.fatal is not None and exc[0] is None:
            raise self.ending.fatal

    def open(self) -> None:
        """Bind the system to the running loop; done once, by ``async with`` or by hand.

        What was asked of actors before begins now. Raises `RuntimeError` when the system is
        bound to another loop, or over.
        """
        if self.unsteered is None:
            raise RuntimeError(f"the system {self.name!r} was opened before")
        self.bind(asyncio.get_running_loop())
        self.base_context = contextvars.copy_context()
        self.base_context.run(CURRENT.set, None)  # a handler of another system may open this one
        self.drivers = Drivers(self)
        self.deadlines = Deadlines(self.loop)
        unsteered, self.unsteered = self.unsteered, None
        if self.root.wanted == "gone":  # it was stopped before it began
            self.ending.begin()
            self.root.steer()
            return
        if not lifecycle.start_now(self.root):
            lifecycle.start(self.root)
        for cell in unsteered:
            cell.steer()

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Say on which loop the system will be opened; raises `RuntimeError` for a second one."""
        if self._loop is not None and self._loop is not loop:
            raise RuntimeError(f"the system {self.name!r} belongs to another loop: {self._loop!r}")
        self._loop = loop
        # The stock loops' own method only calls this function.
        stock = getattr(type(loop), "time", None) is asyncio.BaseEventLoop.time
        self.clock = time.monotonic if stock else loop.time

    # ---- the loop ------------------------------------------------------------------------

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that the system runs on; raises `RuntimeError` before it is open."""
        if self._loop is None:
            raise RuntimeError("the system is not open; use 'async with ActorSystem(...)'")
        return self._loop

    @property
    def is_bound(self) -> bool:
        """Tell whether it is settled on which loop the system runs."""
        return self._loop is not None

    def now(self) -> float:
        """Return the loop's time in seconds; 0 before the system is open."""
        return self.clock()

    def create_task(self, coro: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Run `coro` in the system's base context, never in that of who happens to call.

        Its first step is the loop's, whatever task factory that has: an eager one would run
        handlers inside of their senders.
        """
        return asyncio.Task(coro, loop=self.loop, name=name, context=self.base_context.copy())

    # ---- making actors -------------------------------------------------------------------

    async def spawn(
        self,
        cls: type[Actor],
        name: str,
        *,
        parent: ActorRef | str = "/",
        kwargs: Mapping[str, Any] | None = None,
        options: Any = None,
        **settings: Any,
    ) -> ActorRef:
        """Make the actor `name` below `parent` and return its ref when it has started.

        `kwargs` go to ``__init__``, `options` are handed over as they are, `settings` are
        any of `SETTINGS`. Raises `NameTaken`, `BadAddress`, `ValueError` for a setting out of
        range, and what ``__init__`` raises: all of these leave nothing behind. When `on_start`
        fails it raises `StartFailed`, and the actor stays and is tried again after a pause.

        A child that the parent's earlier instance made, under the same name and of the same
        class, is adopted: it starts again with its mail, unless a person holds it.
        """
        if settings and (unknown := settings.keys() - SETTINGS):
            raise TypeError(f"unknown setting {sorted(unknown)}, want any of {sorted(SETTINGS)}")
        if not (isinstance(cls, type) and issubclass(cls, Actor)):
            raise TypeError(f"spawn: got {cls!r}, want a class derived from Actor")
        address = parent.address if isinstance(parent, ActorRef) else parent
        above = self.registry.needed(address, "parent ")
        spec = self.spec_of(cls, kwargs=kwargs, options=options, settings=settings)
        if self.outbox is not None:
            declared = self.outbox.declare(above, name, spec)
            return ActorRef(self, declared, self.registry.nowhere)
        cell = self.registry.add(above, name, spec)
        note_declared(above, name)
        if cell.state != "new":  # adopted
            if not cell.held:
                await lifecycle.restart(cell)
            return self._ref_of(cell)
        try:
            started = lifecycle.start_now(cell)
        except BaseException:
            discard(cell)
            raise
        if not started:
            await lifecycle.start(cell)
        return self._ref_of(cell)

    def create_actor(self, parent: ActorCell, name: str, cls: type[Actor]) -> OpenRef:
        """Make a child with its instance, but do not start it; see `Actor.create_actor`."""
        spec = child_spec(parent, name, cls)
        if self.outbox is not None:
            return self.open_ref(self.outbox.declare(parent, name, spec, starts=False))
        cell = find_child(parent, name, cls)
        if cell is None:
            cell = self.registry.add(parent, name, spec)
            prepare_child(cell)
        note_declared(parent, name)
        return self.open_ref(cell.address)

    def declare(self, parent: ActorCell, name: str, spec: ActorSpec, *, starts: bool) -> None:
        """Make a child of a behaviour that was exchanged, unless it is there already."""
        ends = self.stopping or parent.wanted == "gone"
        if not ends and self.cell_at(parent.address.child(name)) is None:
            cell = self.registry.add(parent, name, spec)
            if starts:
                lifecycle.start(cell)

    def spec_of(
        self,
        cls: type[Actor],
        *,
        kwargs: Mapping[str, Any] | None = None,
        options: Any = None,
        settings: Mapping[str, Any] | None = None,
    ) -> ActorSpec:
        """Return `ActorSpec.of` these; one for all actors with nothing but their class's."""
        if kwargs or options is not None or settings:
            return ActorSpec.of(cls, kwargs=kwargs, options=options, settings=settings)
        key = (cls, *(_frozen(one) for one in class_settings(cls).items()))
        try:
            spec = self._specs.get(key)
        except TypeError:  # an array, say, in a key of a mailbox kind's own
            return ActorSpec.of(cls)
        if spec is None:
            spec = self._specs[key] = ActorSpec.of(cls)
        return spec

    def plant(self, plan: TreePlan) -> Coroutine[Any, Any, None]:
        """Make all actors of `plan`; awaiting the result starts them, parents first.

        Every address exists and keeps mail when this returns, before the first actor starts.
        A durable mailbox takes what is sent to it from then on, and is opened before that. They
        start one after another; one that does not is tried again after a pause, and the
        next one is started all the same: nothing is raised for it. Parents that the plan does
        not name are made as `Group`.
        """
        return self._start_planted([self._plant_node(node) for node in plan.nodes])

    async def _start_planted(self, cells: list[ActorCell]) -> None:
        for cell in cells:
            await open_planned(cell)
        for cell in cells:
            if cell.state == "new" and not self.stopping:
                with suppress(StartFailed):
                    await lifecycle.start(cell)

    def _plant_node(self, node: TreeNode) -> ActorCell:
        above = self.root
        for ancestor in node.address.ancestors():
            found = self.cell_at(ancestor)
            above = found or self.registry.add(above, ancestor.name, self.spec_of(Group))
            if found is None:
                lifecycle.start_now(above)
        spec = node.spec or faulty_spec(node)
        cell = self.registry.add(above, node.address.name, spec)
        cell.planned = True
        if spec.mailbox.kind != MEMORY.kind:
            with suppress(Exception):  # its start makes it again, and fails
                place(cell)
        if node.spec is None:
            cell.remember(Failure("StartFailed", node.fault or "", "", self.now()))
            cell.want("down")
            cell.enter("failed")
        return cell

    # ---- reaching actors -----------------------------------------------------------------

    def ref(self, address: str) -> ActorRef:
        """Return the ref to `address`, whether an actor lives there or not."""
        checked = Address(address)
        cell = self.cell_at(checked)
        return (
            ActorRef(self, checked, self.registry.nowhere) if cell is None else self._ref_of(cell)
        )

    def open_ref(self, address: str) -> OpenRef:
        """Return the ref to `address` that also reaches into the instance there."""
        ref = self.ref(address)
        return OpenRef(self, ref.address, self.cell_at(ref.address) or self.registry.nowhere)

    def select(self, pattern: str) -> list[ActorRef]:
        """Return the refs that `pattern` names: ``*`` is one segment, ``**`` any depth."""
        return [self._ref_of(cell) for cell in self.cells() if cell.address.matches(pattern)]

    def cell_at(self, address: Address) -> ActorCell | None:
        """Return the cell that lives at `address` now."""
        return self.registry.get(address)

    def _ref_of(self, cell: ActorCell) -> ActorRef:
        if cell.ref is None:
            cell.ref = ActorRef(self, cell.address, cell)
        return cell.ref

    def cells(self) -> Iterator[ActorCell]:
        """Go through all cells but the root, parents first, in order of creation."""
        return self.registry.below(self.root)

    # ---- exchanging behaviours -----------------------------------------------------------

    def quiesce(
        self, addresses: Iterable[str], *, deadline: float = 5.0, on_busy: OnBusy = "abort"
    ) -> Quiesce:
        """Hold actors between two messages, for ``async with``; see `Quiesce` for what is there.

        Raises `BadAddress` where no actor lives. Entering the block raises `Busy`, with all
        gates open again, when they are not ready within `deadline` seconds; with `on_busy` as
        ``cancel`` their handlers are cancelled then, and those messages have failed.
        """
        cells = [self.registry.needed(address) for address in addresses]
        return Quiesce(self, cells, deadline, on_busy)

    async def idle(self, address: str) -> None:
        """Wait until what the actor has in hand now, or its stop, is over; mail goes on behind it.

        Raises `SelfWait` within its own handler.
        """
        cell = self.cell_at(Address(address))
        if cell is not None:
            await idle(cell)

    # ---- looking -------------------------------------------------------------------------

    def tree(self) -> list[ActorStatus]:
        """Return the status of every actor but the root, parents first, in order of creation."""
        return [cell.status() for cell in self.cells()]

    def status(self) -> ActorStatus:
        """Return the sum over all actors, those that are gone included."""
        return self.registry.status()

    def look_inside(self, address: str) -> Inside:
        """Return what goes on inside the actor at `address` now; nothing where none lives."""
        cell = self.cell_at(Address(address))
        return Inside() if cell is None else look_inside(cell)

    def divert(self, by: int) -> None:
        """Count what records sends: one more is open, or one less."""
        self.diverted = (self.diverted or 0) + by or None

    # ---- what cells report ---------------------------------------------------------------

    def end_activation(self) -> None:
        """Note that a drain ended; with the last one the system is quiet."""
        self.active -= 1
        if self.active == 0:
            self.ending.note_quiet()

    # ---- the end -------------------------------------------------------------------------

    @property
    def stopping(self) -> bool:
        """Tell whether the system is shutting down or has done so."""
        return self.ending.begun

    @property
    def fatal(self) -> BaseException | None:
        """What ended the system if nobody asked for it: a handler's SystemExit, say."""
        return self.ending.fatal

    async def drain(self, seconds: float) -> bool:
        """End all owned tasks, then let waiting mail be handled; False when time ran out."""
        return await self.ending.drain(seconds)

    async def shutdown(self, deadline: float = SHUTDOWN_SECONDS) -> ShutdownReport:
        """Remove all actors, the last made first, within `deadline` seconds; safe to repeat.

        What runs past the deadline is cancelled, and left behind within a second. From the
        call on no actor can be made.
        """
        return await self.ending.shutdown(deadline)

    def abort(self) -> None:
        """Shut down without waiting: cancel every handler, hook and owned task now."""
        if self._loop is not None:
            self.ending.abort()


def faulty_spec(node: TreeNode) -> ActorSpec:
    """Return what stands in for an actor that could not be had, with the mailbox of its own."""
    spec = ActorSpec.of(Faulty, kwargs={"fault": node.fault})
    return replace(spec, mailbox=node.mailbox)


def _no_time() -> float:
    return 0.0


def _frozen(setting: tuple[str, Any]) -> tuple[str, Any]:
    name, value = setting
    return name, tuple(value.items()) if isinstance(value, Mapping) else value
