"""Reloads of one host, one after another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from ..kernel import Address
from .disposal import dispose
from .event import ReloadEvent
from .generation import Former, Imports, Site
from .hold import Hold
from .leaks import LeakAudit
from .probation import Probation, Verdict
from .report import ReloadReport, ReloadTrouble
from .steps import run
from .transaction import Attempt, InVain, Request, Resolver, Stale, Transaction

_MOST_PLANS = 5
"""Who finds everything changed again so often in a row gives up."""

NOTHING_BEFORE = ReloadTrouble(
    "nothing-before",
    "rollback",
    "there is no generation before this one",
    "a reload that was committed",
    "edit the files instead",
)

TOO_FAST = ReloadTrouble(
    "too-fast",
    "actors",
    f"they, or what is installed, changed during each of {_MOST_PLANS} attempts",
    "actors that stay for the time of one",
    "try again: aplay-host reload",
)

STOPPING = ReloadTrouble(
    "stopping",
    "the host",
    "it stops",
    "a host that goes on",
    "the next start runs what is on disk",
)

_log = logging.getLogger("aplay_host.reload")


@dataclass(frozen=True, slots=True)
class Trouble:
    """A report after which not all that is on disk runs, and the loop's time of it."""

    report: ReloadReport
    at: float


class Engine:
    """Makes transactions on `site`; `resolve` tells what a ``use`` means to some plugins.

    Every report but those of dry runs and of nothing done is logged, and told as a `ReloadEvent`.
    `trouble` is the newest failure or rollback, until a reload has found that all that is on disk
    runs.
    `observe` is called with each transaction but dry runs, also where nothing was to be done.
    `installing` tells whether an installer is at work, which is waited for as git is.
    """

    def __init__(
        self, site: Site, resolve: Resolver, installing: Callable[[], bool] = lambda: False
    ) -> None:
        self.trouble: Trouble | None = None
        self.observe: Callable[[Request, ReloadReport], object] = lambda request, report: None
        self._site = site
        self._resolve = resolve
        self._imports = Imports()
        self._hold = Hold(installing, _log.warning)
        self.leaks = LeakAudit(lambda: site.current.number, self._leaks)
        self._one = asyncio.Lock()
        self._former: Former | None = None
        self._probation: Probation | None = None
        self._waits = False
        self._in_vain: Attempt = ()
        self._newest: Attempt = ()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._under_way: asyncio.Task[Any] | None = None
        self._closed = False

    async def reload(self, request: Request) -> ReloadReport:
        """Carry out one transaction, after those that were asked for before.

        What comes by itself and was refused or taken back before has done nothing.
        Raises `CommandError` (``no-such-plugin``) for a name that no plugin has.
        """
        async with self._one:
            try:
                report = self._told(await self._carry_out(request, None), request)
            except InVain:
                number = self._site.current.number
                return ReloadReport("nothing", number, number)
            if not request.dry_run:
                self._show(report, is_whole=not (request.plugins or request.config))
        if report.outcome == "waiting" and not self._waits:
            self._waits = True
            self._spawn(self._again(report, request), "waits with a reload")
        return report

    async def _again(self, report: ReloadReport, request: Request) -> None:
        """Try once more when the actor that was busy has done with its message."""
        await self._idle(report)
        self._waits = False
        await self.reload(request)

    async def _idle(self, report: ReloadReport) -> None:
        """Wait until the actor that was busy has done with its message."""
        if report.error is not None:
            await self._site.system.idle(report.error.place)

    async def rollback(self, *, dry_run: bool = False) -> ReloadReport:
        """Go back to the generation before the newest commit; after that, to the newest again.

        The old modules run, whatever is on disk; the number is a new one.
        """
        request = Request("rollback", dry_run=dry_run)
        async with self._one:
            if self._former is None:
                number = self._site.current.number
                return ReloadReport("refused", number, number + 1, error=NOTHING_BEFORE)
            report = self._told(await self._carry_out(request, self._former), request)
            if report.outcome == "committed":
                self.trouble = Trouble(report, self._site.system.now())
            return report

    @property
    def banner(self) -> str:
        """The line of the `trouble` there is, else empty."""
        return "" if self.trouble is None else self.trouble.report.line()

    def forget_refusals(self) -> None:
        """Try what was refused or taken back again, though it is the same: all else may not be."""
        self._in_vain = ()

    async def take_back(self, verdict: Verdict) -> None:
        """Go back because the new code has failed on probation.

        While an actor is busy this is tried again when that is idle. What makes it impossible
        ends the probation: the new code goes on.
        """
        async with self._one:
            if self._site.current.number != verdict.generation or self._former is None:
                return
            request = Request("probation", give_back=True)
            report = await self._carry_out(request, self._former)
            if report.outcome == "committed":
                error = ReloadTrouble.of(verdict.refusal, verdict.traceback)
                report = replace(report, outcome="taken_back", error=error)
            elif report.outcome != "waiting":
                self._end_probation()
            self._show(self._told(report, request), is_whole=False)
        if report.outcome == "waiting":
            await self._idle(report)
            await self.take_back(verdict)

    def close(self) -> None:
        """End the probation, as passed, and what is under way; from now on all is refused."""
        self._closed = True
        if self._under_way is not None:
            self._under_way.cancel()
        self.leaks.close()
        self._end_probation()
        for task in self._tasks:
            task.cancel()

    async def _carry_out(self, request: Request, former: Former | None) -> ReloadReport:
        for _ in range(_MOST_PLANS):
            site, base = self._site, self._site.current
            tx = Transaction(site, self._resolve, request, self._imports, base, self._hold)
            tx.former, tx.in_vain = former, self._in_vain
            if self._closed:
                return tx.report("refused", STOPPING)
            try:
                report = await self._run(tx)
            except Stale:
                continue
            finally:
                self._follow_up(tx)
            if report.outcome == "refused" and not request.dry_run:
                self._in_vain = tx.attempt
            elif report.outcome == "committed" and former is None:
                self._newest = tx.attempt
            elif report.outcome == "committed":
                self._in_vain = self._newest
            return report
        number = self._site.current.number
        return ReloadReport("refused", number, number + 1, error=TOO_FAST)

    async def _run(self, tx: Transaction) -> ReloadReport:
        """Carry `tx` out, or until `close` drops it, which is not its asker's own end."""
        asker = asyncio.current_task()
        assert asker is not None
        self._under_way = asker
        try:
            return await run(tx)
        except asyncio.CancelledError:
            if not self._closed or asker.uncancel():
                raise
            return tx.report("refused", STOPPING)
        finally:
            self._under_way = None

    def _follow_up(self, tx: Transaction) -> None:
        """See to what was replaced and to what came: a commit stands, whatever came after it."""
        if tx.undo is None:
            return
        self._former = tx.undo
        self.leaks.note(tx.undo.staged.modules, tx.base.number)
        self._spawn(dispose(tx.undo.behaviours, tx.handovers), "disposes of old code")
        self._end_probation()
        seconds = self._site.current.config.reload.probation
        self._probation = Probation(self._site.system, tx.number, seconds, self._failed)
        self._probation.begin(tx.undo.behaviours)
        if tx.former is not None or not seconds:
            self._end_probation()

    def _end_probation(self) -> None:
        if self._probation is not None:
            self._probation.end()
            self._probation = None

    def _leaks(self, text: str) -> None:
        _log.warning("%s", text)
        self._site.system.events.tell(ReloadEvent, Address("/"), "reload.leak", "audit", text)

    def _failed(self, verdict: Verdict) -> None:
        self._spawn(self.take_back(verdict), "takes a reload back")

    def _spawn(self, coro: Coroutine[Any, Any, object], name: str) -> None:
        task = self._site.system.create_task(coro, name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _show(self, report: ReloadReport, *, is_whole: bool) -> None:
        """Keep the line of a failure until all that is on disk runs."""
        if report.outcome not in ("committed", "nothing"):
            self.trouble = Trouble(report, self._site.system.now())
        elif is_whole:
            self.trouble, self._in_vain = None, ()

    def _told(self, report: ReloadReport, request: Request) -> ReloadReport:
        if not request.dry_run:
            self.observe(request, report)
        if report.outcome != "nothing" and not request.dry_run:
            log_report(report)
            told = f"reload.{report.outcome}", request.cause, report.line(), report
            self._site.system.events.tell(ReloadEvent, Address("/"), *told)
        return report


def log_report(report: ReloadReport) -> None:
    """Log the one line, and below it the traceback of the code that raised, or the notes."""
    notes = report.plan.notes if report.plan else ()
    text = report.error.traceback.rstrip() if report.error else "\n".join(notes)
    level = logging.INFO if report.outcome == "committed" else logging.WARNING
    _log.log(level, "%s", report.line(), extra={"traceback": text})
