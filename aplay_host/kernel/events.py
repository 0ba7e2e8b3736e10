"""What happens in a system, as frozen records, and the stream that tells them.

Events are told synchronously, after the state that they report is set. Without a
subscriber for its type no event is made at all, so a silent system pays nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from .address import Address
    from .letters import DeadLetter
    from .status import Failure, ShutdownReport

_log = logging.getLogger("aplay_host.kernel")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at `address`; `number` counts up per system, `time` is the loop's."""

    number: int
    time: float
    address: Address


@dataclass(frozen=True, slots=True)
class Started(Event):
    """The start hooks returned and mail is handled; `cause` is ``start restart revive``."""

    cause: str


@dataclass(frozen=True, slots=True)
class Stopped(Event):
    """The actor rests; its mail is kept. `reason` is what `on_stop` was told."""

    reason: str


@dataclass(frozen=True, slots=True)
class Removed(Event):
    """The address is free again; `reason` is ``removed`` or ``shutdown``."""

    reason: str


@dataclass(frozen=True, slots=True)
class Replaced(Event):
    """The actor goes on with another behaviour, of code of the generation of that number."""

    generation: int


@dataclass(frozen=True, slots=True)
class Restarting(Event):
    """Restart `restarts` of those that count comes after `delay` seconds, because of `error`."""

    restarts: int
    delay: float
    error: Failure | None


@dataclass(frozen=True, slots=True)
class Quarantined(Event):
    """The actor is ``failed``; `history` has its newest errors, the last one being the cause.

    It has spent its budget of restarts, or shares the fate of one that has.
    """

    history: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class MessageFailed(Event):
    """A handler raised; `message_type` is None when a start, a task or a child failed.

    `directive` is what ``on_error`` says, or ``set aside`` for a message of code on probation.
    """

    error: BaseException
    message_type: str | None
    incarnation: int
    directive: str


@dataclass(frozen=True, slots=True)
class HookFailed(Event):
    """A hook other than the handler and the start hooks raised; the operation went on."""

    hook: str
    error: BaseException


@dataclass(frozen=True, slots=True)
class StartRefused(Event):
    """A held actor was told to start; only `human_start` ends a hold."""


@dataclass(frozen=True, slots=True)
class Abandoned(Event):
    """A task ignored its cancellation past the deadline and was left behind at `line`."""

    task: str
    line: str


@dataclass(frozen=True, slots=True)
class DeadLettered(Event):
    """A message reached nobody; quiet letters are counted but not told."""

    letter: DeadLetter


@dataclass(frozen=True, slots=True)
class SystemStopping(Event):
    """The system begins to shut down."""


@dataclass(frozen=True, slots=True)
class SystemStopped(Event):
    """The system has shut down."""

    report: ShutdownReport


E = TypeVar("E", bound=Event)


class EventStream:
    """Tells events to whoever subscribed to their types.

    A subscriber that raises is logged once and skipped from then on: it can reach no actor.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._number = 0
        self._subscribers: dict[type[Event], list[Callable[[Any], object]]] = {}

    def subscribe(
        self, types: tuple[type[E], ...], callback: Callable[[E], object]
    ) -> Callable[[], None]:
        """Call `callback` with every event of exactly these types; return what ends that."""
        for kind in types:
            self._subscribers.setdefault(kind, []).append(callback)
        return lambda: self._drop(callback, types)

    def tell(self, kind: type[Event], address: Address, *details: Any) -> None:
        """Make an event of `kind` and hand it to its subscribers, if there are any."""
        callbacks = self._subscribers.get(kind)
        if not callbacks:
            return
        self._number += 1
        event = kind(self._number, self._clock(), address, *details)
        for callback in tuple(callbacks):
            try:
                callback(event)
            except BaseException:  # whatever it is: the actor that is being told of goes on
                self._drop(callback, self._subscribers)
                _log.exception("subscriber %r raised and is skipped from now on", callback)

    def _drop(self, callback: Callable[[Any], object], types: Iterable[type[Event]]) -> None:
        for kind in types:
            if callback in self._subscribers[kind]:
                self._subscribers[kind].remove(callback)
