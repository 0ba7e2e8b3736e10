"""The thread that has the file: it takes what waits, commits it as one group, and reports."""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from ..errors import StoreCorrupt
from .failpoint import Failpoints
from .gather import gather
from .mailfile import is_corrupt
from .ops import Job, Op
from .store import Store

MOST_OPS = 512
MOST_BYTES = 4 * 1024 * 1024
TICK_SECONDS = 0.9
"""How long a commit waits for its sync; with the sync itself that is a second at most."""
IDLE_SECONDS = 1.0
"""How long nothing comes before the log is moved into the file."""
RETRY_SECONDS = 5.0
"""How long after the disk was full it is tried again."""
REOPEN_SECONDS = (0.5, 1.0, 2.0, 5.0)

Trouble = Literal["full", "broken", "lost"]


@dataclass(frozen=True, slots=True)
class Report:
    """What became of some ops, in order; with an `error` nothing of them was done.

    `problem` is why nothing can be written now, None while it can. After one that is `final`
    nothing will be written any more.
    """

    ops: tuple[Op, ...] = ()
    error: Exception | None = None
    problem: str | None = None
    final: bool = False
    seconds: float = 0.0


def plan_trouble(error: BaseException) -> Trouble:
    """Decide what an error of the file means.

    =======================  ======  ==========================================================
    error                    word    then
    =======================  ======  ==========================================================
    no space, or the limit   full    puts fail, outcomes wait, tried again after some seconds
    a failed fsync           lost    never tried again: what the disk has is not known
    a damaged file, or one   lost    the same: nothing is guessed
    that was taken away
    any other                broken  opened anew with pauses; puts fail, outcomes wait
    =======================  ======  ==========================================================
    """
    name = getattr(error, "sqlite_errorname", None) or ""
    if name == "SQLITE_FULL":
        return "full"
    if name == "SQLITE_IOERR_FSYNC" or isinstance(error, StoreCorrupt):
        return "lost"
    if isinstance(error, sqlite3.Error) and is_corrupt(error):
        return "lost"
    return "broken"


