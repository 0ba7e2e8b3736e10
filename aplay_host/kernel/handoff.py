"""Handing a request to an idle actor within the asker's own step.

Most handlers return without having to wait. For those the way through a line, a task and a
future costs several times what they do themselves. So the handler's first step runs at once,
as the step of another task: a parked one that is lent to it. If the handler has to wait, that
task carries it on, and the asker waits for a future as usual. Nothing but speed may differ.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Coroutine, Generator
from contextvars import Context
from types import CoroutineType, coroutine
from typing import TYPE_CHECKING, Any

from .errors import Refuse
from .turn import CURRENT

if TYPE_CHECKING:
    from .request import Request
    from .system import ActorSystem

# Both take the loop first. What asyncio offers for the purpose came with Python 3.12; before,
# this mapping was all that it and we have.
tasks: Any = asyncio.tasks
if sys.version_info >= (3, 12):
    become, running_task = tasks._swap_current_task, asyncio.current_task
else:
    become, running_task = tasks._current_tasks.__setitem__, tasks._current_tasks.get

DEEPEST = 8
"""How many hand-offs may be nested in one step; each takes its part of the Python stack."""
MOST_IN_A_ROW = 1024
LONGEST_ROW = 0.001
"""Seconds after which the loop gets its turn, however few hand-offs there were."""
MOST_DRIVERS = 64

SUSPENDED = object()
"""What `Driver.begin` returns for a handler that has to wait."""


class Driver:
    """A parked task that is lent to one handler after another, each from first step to end.

    While it is lent it is the only one of the cell's hands, see `drain` for the other kind.
    """

    __slots__ = (
        "_context",
        "_coro",
        "_last",
        "_pool",
        "_wait",
        "_wake",
        "alone",
        "request",
        "task",
    )

    def __init__(self, pool: Drivers) -> None:
        self._pool = pool
        self._context: Context | None = None
        self._coro: Coroutine[Any, Any, Any] | None = None
        self._wait: Any = None
        self._wake: asyncio.Future[None] | None = None
        self._last = False
        self.alone = (self,)  # what a cell's `hands` are while it is lent, made once
        self.request: Request | None = None
        self.task = pool.system.create_task(self._run(), "hand-off")

    @property
    def is_free(self) -> bool:
        """Tell whether the parked task is alive: some programs cancel all the tasks they find."""
        return self._wake is not None and not self._wake.done()

    # ---- as one of the cell's hands --------------------------------------------------------

    @property
    def in_hand(self) -> int:
        """1 while a handler runs, else 0."""
        return 0 if self.request is None else 1

    @property
    def message(self) -> Any:
        """What is in hand."""
        return self.request

    taken = in_hand
    handled = 0

    @property
    def since(self) -> float:
        """The loop's time at which the handler began."""
        return self._pool.system.clock() if self.request is None else self.request.asked

    def curtail(self) -> None:
        """Let the task end with the handler that it is lent to: somebody may wait for that."""
        self._last = True

    retire = curtail

    def cancel(self) -> None:
        """Cut the handler off, once; its message will have failed."""
        if self.request is not None and not self.task.cancelling():
            self._pool.system.ending.cut += 1
            self.task.set_name(self.request.cell.address)  # by which an abandoned one is known
            self.task.cancel()

    def abandon(self) -> None:
        """Count the message as failed and ignore whatever its handler still does."""
        if (request := self.request) is not None:
            self.request = None
            request.refuse(asyncio.CancelledError())
            request.cell.taken += 1
            request.cell.failed += 1
            request.cell.worked += self._pool.system.clock() - request.asked
            request.cell.rest(self)
            self._pool.system.end_activation()

    def _settle(self, request: Request, error: BaseException | None) -> None:
        """Count the message, and let the cell go on with the next one."""
        cell = request.cell
        request.is_open = False
        self.request = self._coro = None
        cell.taken += 1
        cell.worked += self._pool.system.clock() - request.asked
        if error is None or isinstance(error, Refuse):
            cell.handled += 1
        else:
            cell.fail_message(error, request)
        cell.rest(self)

    # ---- the first step ------------------------------------------------------------------

    def begin(self, request: Request, asker: asyncio.Task[Any]) -> Any:
        """Run the handler's first step in the middle of the step of `asker`.

        Returns its result, or `SUSPENDED` when it has to wait; then it will be in
        ``request.reply``. Raises what is the asker's of what the handler raised.
        """
        cell, pool, task = request.cell, self._pool, self.task
        loop = pool.loop
        cell.hands = self.alone
        self.request = request
        request.begun, request.is_open = request.asked, True
        context = pool.new_context()
        error: BaseException | None = None
        pool.depth += 1
        become(loop, task)
        try:
            self._wait = context.run(self._first_step, request)
            result = SUSPENDED
        except StopIteration as end:
            result = end.value
            if self._coro is None:  # raised by something around the handler, which did not begin
                error = end
        except BaseException as raised:
            error, result = raised, None
        finally:
            pool.depth -= 1
            become(loop, asker)
        if result is SUSPENDED:
            self._wake_task(request, context)
            return SUSPENDED
        if error is None and cell.hands is self.alone and cell.inbox is None:
            # What `_settle` does, for the case that nearly all asks are.
            self.request = self._coro = None
            request.is_open = False
            cell.hands = ()
            cell.taken += 1
            cell.handled += 1
            cell.worked += pool.system.clock() - request.asked
        else:
            self._settle(request, error)
        if self.is_free and not self._last:
            pool.parked.append(self)
        else:
            task.cancel()
        if error is None:
            return result
        try:
            raise request.error_for_asker(error)
        finally:
            error = None  # else it and this frame would keep each other alive

    def _first_step(self, request: Request) -> Any:
        CURRENT.set(request)
        cell = request.cell
        awaitable = cell.handler(request.message)
        if awaitable.__class__ is not CoroutineType:
            awaitable = _coroutine_of(awaitable)
        self._coro = awaitable
        return awaitable.send(None)

    def _wake_task(self, request: Request, context: Context) -> None:
        self._context = context
        request.make_reply(self._pool.loop)
        self._pool.system.active += 1
        if self._wake is not None and not self._wake.done():  # else it was cancelled already
            self._wake.set_result(None)

    # ---- the task, for a handler that has to wait ----------------------------------------

    async def _run(self) -> None:
        while not (self._last or self.task.cancelling()) and self._pool.park(self):
            self._wake = self._pool.loop.create_future()
            cancelled: BaseException | None = None
            try:
                await self._wake
            except asyncio.CancelledError as error:
                cancelled = error
            if self._coro is None:
                return  # nothing was lent
            result, failure = None, None
            try:
                result = await self._rest(self._coro, cancelled)
            except BaseException as raised:
                failure = raised
            self._wait = self._coro = self._context = None  # a parked task keeps nobody's message
            if self.request is not None:  # else it was abandoned
                self._end(self.request, result, failure)

    @coroutine
    def _rest(
        self, coro: Coroutine[Any, Any, Any], cancelled: BaseException | None
    ) -> Generator[Any, Any, Any]:
        """Do what the handler still has to do after its first step, in the context of that."""
        assert self._context is not None
        run, wait = self._context.run, self._wait
        try:
            if cancelled is not None:  # as a task does: what it waits for is told first
                if not (asyncio.isfuture(wait) and wait.cancel(*cancelled.args)):
                    wait = run(coro.throw, cancelled)
            elif wait is None:  # it asked for one turn of the loop, which is over
                wait = run(coro.send, None)
            while True:
                try:
                    value = yield wait
                except BaseException as error:
                    wait = run(coro.throw, error)
                else:
                    wait = run(coro.send, value)
        except StopIteration as end:
            return end.value

    def _end(self, request: Request, result: Any, error: BaseException | None) -> None:
        self._settle(request, error)
        self._pool.system.end_activation()
        if error is None:
            request.answer(result)
        else:
            request.refuse(error)


