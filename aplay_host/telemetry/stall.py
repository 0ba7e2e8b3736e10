"""Who keeps the loop from running, where, and for how long.

A thread puts a call in the loop's queue and waits for it. While it does not come, the thread
looks at what the loop's own thread executes. Nothing is stored for a message.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import FrameType

from ..kernel import at_work_in
from ..plugins import hook_in
from .labels import LabelsOf
from .place import frames, place_in, stacks
from .thread import thread_of

TICK = 0.1
"""Seconds between two looks, and those after which a loop that does not answer is stalled."""
QUIET_TICK = 1.0
"""Seconds between two pings of a loop that waits for something to do."""
OVERSLEPT = 1.0
"""Seconds by which the thread itself may be late; beyond that the process did not run."""
WARNING_SECONDS, ERROR_SECONDS = 1.0, 5.0
KEPT = 20
"""How many stalls are remembered."""

_log = logging.getLogger("aplay_host")


@dataclass(frozen=True, slots=True)
class Culprit:
    """Whose code runs: `who` for a sentence, `kind` for a metric.

    `kind` is an actor's type, a plugin's id, ``host`` or ``unknown``; `address` is an actor's.
    """

    who: str
    kind: str
    address: str | None
    place: str
    message_type: str | None = None

    def told(self, how_long: str) -> str:
        """Return the sentence of a stall."""
        message = f", message {self.message_type}" if self.message_type else ""
        return f"{self.who} blocks the loop for {how_long} at {self.place}{message}"


@dataclass(frozen=True, slots=True)
class Stall:
    """A time in which the loop stood still; it was over at `at`, after `seconds`."""

    culprit: Culprit
    seconds: float
    at: datetime

    @property
    def address(self) -> str | None:
        """The actor that held the loop, None where no actor did."""
        return self.culprit.address

    @property
    def place(self) -> str:
        """``logwatch/parse.py:31 in parse (time.sleep)``."""
        return self.culprit.place


UNSEEN = Culprit("code that keeps Python's lock", "unknown", None, "an unknown place")
"""Nobody was seen in all of a stall: C code that keeps other threads from running, this one too."""


class StallWatch:
    """Watches one loop; see the table for what is done about a stall.

    ==============  ========================================================
    it lasts        then
    ==============  ========================================================
    under 0.1 s     it is none
    0.1 s           `on_stall` gets its `Culprit.kind`, `stalls` has it
    1 s             and a WARNING tells it when it is over
    5 s             an ERROR at once, with the stacks of all threads
    ==============  ========================================================

    The one seen most often in that time is the culprit. Nothing is told of a loop whose code is
    traced by a debugger, nor where the whole process stood still. `on_lag` gets, in the loop's
    thread, the seconds that each ping took; `on_stall`, in the watch's, the kind of each culprit.
    """

    def __init__(
        self,
        labels: LabelsOf,
        *,
        on_lag: Callable[[float], None] = lambda seconds: None,
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.process_time,
    ) -> None:
        self.on_lag = on_lag
        self.on_stall: Callable[[str], None] = lambda kind: None
        self._labels = labels
        self._clock, self._cpu = clock, cpu
        self._stalls: deque[Stall] = deque(maxlen=KEPT)
        self._ended = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0  # the loop's
        self._looked = self._used = 0.0
        self._sent: float | None = None  # a ping that has not been dealt with
        self._sent_last = 0.0
        self._echoed: float | None = None
        self._seen: Counter[Culprit] = Counter()
        self._told = self._void = False

    @property
    def stalls(self) -> tuple[Stall, ...]:
        """The newest stalls, the latest last."""
        return tuple(self._stalls)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the running loop, from its own thread, for the block."""
        self.bind(asyncio.get_running_loop())
        thread = thread_of(self._run, "aplay-host stalls")
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join(TICK)
            self._settle()

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Say which loop it is; called in the thread that runs it."""
        self._loop, self._thread = loop, threading.get_ident()
        self._looked, self._used = self._clock(), self._cpu()

    def _run(self) -> None:
        while not self._ended.wait(TICK):
            try:
                self.look()
            except RuntimeError:  # the loop is closed
                return

    def look(self) -> None:
        """Look once, which the thread does every 0.1 s."""
        now, used = self._clock(), self._cpu()
        late, ran = now - self._looked - TICK, used - self._used
        self._looked, self._used = now, used
        if late > OVERSLEPT and ran < late / 2:  # SIGSTOP, a suspended machine
            self._void = True
        elif late > OVERSLEPT and self._sent is None:  # it began before there was a ping
            self._seen.clear()
            self._void = False
            self._end(late)
        frame = sys._current_frames().get(self._thread)
        if frame is None:
            return
        self._settle()
        if self._sent is None:
            if not _is_idle(frame) or now - self._sent_last >= QUIET_TICK:
                self._ping(now)
        elif now - self._sent >= TICK and not _is_idle(frame):
            self._sample(frame, now - self._sent)

    # ---- pings -----------------------------------------------------------------------------

    def _ping(self, now: float) -> None:
        assert self._loop is not None
        self._seen.clear()
        self._told = self._void = False
        self._echoed = None
        self._sent = self._sent_last = now
        self._loop.call_soon_threadsafe(self._echo)

    def _echo(self) -> None:
        assert self._sent is not None
        now = self._clock()
        if not self._void:
            self.on_lag(now - self._sent)
        self._echoed = now

    # ---- a stall ---------------------------------------------------------------------------

    def _sample(self, frame: FrameType, lasts: float) -> None:
        if _is_debugged(frame):
            self._void = True
        if self._void:
            return
        self._seen[self._culprit(frame)] += 1
        if lasts >= ERROR_SECONDS and not self._told:
            self._told = True
            self._tell(logging.ERROR, f"more than {ERROR_SECONDS:g} s", stacks())

    def _settle(self) -> None:
        """Take note of an answer."""
        if self._sent is not None and self._echoed is not None:
            seconds, self._sent = self._echoed - self._sent, None
            self._end(seconds)

    def _end(self, seconds: float) -> None:
        if self._void or not (self._seen or seconds >= WARNING_SECONDS):
            return
        stall = Stall(self._most_seen(), seconds, datetime.now(UTC))
        self._stalls.append(stall)
        self.on_stall(stall.culprit.kind)
        if seconds >= WARNING_SECONDS:
            self._tell(logging.WARNING, f"{seconds:.1f} s")

    def _most_seen(self) -> Culprit:
        """Return who was seen most often, at the place where that was so most often."""
        times: Counter[str] = Counter()
        for culprit, number in self._seen.items():
            times[culprit.who] += number
        who = max(times, key=times.__getitem__, default=None)
        places = [(number, one) for one, number in self._seen.items() if one.who == who]
        return max(places, key=lambda it: it[0], default=(0, UNSEEN))[1]

    def _tell(self, level: int, how_long: str, stacks: str = "") -> None:
        culprit = self._most_seen()
        extra = {"actor": culprit.address, "traceback": stacks}
        _log.log(level, "%s", culprit.told(how_long), extra=extra)

    def _culprit(self, frame: FrameType) -> Culprit:
        place = place_in(frame)
        for one in frames(frame):
            if (hook := hook_in(one)) is not None:
                return Culprit(f"{hook.hook} of {hook.plugin}", hook.plugin, None, place)
            if (actor := at_work_in(one)) is not None:
                labels = self._labels(actor.address)
                kind = "unknown" if labels is None else labels.actor_type
                return Culprit(actor.address, kind, actor.address, place, actor.message_type)
        return Culprit("code of no actor", "host", None, place)


def _is_idle(frame: FrameType) -> bool:
    """Tell whether the loop waits for something to do; uvloop does so within the runner."""
    modules = (str(one.f_globals.get("__name__", "")) for one in frames(frame))
    innermost = next(modules)
    if innermost != "selectors":
        return innermost == "asyncio.runners"
    return next(it for it in modules if it != "selectors").startswith("asyncio.")


def _is_debugged(frame: FrameType) -> bool:
    monitoring = getattr(sys, "monitoring", None)
    if monitoring is not None and monitoring.get_tool(monitoring.DEBUGGER_ID) is not None:
        return True
    return any(one.f_trace is not None for one in frames(frame))
