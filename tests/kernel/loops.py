"""Event loops that a test owns: one that tells what is left in it, one that shuffles."""

from __future__ import annotations

import asyncio
import random
import weakref
from collections import deque
from collections.abc import Coroutine
from typing import Any

from aplay_host.testing import VirtualTimeLoop

MOST_PASSES = 10_000
"""After so many passes without a pause a loop is taken to spin."""


class WatchedLoop(VirtualTimeLoop):
    """A loop in virtual time that a plain function drives step by step and looks into.

    `complaints` are what its callbacks and tasks raised and nobody took.
    """

    _ready: deque[asyncio.Handle]

    def __init__(self) -> None:
        super().__init__()
        self.complaints: list[str] = []
        self._futures: weakref.WeakSet[asyncio.Future[Any]] = weakref.WeakSet()
        self.set_exception_handler(self._complain)

    def create_future(self) -> asyncio.Future[Any]:
        """Make a future, and remember it for `left_over`."""
        future: asyncio.Future[Any] = asyncio.Future(loop=self)
        self._futures.add(future)
        return future

    def create_watched(self, coro: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Begin `coro`, as a task of its name; whatever it raises is a complaint."""
        task = self.create_task(coro, name=getattr(coro, "__qualname__", None))
        task.add_done_callback(self._look_at)
        return task

    @property
    def is_idle(self) -> bool:
        """Tell whether nothing is ready to run."""
        return not self._ready

    def run_until_idle(self) -> None:
        """Run until nothing is ready; no time passes."""
        for _ in range(MOST_PASSES):
            if self.is_idle:
                return
            self.call_soon(self.stop)
            self.run_forever()
        raise AssertionError(f"the loop spins: {self.left_over()}")

    def left_over(self) -> list[str]:
        """Describe every task and timer that is not over, and every future waited for in vain."""
        timers = [timer for timer in self._scheduled if not timer.cancelled()]
        return [repr(one) for one in (*asyncio.all_tasks(self), *timers, *self._open_futures())]

    def end(self) -> None:
        """Cancel what still runs, and close."""
        for task in asyncio.all_tasks(self):
            task.cancel()
        self.run_until_idle()
        self.close()

    def _open_futures(self) -> list[Any]:
        futures: list[Any] = list(self._futures)
        return [future for future in futures if not future.done() and future._callbacks]

    def _look_at(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.complaints.append(f"{task.get_name()}: {error!r}")

    def _complain(self, _: object, context: dict[str, Any]) -> None:
        self.complaints.append(f"{context['message']}: {context.get('exception')!r}")


class ShuffledLoop(WatchedLoop):
    """A loop that runs whatever is ready in an order drawn from `seed`.

    ===========================================  =========================================
    what is ready                                order
    ===========================================  =========================================
    callbacks of one future, steps of one task   as they were scheduled
    plain callbacks, from threads too            as they were scheduled
    timers that are due at the same time         any
    two of different rows, futures or tasks      any; one may be passed over again and again
    ===========================================  =========================================
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._ready = _Shuffled(self._ready, random.Random(seed))


class _Shuffled(deque[asyncio.Handle]):
    """Gives out its members in random order, but those of one lane first come first served."""

    def __init__(self, ready: deque[asyncio.Handle], chance: random.Random) -> None:
        super().__init__(ready)
        self._chance = chance

    def popleft(self) -> asyncio.Handle:
        """Take a lane at random, by its weight, and from it the first; threads only append."""
        count = len(self)
        if count < 2:
            return super().popleft()
        lane = _lane_of(self[self._chance.randrange(count)])
        place = next(place for place in range(count) if _lane_of(self[place]) is lane)
        handle = self[place]
        del self[place]
        return handle


def _lane_of(handle: asyncio.Handle) -> object:
    """Return whose callback it is: a future's (a task is one), a timer's own, or nobody's."""
    if isinstance(handle, asyncio.TimerHandle):
        return handle
    inside: Any = handle  # there is no public way to learn what a handle is about to call
    for subject in (*(inside._args or ())[:1], getattr(inside._callback, "__self__", None)):
        if asyncio.isfuture(subject):
            return subject
    return None
