"""Messages that an actor sends to itself later."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Hashable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from .envelope import Envelope
from .inside import TimerView
from .outbox import do

if TYPE_CHECKING:
    from .cell import ActorCell


class Timer:
    """One key's timer; `tick` is its message while that waits in line."""

    __slots__ = ("began", "due", "handle", "interval", "is_cancelled", "key", "message", "tick")

    def __init__(self, key: Hashable, message: Any, began: float, interval: float | None) -> None:
        self.key = key
        self.message = message
        self.began = self.due = began
        self.interval = interval
        self.is_cancelled = False
        self.handle: asyncio.TimerHandle | None = None
        self.tick: Tick | None = None

    @property
    def is_fired(self) -> bool:
        """Tell whether its only message is in line."""
        return self.interval is None and self.tick is not None


class Tick(Envelope):
    """The message of a timer in line; it takes no room, and there is one of a timer at most."""

    __slots__ = ("timer", "timers")

    exempt = True

    def __init__(self, timers: Timers, timer: Timer) -> None:
        self.timers = timers
        self.timer = timer

    @property
    def message(self) -> Any:
        """What the timer sends."""
        return self.timer.message

    def unwanted(self) -> str | None:
        """Return why it is not handled: its timer was cancelled or replaced."""
        return "timer_cancelled" if self.timer.is_cancelled else None

    def begin(self, now: float) -> None:
        """Let the timer send its next one."""
        self.timers.delivered(self.timer)


class Timers:
    """The timers of one actor, each under a key; they end with the actor's instance.

    ======================  ==========================================================
    when                    then
    ======================  ==========================================================
    its time comes          the message gets a place in line, a full mailbox is no hindrance
    one still waits         the new one is left out: there is never more than one in line
    the loop was late       the times keep their phase: ``began + k * interval``
    same key again          the earlier timer is cancelled
    cancelled               a message of it that waits is not handled
    ======================  ==========================================================
    """

    __slots__ = ("_by_key", "_cell")

    def __init__(self, cell: ActorCell) -> None:
        self._cell = cell
        self._by_key: dict[Hashable, Timer] = {}

    def __iter__(self) -> Iterator[Timer]:
        return iter(self._by_key.values())

    def __contains__(self, key: Hashable) -> bool:
        return key in self._by_key

    def set(self, message: Any, seconds: float, key: Hashable, *, repeat: bool) -> Hashable:
        """Send `message` in `seconds`, then each `seconds` with `repeat`; return the key.

        Without a key it gets one of its own. Raises `ValueError` for a time out of range. For
        an actor that is being removed no timer is set: nothing could be delivered any more.
        """
        least = "more than 0" if repeat else "0 or more"
        if not (0 < seconds < math.inf or (seconds == 0 and not repeat)):
            raise ValueError(f"timer: got {seconds!r} seconds, want a finite number, {least}")
        key = object() if key is None else key
        hash(key)  # raises now, not when the timer begins
        timer = Timer(key, message, self._cell.system.now(), seconds if repeat else None)
        do(self._cell.system, partial(self._begin, timer, seconds), None)
        return key

    def _begin(self, timer: Timer, seconds: float) -> None:
        self.cancel(timer.key)
        if self._cell.wanted != "gone":
            self._by_key[timer.key] = timer
            self._wait(timer, timer.began + seconds)

    def view(self, now: float) -> tuple[TimerView, ...]:
        """Return all timers as they are at `now`, the loop's time."""
        return tuple(
            TimerView(
                key=timer.key if isinstance(timer.key, str) else repr(timer.key),
                message_type=type(timer.message).__qualname__,
                seconds=None if timer.is_fired else max(0.0, timer.due - now),
                interval=timer.interval,
            )
            for timer in self._by_key.values()
        )

    def cancel(self, key: Hashable) -> bool:
        """End the timer `key`; return whether there was one."""
        timer = self._by_key.pop(key, None)
        if timer is None:
            return False
        timer.is_cancelled = True
        if timer.handle is not None:
            timer.handle.cancel()
        return True

    def clear(self) -> None:
        """End all timers."""
        for key in tuple(self._by_key):
            self.cancel(key)

    def delivered(self, timer: Timer) -> None:
        """Note that a timer's message left the line to be handled."""
        timer.tick = None
        if timer.interval is None and self._by_key.get(timer.key) is timer:
            del self._by_key[timer.key]

    def _wait(self, timer: Timer, until: float) -> None:
        timer.due = until
        timer.handle = self._cell.system.loop.call_at(until, self._fire, timer, until)

    def _fire(self, timer: Timer, due: float) -> None:
        if timer.interval is not None:
            # Some loops count in milliseconds, and are early by up to a half of one.
            now = max(due, self._cell.system.now())
            self._wait(timer, _next_time(timer.began, timer.interval, now))
        if timer.tick is None:
            timer.tick = Tick(self, timer)
            self._cell.admit(timer.tick)


def _next_time(began: float, interval: float, now: float) -> float:
    """Return the first time of the timer's phase that is still to come."""
    count = math.floor((now - began) / interval) + 1
    when = began + count * interval
    return when if when > now else began + (count + 1) * interval
