"""The class that users write: a handler, a few hooks, and what an actor can do."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Coroutine, Hashable, Mapping, MutableMapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from .address import Address
from .errors import Detached, NotBound, StartFailed
from .names import Names
from .outbox import do
from .owned import own
from .watch import begin_watch, end_watch

if TYPE_CHECKING:
    import asyncio

    from .cell import ActorCell
    from .composing import Finished
    from .ref import ActorRef
    from .status import State
    from .supervision import OnError, RestartType, Strategy
    from .system import ActorSystem

ASYNC_HOOKS = ("prepare_children", "prepare_mailbox", "on_start", "msg_handler", "on_stop")
PLAIN_HOOKS = ("__init__", "decide_to_start", "user_task_callback")
START_HOOKS = ASYNC_HOOKS[:3]


class Actor(Names):
    """Something that handles one message after another, at an address of its own.

    Order of the hooks: ``__init__`` (opens nothing), `on_start`, then `msg_handler` for each
    message, `on_stop` at the end. `on_start` and `on_stop` are a pair and may run more than
    once in an instance's life: what the one opens, the other closes.

    A subclass may state settings as class attributes: ``max_tasks``, ``mailbox`` (a mapping
    of ``capacity`` and ``overflow``), ``start_timeout``, ``stop_timeout``, ``ask_timeout``, what
    becomes of it when it fails (``on_error``, ``restart``, ``strategy``, ``budget``,
    ``backoff``), and a model ``Options`` for what aplay.toml may give it; they hold unless
    aplay.toml says otherwise. ``accepts`` names the classes marked with `message` that a
    mailbox which keeps its mail is to read for it; plain values need none.

    With ``saved_type`` it has a state in `saved`: made without arguments before ``__init__``, and
    read anew before `on_start` where its mailbox commits turns. It needs ``max_tasks = 1``.
    """

    accepts: ClassVar[tuple[type, ...]] = ()
    max_tasks: ClassVar[int]
    mailbox: ClassVar[Mapping[str, Any]]
    on_error: ClassVar[OnError]
    restart: ClassVar[RestartType]
    strategy: ClassVar[Strategy]
    budget: ClassVar[Mapping[str, Any]]
    backoff: ClassVar[Mapping[str, Any]]
    start_timeout: ClassVar[float]
    stop_timeout: ClassVar[float]
    ask_timeout: ClassVar[float]
    Options: ClassVar[type[Any]]
    saved_type: ClassVar[type[Any] | None] = None

    saved: Any

    _cell: ActorCell | None = None
    _detached = False

    def __init__(
        self, name: object = None, parent: object = None, loop: object = None, kernel: object = None
    ) -> None:
        """Accept and ignore what programs for aplay hand over; the cell knows it all."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a hook that is plain where a coroutine is wanted, or the reverse.

        Raises `TypeError`.
        """
        super().__init_subclass__(**kwargs)
        for name in (*ASYNC_HOOKS, *PLAIN_HOOKS):
            hook = vars(cls).get(name)
            is_async = inspect.iscoroutinefunction(inspect.unwrap(hook)) if hook else False
            if inspect.isfunction(hook) and is_async != (name in ASYNC_HOOKS):
                wanted = "def" if is_async else "async def"
                raise TypeError(f"{cls.__qualname__}.{name} must be written with '{wanted}'")

    # ---- hooks ---------------------------------------------------------------------------

    async def prepare_children(self) -> None:
        """Make the children; the first of the hooks of a start, and once for each instance.

        Shares `start_timeout` with `on_start`, and what is said there of errors.
        """

    async def prepare_mailbox(self) -> None:
        """Set a mailbox of one's own; runs after `prepare_children`, once for each instance."""

    async def on_start(self) -> None:
        """Open what the actor needs; runs before the first message, mail waits meanwhile.

        Runs within `start_timeout` seconds. If it raises, `on_stop` does not run, mail goes
        on waiting, and after a pause a new instance is started.
        """

    async def msg_handler(self, msg: Any) -> Any:
        """Handle one message; what it returns is the reply when the sender asks.

        Raise for a message that is not known. An error counts the message as failed and the
        next one is handled; `Refuse` answers with an error without failing.
        """
        raise NotImplementedError(f"{type(self).__qualname__} does not handle messages")

    async def on_stop(self, reason: str) -> None:
        """Close what `on_start` opened; `reason` tells why.

        It is ``stop``, ``error`` (a stop that `on_error` asked for), ``restart``, ``remove``
        or ``shutdown``.

        Runs once the message in hand is over, within what is left of `stop_timeout` seconds.
        If it raises, that is logged and the stop goes on.
        """

    def decide_to_start(self) -> bool:
        """Say whether to begin with the mail that waits, when the actor is idle and some came.

        Asked, only where a class has one of its own, before each such beginning that nobody
        asked for by name: `start` is not a question. On False the mail is kept, and the next
        message, or `start`, is the next occasion. If it raises, that is logged and means no.
        """
        return True

    def user_task_callback(self, outcome: Finished, msg: Any = None) -> None:
        """Look at what became of a message, after each one.

        `outcome` has `exception()`, `result()` and `cancelled()`. If this raises, that is
        logged; what became of the message stands.
        """

    # ---- what an actor knows -------------------------------------------------------------

    @property
    def _here(self) -> ActorCell:
        if self._cell is None:
            raise NotBound(
                f"{type(self).__qualname__}() was made by hand; actors are made by "
                "system.spawn(...) or by a parent's self.spawn(...)"
            )
        return self._cell

    @property
    def _acting(self) -> ActorCell:
        """The cell, for a verb; raises `Detached` once another instance has taken the place."""
        if self._detached:
            raise Detached(self.address)
        return self._here

    @property
    def name(self) -> str:
        """The last segment of the address."""
        return self._here.address.name

    @property
    def address(self) -> Address:
        """Where the actor lives."""
        return self._here.address

    @property
    def state(self) -> State:
        """The actor's state."""
        return self._here.state

    @property
    def held(self) -> bool:
        """Tell whether a person stopped the actor."""
        return self._here.held

    @property
    def options(self) -> Any:
        """The options given in aplay.toml or to `spawn`; an `Options` where there is one."""
        return self._here.spec.options

    @property
    def system(self) -> ActorSystem:
        """The system that the actor lives in."""
        return self._here.system

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The system's event loop."""
        return self._here.system.loop

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """The logger of the actor's module; each record carries the address as ``actor``."""
        return ActorLog(logging.getLogger(type(self).__module__), {"actor": self.address})

    # ---- what an actor can do ------------------------------------------------------------

    def ref(self, address: str | None = None) -> ActorRef:
        """Return the ref to `address`, or the actor's own."""
        return self.system.ref(self.address if address is None else address)

    async def spawn(self, cls: type[Actor], name: str, **settings: Any) -> ActorRef:
        """Make and start a child; see `ActorSystem.spawn` for settings and errors."""
        return await self._acting.system.spawn(cls, name, parent=self.address, **settings)

    def create_task(
        self, coro: Coroutine[Any, Any, Any], name: str | None = None
    ) -> asyncio.Task[Any]:
        """Run `coro` as a task of this actor: it is cancelled when the actor stops.

        The kernel holds the task; its exception is a failure of the actor.
        """
        what = name or getattr(coro, "__name__", "task")
        try:
            cell = self._acting
        except Detached:
            coro.close()
            raise
        return own(cell, coro, f"{self.address} {what}", self)

    def send_after(self, delay: float, msg: Any, key: Hashable = None) -> Hashable:
        """Send `msg` to oneself in `delay` seconds; return the key, for `cancel_timer`.

        A timer under the same key is replaced. Timers end with stop, restart and removal.
        """
        return self._acting.timers.set(msg, delay, key, repeat=False)

    def send_every(self, interval: float, msg: Any, key: Hashable = None) -> Hashable:
        """Send `msg` to oneself each `interval` seconds; return the key, for `cancel_timer`.

        There is never more than one of them in line: those that come due while it waits are
        left out, and the times keep their phase.
        """
        return self._acting.timers.set(msg, interval, key, repeat=True)

    def cancel_timer(self, key: Hashable) -> bool:
        """End a timer, also one whose message waits already; return whether there was one."""
        timers = self._acting.timers
        return do(self.system, partial(timers.cancel, key), key in timers)

    def watch(self, ref: ActorRef | str) -> None:
        """Get one `Terminated` when the actor is removed; at once where none lives.

        Stops, restarts and failures are not told. A watch ends with the instance that made it.
        """
        address = self.system.ref(str(getattr(ref, "address", ref))).address
        do(self.system, partial(begin_watch, self._acting, address), None)

    def unwatch(self, ref: ActorRef | str) -> None:
        """Get no `Terminated` of it any more, not even one that waits already."""
        address = self.system.ref(str(getattr(ref, "address", ref))).address
        do(self.system, partial(end_watch, self._acting, address), None)

    def exit(self, reason: BaseException | None = None) -> None:
        """Say that this instance is done, once the message in hand is over.

        With an exception as `reason` it has failed. What comes then, a restart or the
        removal of the actor, is decided by its ``restart`` setting.
        """
        if self._acting.behaviour is not self:
            return  # what was left behind has no say in the life of the next instance
        if reason is None:
            self._here.end_life()
        else:
            self._here.fail(reason, None, "restart")


class Group(Actor):
    """An actor that only stands above its children; it knows no message."""


class Faulty(Actor):
    """Stands in for a class that could not be had: its start fails with the reason."""

    budget: ClassVar[Mapping[str, Any]] = {"max": 0}

    def __init__(self, fault: str) -> None:
        raise StartFailed(fault)


class ActorLog(logging.LoggerAdapter[logging.Logger]):
    """Adds the actor's address to each record, beside what the caller gives as ``extra``."""

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        """Return the message and its arguments with ``extra`` completed."""
        kwargs["extra"] = {**(self.extra or {}), **kwargs.get("extra", {})}
        return msg, kwargs


def overrides(cls: type[Actor], hook: str) -> bool:
    """Tell whether `cls` has a `hook` of its own."""
    return getattr(cls, hook) is not getattr(Actor, hook)
