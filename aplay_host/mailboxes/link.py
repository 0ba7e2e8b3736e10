"""The loop's end of the writer: what is submitted in one go, and what is told when it is done."""

from __future__ import annotations

import asyncio
import math
import sys
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from ..errors import MailboxUnavailable, StoreCorrupt
from .failpoint import Failpoints
from .kept import Kept
from .ops import Ending, Job, Op, Revival
from .store import Store
from .writer import Report, Writer

if TYPE_CHECKING:
    from .sqlitebox import SqliteBox

T = TypeVar("T")

FULL_BATCH = 64
"""How many ops do not wait for the loop's next turn, which may be far away."""
GIVE_WAY_SECONDS = 0.00125
"""How often the loop lets the writer in while something waits for it."""
GIVEN_SECONDS = 50e-6
BUSY = 0.7
"""The part of that time for which a loop works that has not waited."""
SWITCH_SECONDS = 0.0005
"""A thread that waits for the interpreter asks for it after that long."""


@dataclass(slots=True)
class Counted:
    """What has happened since the start."""

    commits: int = 0
    commit_seconds: float = 0.0
    puts: int = 0
    settles: int = 0
    retries: int = 0
    letters: int = 0


class Link:
    """Between the loop and the thread that has the file, from `open` to `close`.

    `problem` says why nothing can be written now, None while all is well; `on_report` is called
    when that changes, and after each group.
    """

    def __init__(
        self, store: Store, failpoints: Failpoints, on_report: Callable[[Report], None]
    ) -> None:
        self.problem: str | None = None
        self.counted = Counted()
        self.outstanding = 0
        self._store = store
        self._failpoints = failpoints
        self._on_report = on_report
        self._writer: Writer | None = None
        self._batch: list[Op] = []
        self._gives_way = False
        self._worked = 0.0
        self._usual_switch = sys.getswitchinterval()

    @property
    def is_open(self) -> bool:
        """Tell whether there is a thread that writes."""
        return self._writer is not None

    def open(self) -> None:
        """Begin, on the running loop."""
        self._loop = loop = asyncio.get_running_loop()
        me = weakref.ref(self)
        self._writer = Writer(
            self._store, lambda report: _hand_over(loop, me, report), self._failpoints
        )
        self._usual_switch = sys.getswitchinterval()
        sys.setswitchinterval(min(SWITCH_SECONDS, self._usual_switch))
        self._writer.start()

    async def close(self) -> None:
        """Have all done that was submitted, and the file closed."""
        writer, self._writer = self._writer, None
        if writer is not None:
            self._flush(writer)
            writer.stop()
            await asyncio.to_thread(writer.join)
            if math.isclose(sys.getswitchinterval(), SWITCH_SECONDS):
                sys.setswitchinterval(self._usual_switch)

    def forget(self) -> None:
        """Have no writer any more, as in a forked child, which has no such thread."""
        self._writer = None

    def submit(self, op: Op) -> None:
        """Have `op` done, with what comes until the loop has its next turn, or the batch is full.

        Nothing happens once this is closed: what was not settled by then is not.
        """
        if self._writer is None:
            return
        if not self._batch:
            self._loop.call_soon(self._flush_now)
        self._batch.append(op)
        self.outstanding += 1
        if len(self._batch) >= FULL_BATCH:
            self._flush(self._writer)
        if not self._gives_way:
            self._gives_way = True
            self._loop.call_later(GIVE_WAY_SECONDS, self._give_way)

    def call_soon(self, call: Callable[[], object]) -> None:
        """Have `call` called when the loop has its next turn."""
        self._loop.call_soon(call)

    def _flush_now(self) -> None:
        if self._writer is not None:
            self._flush(self._writer)

    def _flush(self, writer: Writer) -> None:
        batch, self._batch = self._batch, []
        if batch:
            writer.submit(batch)

    def _give_way(self) -> None:
        """Let the writer in: a busy loop would let it wait for seconds (python/cpython#90204).

        A loop that has waited for something itself since it was here last has let it in already.
        """
        if not self.outstanding:
            self._gives_way = False
            return
        worked, self._worked = time.thread_time() - self._worked, time.thread_time()
        if worked > GIVE_WAY_SECONDS * BUSY:
            time.sleep(GIVEN_SECONDS)
        self._loop.call_later(GIVE_WAY_SECONDS, self._give_way)

    async def ask(self, run: Callable[[Store], T]) -> T:
        """Return what `run` returns, after all that was submitted before.

        Raises `MailboxUnavailable` while the file cannot be reached.
        """
        if self._writer is None:
            raise MailboxUnavailable(self.problem or f"{self._store.path} is closed")
        asked: asyncio.Future[T] = self._loop.create_future()

        def end(result: T, error: Exception | None) -> None:
            if asked.done():
                return
            if error is None:
                asked.set_result(result)
            else:
                asked.set_exception(self.unavailable(error))

        self.submit(Job(run, end))
        return await asked

    async def flush(self) -> None:
        """Wait until all that was submitted is committed."""
        with suppress(MailboxUnavailable, StoreCorrupt):
            await self.ask(lambda store: None)

    def unavailable(self, error: Exception) -> Exception:
        """Return `error` as people are told of it."""
        if isinstance(error, (OSError, MailboxUnavailable, StoreCorrupt)):
            return error
        return MailboxUnavailable(f"{self.problem or error}")

    # ---- from the writer -----------------------------------------------------------------

    def take(self, report: Report) -> None:
        """Tell all whose wishes these were what has become of them."""
        self.problem = report.problem
        self.outstanding -= len(report.ops)
        if report.seconds:
            self.counted.commits += 1
            self.counted.commit_seconds += report.seconds
        if report.error is None:
            self._tell_done(report.ops)
        else:
            self._tell_failed(report.ops, self.unavailable(report.error))
        self._on_report(report)

    def _tell_done(self, ops: Sequence[Op]) -> None:
        """Deliver what is kept; what is said of one box stays in order."""
        puts: dict[SqliteBox, list[Kept]] = {}
        after: list[Callable[[None], object]] = []
        for op in ops:
            if isinstance(op, Kept):
                puts.setdefault(op.box, []).append(op)
            elif isinstance(op, Ending):
                self._note_end(op)
                for put in op.sends:
                    puts.setdefault(put.box, []).append(put)
                if op.then is not None:
                    after.append(op.then)
            elif isinstance(op, Revival):
                for put in op.puts:
                    puts.setdefault(put.box, []).append(put)
                op.end(None)
            elif isinstance(op, Job):
                op.end(*op.outcome)
        for box, committed in puts.items():
            self.counted.puts += len(committed)
            for put in committed:
                put.end()
            box.kept(committed)
        for then in after:
            then(None)

    def _note_end(self, op: Ending) -> None:
        self.counted.settles += op.done is not None
        self.counted.retries += op.tried is not None
        self.counted.letters += op.letter is not None
        op.box.ended()

    def _tell_failed(self, ops: Sequence[Op], error: Exception) -> None:
        for op in ops:
            if isinstance(op, Kept):
                op.end(error)
                op.box.refused(op, error)
            elif isinstance(op, Revival):
                for put in op.puts:
                    put.box.take_back(put)  # it stays the dead letter that it was
                op.end(error)
            elif isinstance(op, Job):
                op.end(None, error)
            elif isinstance(op, Ending):
                op.box.ended()
                if op.then is not None:
                    op.then(error)


def _hand_over(loop: asyncio.AbstractEventLoop, link: weakref.ref[Link], report: Report) -> None:
    with suppress(RuntimeError):  # the loop is closed: nobody wants to know
        loop.call_soon_threadsafe(_take, link, report)


def _take(link: weakref.ref[Link], report: Report) -> None:
    if (living := link()) is not None:
        living.take(report)