class Writer:
    """Runs in a thread of its own from `start` to the end of `stop`.

    `report` is called in that thread, once for each group; it has to hand over to the loop.
    """

    def __init__(
        self, store: Store, report: Callable[[Report], None], failpoints: Failpoints
    ) -> None:
        self._store = store
        self._report = report
        self._failpoints = failpoints
        self._queue: queue.SimpleQueue[Sequence[Op] | None] = queue.SimpleQueue()
        self._waiting: deque[Op] = deque()
        self._thread = threading.Thread(target=self._run, name="aplay mail", daemon=True)
        self._stops = False
        self._unsafe_since: float | None = None
        self._is_tidy = True
        # Until then puts are refused; when it is blocked, outcomes wait as well.
        self._retry_at: float | None = None
        self._is_blocked = False
        self._reopens = 0
        self._problem: str | None = None
        self._lost: Exception | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def submit(self, ops: Sequence[Op]) -> None:
        """Have `ops` done, after all that was submitted before; never waits."""
        self._queue.put(ops)

    def stop(self) -> None:
        """End when all is done that can be."""
        self._queue.put(None)

    def join(self) -> None:
        """Wait for the end of the thread."""
        self._thread.join()

    # ---- the thread ----------------------------------------------------------------------

    def _run(self) -> None:
        while not (self._stops and not self._waiting):
            try:
                self._step()
            except Exception as error:  # a thread that ends unseen leaves everybody waiting
                self._lose(error)
        self._end()

    def _step(self) -> None:
        self._take(self._patience())
        self._look_after()
        self._refuse_what_may_fail()
        if self._waiting and (self._stops or not self._is_blocked):
            self._work()
            self._refuse_what_may_fail()  # somebody waits for it
            if self._stops and self._is_blocked:
                self._waiting.clear()  # it was the last try

    def _take(self, patience: float | None) -> None:
        """Take over what was submitted; wait for it when there is nothing else to do."""
        block = not self._stops and (not self._waiting or self._is_blocked)
        try:
            while True:
                ops = self._queue.get(block, patience)
                block = False
                if ops is None:
                    self._stops = True
                else:
                    self._waiting.extend(ops)
        except queue.Empty:
            pass

    def _patience(self) -> float | None:
        """Return how long to wait for more, in seconds; None for ever."""
        now = time.monotonic()
        if self._retry_at is not None:
            return max(0.0, self._retry_at - now)
        if self._unsafe_since is not None:
            return max(0.0, self._unsafe_since + TICK_SECONDS - now)
        return None if self._is_tidy else IDLE_SECONDS

    def _look_after(self) -> None:
        """Do what is due by time."""
        now = time.monotonic()
        if self._retry_at is not None and now >= self._retry_at:
            self._try_again()
        elif self._lost is not None or self._retry_at is not None:
            return
        elif self._unsafe_since is not None and now >= self._unsafe_since + TICK_SECONDS:
            self._guard(self._tick)
        elif not self._waiting and not self._is_tidy and self._unsafe_since is None:
            self._guard(self._tidy)

    def _tick(self) -> None:
        self._store.tick()
        self._unsafe_since = None

    def _tidy(self) -> None:
        self._is_tidy = True
        self._failpoints.hit("sqlite.checkpoint.before")
        self._store.checkpoint()

    def _guard(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:
            self._suffer(error)

    # ---- groups --------------------------------------------------------------------------

    def _work(self) -> None:
        """Do the next group, or the next job."""
        if isinstance(self._waiting[0], Job):
            self._do_job(self._waiting.popleft())  # type: ignore[arg-type]
            return
        ops = self._next_group()
        began = time.perf_counter()
        try:
            self._commit(ops)
        except Exception as error:
            self._fail(ops, error)
            return
        self._failpoints.hit("sqlite.group.before_report")
        self._tell(Report(ops, problem=self._problem, seconds=time.perf_counter() - began))

    def _next_group(self) -> tuple[Op, ...]:
        ops: list[Op] = []
        size = 0
        while self._waiting and len(ops) < MOST_OPS and size < MOST_BYTES:
            if isinstance(self._waiting[0], Job):
                break
            op = self._waiting.popleft()
            ops.append(op)
            size += op.size
        return tuple(ops)

    def _commit(self, ops: Sequence[Op]) -> None:
        if self._lost is not None:
            raise self._lost
        group = gather(ops, self._store.number)
        self._failpoints.hit("sqlite.group.before_begin")
        self._store.commit(group)
        self._failpoints.hit("sqlite.group.after_commit")
        self._is_tidy = False
        if group.full:
            self._unsafe_since = None
        elif self._unsafe_since is None:
            self._unsafe_since = time.monotonic()

    def _fail(self, ops: Sequence[Op], error: Exception) -> None:
        """Tell what is not done, and keep the rest for another try."""
        others = tuple(op for op in ops if not op.lasting)
        self._suffer(error, blocks=not others)
        if self._lost is None:
            self._waiting.extendleft(reversed([op for op in ops if op.lasting]))
        else:
            others = tuple(ops)
        if others:
            self._tell(Report(others, error=self._lost or error, problem=self._problem))

    def _do_job(self, job: Job) -> None:
        result, failed = None, self._lost
        if failed is None:
            try:
                self._failpoints.hit("sqlite.job.before_commit")
                result = job.run(self._store)
                self._is_tidy = False
            except Exception as error:
                failed = error
                if isinstance(error, sqlite3.Error):
                    self._suffer_job(error)
        job.outcome = (result, failed)
        self._tell(Report((job,), problem=self._problem))

    # ---- trouble -------------------------------------------------------------------------

    def _suffer(self, error: Exception, *, blocks: bool = True) -> None:
        """Act on an error of the file; where it is only full, outcomes may still have room."""
        trouble = "lost" if self._lost is not None else plan_trouble(error)
        if trouble == "lost":
            self._lose(error)
            return
        pause = RETRY_SECONDS
        if trouble == "broken":
            pause = REOPEN_SECONDS[min(self._reopens, len(REOPEN_SECONDS) - 1)]
            self._reopens += 1
            self._store.close()
        what = "no room for mail" if trouble == "full" else "the disk fails"
        self._problem = f"{what}: {error} ({self._store.path}); tried again every few seconds"
        self._retry_at = time.monotonic() + pause
        self._is_blocked = blocks or trouble == "broken"
        self._tell(Report(problem=self._problem))

    def _suffer_job(self, error: sqlite3.Error) -> None:
        """Act on an error of a job; one that is known already is not put off by it."""
        if self._retry_at is None or plan_trouble(error) == "lost":
            self._suffer(error, blocks=False)

    def _lose(self, error: Exception) -> None:
        if self._lost is None:
            self._lost = (
                self._store.corrupt(str(error))
                if isinstance(error, sqlite3.Error) and is_corrupt(error)
                else error
            )
            self._problem = f"{self._lost}; restart the host once the disk is sound"
            self._retry_at, self._is_blocked = None, False
            self._unsafe_since, self._is_tidy = None, True  # nothing is due any more
            self._tell(Report(problem=self._problem, final=True))

    def _refuse_what_may_fail(self) -> None:
        """While nothing can be written, only outcomes wait; what only looks is done."""
        if self._retry_at is None:
            return
        waiting, self._waiting = self._waiting, deque()
        for op in waiting:
            if op.lasting:
                self._waiting.append(op)
            elif isinstance(op, Job) and op.early and self._store.is_open:
                self._do_job(op)
            else:
                self._refuse(op)

    def _refuse(self, op: Op) -> None:
        error = sqlite3.OperationalError(self._problem)
        if isinstance(op, Job):
            op.outcome = (None, error)
        self._tell(Report((op,), error=error, problem=self._problem))

    def _try_again(self) -> None:
        """Write something; if that goes well all that waits is written."""
        self._retry_at, self._is_blocked = None, False
        try:
            if not self._store.is_open:
                self._store.connect()
            self._store.tick()
        except Exception as error:
            self._suffer(error)
        else:
            self._problem, self._reopens = None, 0
            self._tell(Report())

    def _tell(self, report: Report) -> None:
        self._report(report)

    def _end(self) -> None:
        try:
            if self._lost is None and self._store.is_open:
                self._failpoints.hit("sqlite.stop.before_clean")
                self._store.end()
        except sqlite3.Error as error:
            self._tell(Report(problem=f"{self._store.path}: {error}"))
        finally:
            self._store.close()
