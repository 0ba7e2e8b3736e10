"""One activation: the task that handles an actor's mail while there is any.

Why it looks as it does: a loop over ``repeat(None, n)`` needs no check between messages,
because closing the gate exhausts the iterator from outside, and its length hint tells at
any time how many messages of the batch were taken. Counters move once a batch.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from itertools import repeat
from typing import TYPE_CHECKING, Any

from .errors import Refuse
from .request import Request

if TYPE_CHECKING:
    from .cell import ActorCell

CURRENT: ContextVar[ActorCell | None] = ContextVar("aplay_host.kernel.current", default=None)
"""The cell whose handler or hook is running in this context."""

LONGEST_BATCH = 16
SHARE = 64  # messages before another activation that is ready gets its turn
SOLO_SECONDS = 0.001  # before the loop gets its turn when no other activation is ready
MOST_MESSAGES = 1024  # under virtual time no clock would ever end a turn


class Drain:
    """Handles the waiting mail of one cell, in order, until none is left or the gate closes.

    `cut` tells that the kernel has cancelled the handler. An `abandoned` drain ignored that;
    its late result is not counted.
    """

    __slots__ = ("_batch", "_request", "_size", "abandoned", "cell", "cut", "task")

    task: asyncio.Task[None]

    def __init__(self, cell: ActorCell) -> None:
        self.cell = cell
        self.cut = False
        self.abandoned = False
        self._batch: repeat[None] | None = None
        self._request: Request | None = None
        self._size = 0

    @classmethod
    def begin(cls, cell: ActorCell) -> Drain:
        """Start a drain in a context of its own: no sender's variables reach the handler."""
        drain = cls(cell)
        cell.system.active += 1
        drain.task = cell.system.create_task(drain._run(), cell.address)
        return drain

    # ---- counting: exact whenever other code can look, which is while a handler runs -----

    @property
    def in_hand(self) -> int:
        """1 while a handler runs, else 0."""
        return 0 if self._batch is None else 1

    @property
    def handled(self) -> int:
        """How many messages of the batch are handled but not yet in the cell's counter."""
        return 0 if self._batch is None else self._size - self._left() - 1

    def curtail(self) -> None:
        """End the batch after the message in hand; what was not taken stays in line."""
        if self._batch is not None:
            self._size -= self._left()
            for _ in self._batch:
                pass

    def cancel(self) -> None:
        """Cut the handler off, once; its message will have failed. The gate is closed."""
        if self.in_hand and not self.cut:  # else the task ends by itself
            self.cut = True
            self.cell.system.cut += 1
            self.curtail()
            self.task.cancel()

    def abandon(self) -> None:
        """Count the message in hand as failed and ignore whatever its handler still does."""
        if self._request is not None:
            self._request.refuse(asyncio.CancelledError(), self.cell)
        if self._batch is not None:
            self.curtail()
            self.cell.failed += 1
            self.cell.handled += self._size - 1
        self._batch, self.abandoned = None, True
        self._end()

    def _left(self) -> int:
        return 0 if self._batch is None else self._batch.__length_hint__()

    def _settle(self, in_hand: int) -> int:
        """Move the batch into the cell's counters, but for `in_hand`; return what it had left."""
        left = self._left()
        if not self.abandoned:
            self.cell.handled += self._size - left - in_hand
        self._batch, self._size = None, 0
        return left

    # ---- running -------------------------------------------------------------------------

    async def _run(self) -> None:
        cell = self.cell
        CURRENT.set(cell)
        try:
            await self._turn()
            while self._goes_on():
                await asyncio.sleep(0)  # the loop's turn
                await self._turn()
        except asyncio.CancelledError:
            pass  # its message has failed; whatever still waits gets another task
        finally:
            if not self.abandoned:
                self._end()

    def _end(self) -> None:
        self.cell.rest(self)
        self.cell.system.end_activation()
        self.cell.wake()

    def _goes_on(self) -> bool:
        cell = self.cell
        return bool(cell.inbox) and cell.state == "running" and not self.abandoned

    async def _turn(self) -> None:
        """Handle batches of 1, 4, 16 while they are quick, until it is another's turn."""
        cell, system = self.cell, self.cell.system
        began = system.now()
        longest = 1 if cell.spec.max_tasks > 1 else LONGEST_BATCH  # a free slot takes the next
        count, batch = 0, 1
        while self._goes_on():
            size = min(len(cell.inbox or ()), batch)
            await self._handle(size)
            count += size
            enough = SHARE if system.active > 1 else MOST_MESSAGES
            if count >= enough or system.now() - began >= SOLO_SECONDS:
                return
            batch = min(batch * 4, longest)

    async def _handle(self, size: int) -> None:
        """Run the handler on each of the next `size` messages; no failure ends the batch."""
        cell = self.cell
        assert cell.inbox is not None
        assert cell.behaviour is not None
        take, handle = cell.inbox.popleft, cell.behaviour.msg_handler
        message: Any = None
        while size and self._goes_on():
            self._size = size
            self._batch = batch = repeat(None, size)
            try:
                if cell.requests or cell.has_waiters:
                    for _ in batch:
                        message = take()
                        if cell.has_waiters:
                            cell.admit_waiters()
                        if message.__class__ is Request:
                            await self._reply(message)
                        else:
                            await handle(message)
                else:
                    for _ in batch:
                        await handle(message := take())
                size = self._settle(0)
            except Refuse:
                size = self._settle(0)  # an answer, not a failure
            except asyncio.CancelledError as error:
                size = self._fail(error, message)
                if self.task.cancelling():
                    raise
            except BaseException as error:
                size = self._fail(error, message)

    async def _reply(self, request: Request) -> None:
        """Run the handler for a request, unless its asker has stopped waiting."""
        cell = self.cell
        assert cell.behaviour is not None
        cell.requests -= 1
        if request.reply.done():
            self._size -= 1
            cell.bury((request,), "asker_gone" if request.reply.cancelled() else "expired")
            return
        self._request = request
        request.begun = cell.system.now()
        try:
            reply = await cell.behaviour.msg_handler(request.message)
        except BaseException as error:
            request.refuse(error, cell)
            raise
        if not request.answer(reply):
            cell.rare.late_replies += 1

    def _fail(self, error: BaseException, message: Any) -> int:
        """Count the message in hand as failed and report it; return what the batch had left."""
        left = self._settle(1)
        if self.abandoned:
            return 0
        if message.__class__ is Request:
            message = message.message
        self.cell.failed += 1
        self.cell.fail(error, type(message).__qualname__)
        return left