class Drivers:
    """The parked tasks of a system; made on demand, one ask too late, and at most 64."""

    __slots__ = (
        "_all",
        "_closed",
        "_row",
        "_row_ends",
        "depth",
        "loop",
        "new_context",
        "parked",
        "system",
    )

    def __init__(self, system: ActorSystem) -> None:
        self.system = system
        self.loop = system.loop
        self.new_context = system.base_context.copy
        self.parked: list[Driver] = []
        self.depth = 0
        self._all: set[asyncio.Task[None]] = set()
        self._row = 0
        self._row_ends = 0.0
        self._closed = not system.handoff

    def lend(self, now: float) -> Driver | None:
        """Return a parked driver, None when there is none or the loop must have its turn."""
        if not self._row:
            if self._closed:
                return None
            self._row_ends = now + LONGEST_ROW
            self.loop.call_soon(self._end_row)
        self._row += 1
        if self._row > MOST_IN_A_ROW or now > self._row_ends or self.depth >= DEEPEST:
            return None
        while self.parked:
            driver = self.parked.pop()
            if driver.is_free:
                return driver
        self._grow()
        return None

    def _grow(self) -> None:
        """Make one more driver, for the next one who asks."""
        if len(self._all) < MOST_DRIVERS:
            task = Driver(self).task
            self._all.add(task)
            task.add_done_callback(self._all.discard)

    def park(self, driver: Driver) -> bool:
        """Take `driver` back; False when it is not wanted any more."""
        if not self._closed:
            self.parked.append(driver)
        return not self._closed

    async def close(self) -> None:
        """End all tasks that are parked; those that are lent end with their handlers."""
        self._closed = True
        ending = {driver.task for driver in self.parked}
        self.parked.clear()
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)

    def _end_row(self) -> None:
        self._row = 0


async def _coroutine_of(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
