"""One activation: the task that handles an actor's mail while there is any.

Why it looks as it does: a loop over ``repeat(None, n)`` needs no check between messages,
because closing the gate exhausts the iterator from outside, and its length hint tells at
any time how many messages of the batch were taken. Counters move once a batch.
"""

from __future__ import annotations

import asyncio
from itertools import repeat
from typing import TYPE_CHECKING, Any

from .envelope import Envelope
from .errors import Refuse
from .probation import pass_probation
from .turn import CURRENT, Turn

if TYPE_CHECKING:
    from .cell import ActorCell

LONGEST_BATCH = 16
SHARE = 64  # messages before another activation that is ready gets its turn
SOLO_SECONDS = 0.001  # before the loop gets its turn when no other activation is ready
MOST_MESSAGES = 1024  # under virtual time no clock would ever end a turn


class Drain(Turn):
    """Handles the waiting mail of one cell, in order, until none is left or the gate closes.

    It is the turn of the told messages that it handles; a request is its own.
    """

    __slots__ = ("_abandoned", "_batch", "_cut", "_open", "_retired", "_size", "since")

    task: asyncio.Task[None]

    def __init__(self, cell: ActorCell) -> None:
        self.cell = cell
        self._batch: repeat[None] | None = None
        self._size = 0
        self._open: Envelope | None = None
        self._cut = False
        self._abandoned = False
        self._retired = False
        self.since = cell.system.clock()
        cell.system.active += 1
        # In a context of its own: no sender's variables reach the handler.
        self.task = cell.system.create_task(self._run(), cell.address)

    def is_held_by(self, task: asyncio.Task[Any] | None) -> bool:
        """Tell whether code of `task` runs within this turn; one left behind has no turn."""
        return self.task is task and not self._abandoned

    # ---- counting: exact whenever other code can look, which is while a handler runs -----

    @property
    def message(self) -> Any:
        """What is in hand; read from the frame, for to store it would cost each message."""
        turn = getattr(self.task.get_coro(), "cr_await", None)
        frame = getattr(turn, "cr_frame", None)
        return None if frame is None else frame.f_locals.get("message")

    @property
    def taken(self) -> int:
        """How many messages of the batch left the line."""
        return 0 if self._batch is None else self._size - self._batch.__length_hint__()

    @property
    def in_hand(self) -> int:
        """1 while a handler runs, else 0."""
        return 0 if self._batch is None else 1

    @property
    def handled(self) -> int:
        """How many messages of the batch are handled."""
        return 0 if self._batch is None else self.taken - 1

    def curtail(self) -> None:
        """End the batch after the message in hand; what was not taken stays in line."""
        if self._batch is not None:
            self._size = self.taken
            for _ in self._batch:
                pass

    def retire(self) -> None:
        """Let the task end after the message in hand; another drain takes what waits."""
        self._retired = True
        self.curtail()

    def cancel(self) -> None:
        """Cut the handler off, once; its message will have failed."""
        if self.in_hand and not self._cut:  # else the task ends by itself
            self._cut = True
            self.cell.system.ending.cut += 1
            self.curtail()
            self.task.cancel()

    def abandon(self) -> None:
        """Count the message in hand as failed and ignore whatever its handler still does."""
        message, self._open = self._open, None
        if self.cell.box is not None:
            self.cell.box.drop_turn()
        if message is not None:
            message.cut(asyncio.CancelledError())
        if self._batch is not None:
            self.curtail()
            self._settle(1)
            if not self._is_released(message):
                self.cell.failed += 1
            self._count_time()
        self._abandoned = self._retired = True
        self._end()

    def _is_released(self, message: Any) -> bool:
        """Tell whether what was cut off is pending again, or what else its box says."""
        return self.cell.box is not None and self.cell.box.obey(message)

    def _settle(self, unhandled: int) -> None:
        """Move the batch into the cell's counters; all but `unhandled` of it are handled."""
        if not self._abandoned:
            taken = self.taken
            self.cell.taken += taken
            self.cell.handled += taken - unhandled
        self._batch = None

    def _count_time(self) -> None:
        """Count the time since the batch began, or since it was counted last."""
        now = self.cell.system.clock()
        self.cell.worked += now - self.since
        self.since = now

    # ---- running -------------------------------------------------------------------------

    async def _run(self) -> None:
        CURRENT.set(self)
        try:
            await self._turn()
            while self._goes_on():
                await asyncio.sleep(0)  # the loop's turn
                await self._turn()
        except asyncio.CancelledError:
            pass  # its message has failed; whatever still waits gets another task
        finally:
            if not self._abandoned:
                self._end()

    def _end(self) -> None:
        self.cell.rest(self)
        self.cell.system.end_activation()

    def _goes_on(self) -> bool:
        cell = self.cell
        return bool(cell.inbox) and cell.is_handling and not self._retired

    async def _turn(self) -> None:
        """Handle batches of 1, 4, 16 while they are quick, until it is another's turn."""
        cell, system = self.cell, self.cell.system
        clock, handle = system.clock, cell.handler
        self.since = began = clock()
        longest = 1 if cell.spec.max_tasks > 1 else LONGEST_BATCH  # a free slot takes the next
        count, size = 0, 1
        message: Any = None
        while (
            (line := cell.inbox)
            and (cell.state == "running" or cell.is_handling)
            and not self._retired
        ):
            if cell.state != "running":  # behind a closed gate: as far as something passes it
                size = 1
            if whole := len(line) <= size:
                size = len(line)
            self._size = size
            self._batch = batch = repeat(None, size)
            take = line.popleft
            try:
                if cell.enclosed or cell.waiters or cell.probation is not None:
                    for _ in batch:
                        message = take()
                        await self._handle(message)
                else:
                    for _ in batch:
                        await handle(message := take())
                taken = self._size  # less than `size` when the batch was curtailed
                if not self._abandoned:
                    cell.taken += taken
                    cell.handled += taken
                    if whole and taken == size and self.since > cell.emptied:
                        cell.emptied = self.since
                self._batch = None
            except Refuse:  # an answer, not a failure
                self._settle(1)
                if not self._abandoned:
                    cell.count_refused(message)
                    pass_probation(cell)
            except BaseException as error:
                self._fail(error, message)
            count += size
            enough = SHARE if system.active > 1 else MOST_MESSAGES
            now = clock()
            cell.worked += now - self.since
            self.since = now  # as `_count_time` does
            if count >= enough or self.since - began >= SOLO_SECONDS:
                return
            if size < longest:
                size *= 4

    async def _handle(self, message: Any) -> None:
        """Handle what may stand in an envelope; the line may hold senders that wait for room."""
        cell = self.cell
        cell.count_out(message)
        if (trial := cell.probation) is not None:
            trial.note_begin(message)
        if cell.waiters:
            cell.admit_waiters()
        if not isinstance(message, Envelope):
            await cell.handler(message)
            pass_probation(cell)
            return
        if (reason := message.void()) is not None:
            self._size -= 1
            cell.bury((message,), reason)
            return
        message.begin(cell.system.clock())
        self._open = message
        token = CURRENT.set(message.turn or self)
        try:
            reply = await cell.handler(message.message)
        except BaseException as error:
            self._note_end(error)
            raise
        else:
            if self._open is message:  # else it was abandoned, and is over
                message.answer(reply)
                if cell.box is not None:
                    cell.box.settle_notice(message)
                pass_probation(cell)
        finally:
            self._open = None
            CURRENT.reset(token)

    def _note_end(self, error: BaseException) -> None:
        """Tell the message in hand with which error its handler has ended."""
        if self._open is None:  # it was abandoned
            return
        trial = self.cell.probation
        if self._is_cut_by(error):
            self._open.cut(error)
        elif trial is None or not trial.takes(self._open, error):
            self._open.refuse(error)

    def _is_cut_by(self, error: BaseException) -> bool:
        return self._cut and isinstance(error, asyncio.CancelledError)

    def _fail(self, error: BaseException, message: Any) -> None:
        """Count the message in hand as failed and report it, unless it was left behind."""
        self._settle(1)
        if not (self._abandoned or (self._is_cut_by(error) and self._is_released(message))):
            self.cell.fail_message(error, message)
        if isinstance(error, asyncio.CancelledError) and self.task.cancelling():
            self._count_time()
            raise error
