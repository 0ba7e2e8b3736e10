"""How a system ends: in order while there is time, by force when that is up."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import lifecycle
from .events import Abandoned, Removed, SystemStopped, SystemStopping
from .hooks import place_of
from .status import ShutdownReport

if TYPE_CHECKING:
    from .address import Address
    from .system import ActorSystem

SHUTDOWN_SECONDS = 30.0
LAST_SECOND = 1.0
"""What a shutdown past its deadline gives the cancelled before it leaves them behind."""
LAST_WORDS_SHARE = 0.1
"""The part of a drain's time that cancelled tasks have for ending."""


class Ending:
    """The end of one system: asked for, begun, past its deadline, over.

    `fatal` is what ended the system if a person did not: a handler's SystemExit, say. `cut`
    counts the handlers that were cancelled, `begun` tells that no actor can be made any more.
    """

    def __init__(self, system: ActorSystem) -> None:
        self._system = system
        self.fatal: BaseException | None = None
        self.cut = 0
        # Whether to stop the root is to end the system.
        self.comes_with_root = False
        self._abandoned: dict[asyncio.Task[Any], str] = {}
        self._quiet: asyncio.Event | None = None
        self._ends = math.inf
        self._ending: asyncio.Task[ShutdownReport] | None = None
        # What comes when time is up: first to abort, then to leave behind.
        self._time_up: asyncio.TimerHandle | None = None
        self._aborted = False

    @property
    def begun(self) -> bool:
        """Tell whether the system is shutting down or has done so."""
        return self._ending is not None

    def time_left(self) -> float:
        """Return what a shutdown leaves for one more operation, in seconds; else infinity."""
        return max(0.0, self._ends - self._system.now())

    def note_quiet(self) -> None:
        """Note that nothing of the whole system is at work."""
        if self._quiet is not None:
            self._quiet.set()

    def abandon(self, address: Address, task: asyncio.Task[Any]) -> None:
        """Note a task that ignored its cancellation and is left behind."""
        name, line = task.get_name(), place_of(task)
        self._abandoned[task] = f"{name} at {line}"
        self._system.reports.abandoned(address, name, line)
        self._system.events.tell(Abandoned, address, name, line)

    async def drain(self, seconds: float) -> bool:
        """End all owned tasks, then let waiting mail be handled; False when time ran out.

        What waits in a durable mailbox is left there.
        """
        tasks = {task for cell in self._system.cells() for task in cell.tasks}
        for cell in (*self._system.cells(), self._system.root):
            if cell.box is not None:
                cell.box.drain()
        for task in tasks:
            task.cancel()
        self._quiet = asyncio.Event()
        try:
            async with asyncio.timeout(seconds):
                if tasks:  # they may tell once more; the stubborn are the shutdown's business
                    await asyncio.wait(tasks, timeout=seconds * LAST_WORDS_SHARE)
                while self._system.active:
                    self._quiet.clear()
                    await self._quiet.wait()
        except TimeoutError:
            return not self._system.active
        return True

    async def shutdown(self, deadline: float) -> ShutdownReport:
        """Remove all actors, the last made first, within `deadline` seconds; safe to repeat.

        What runs past the deadline is cancelled, and left behind within a second. From the
        call on no actor can be made.
        """
        return await asyncio.shield(self._ending or self._end_by(deadline, self.abort))

    def begin(self) -> None:
        """Begin to shut down, unless that has begun; before the system is open, remember it."""
        if self._system.unsteered is not None:
            lifecycle.end(self._system.root, "shutdown")
        elif self._ending is None:
            self._end_by(SHUTDOWN_SECONDS, self.abort)

    def abort(self) -> None:
        """Shut down without waiting: cancel every handler, hook and owned task now."""
        over = self._ending is not None and self._ending.done()
        if self._aborted or over:
            return
        self._aborted = True
        self._end_by(LAST_SECOND, self._leave_behind)
        for cell in (*self._system.cells(), self._system.root):
            lifecycle.end(cell, "shutdown")
            for hand in cell.hands:
                hand.cancel()
            for task in cell.tasks:
                task.cancel()
            cell.cut_hook()

    def condemn(self, error: BaseException) -> None:
        """Begin an orderly shutdown if `error` is `SystemExit` or the like."""
        if self.fatal is None and isinstance(error, KeyboardInterrupt | SystemExit):
            self.fatal = error
            self.begin()

    def _end_by(self, seconds: float, time_up: Callable[[], None]) -> asyncio.Task[ShutdownReport]:
        """Begin to shut down, or go on with it, with that many seconds until `time_up`."""
        self._ends = self._system.now() + seconds
        if self._time_up is not None:
            self._time_up.cancel()
        self._time_up = self._system.loop.call_at(self._ends, time_up)
        if self._ending is None:
            self.cut = 0  # what an earlier stop cut or left behind is not this one's doing
            running = {task: text for task, text in self._abandoned.items() if not task.done()}
            self._abandoned = running
            lifecycle.end(self._system.root, "shutdown")
            self._ending = self._system.create_task(self._shut_down(), "shutdown")
            self._system.events.tell(SystemStopping, self._system.root.address)
        return self._ending

    async def _shut_down(self) -> ShutdownReport:
        if (steering := self._system.root.steering) is not None:
            await asyncio.wait({steering})
        assert self._time_up is not None
        self._time_up.cancel()
        self._system.deadlines.close()
        await self._system.drivers.close()
        clean = not self.cut and not self._abandoned
        dead = self._system.dead_letters.counts["shutdown"]
        report = ShutdownReport(clean, tuple(self._abandoned.values()), dead)
        self._system.events.tell(SystemStopped, self._system.root.address, report)
        return report

    def _leave_behind(self) -> None:
        """Forget what is still there after the last second, deepest first."""
        for cell in (*reversed(list(self._system.cells())), self._system.root):
            for task in (*(hand.task for hand in cell.hands), *cell.tasks, cell.hook):
                if task is not None and not task.done():
                    self.abandon(cell.address, task)
            for hand in cell.hands:
                hand.abandon()
            if cell.steering is not None:
                cell.steering.cancel()
            if cell.state != "removed":
                self._system.registry.forget(cell, "shutdown")
                if cell.parent is not None:
                    self._system.events.tell(Removed, cell.address, "shutdown")
