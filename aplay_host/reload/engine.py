"""Reloads of one host, one after another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from .generation import Imports, Site
from .report import ReloadReport
from .transaction import Request, Resolver, Stale, Transaction, run

_MOST_PLANS = 5
"""Who finds everything changed again so often in a row gives up."""

_log = logging.getLogger("aplay_host.reload")


class Engine:
    """Makes transactions on `site`; `resolve` tells what a ``use`` means to some plugins.

    `tell` hears every report but those of dry runs and of nothing done.
    """

    def __init__(
        self,
        site: Site,
        resolve: Resolver,
        tell: Callable[[ReloadReport], None] = lambda report: None,
    ) -> None:
        self._site = site
        self._resolve = resolve
        self._tell = tell
        self._imports = Imports()
        self._one = asyncio.Lock()

    async def reload(self, request: Request) -> ReloadReport:
        """Carry out one transaction, after those that were asked for before.

        Raises `CommandError` (``no-such-plugin``) for a name that no plugin has.
        """
        async with self._one:
            report = await self._reload(request)
        if report.outcome != "nothing" and not request.dry_run:
            log_report(report)
            self._tell(report)
        return report

    async def _reload(self, request: Request) -> ReloadReport:
        for _ in range(_MOST_PLANS):
            site = self._site
            try:
                return await run(
                    Transaction(site, self._resolve, request, self._imports, site.current)
                )
            except Stale:
                continue
        raise RuntimeError("the actors change faster than a reload can be planned")


def log_report(report: ReloadReport) -> None:
    """Log the one line, and below it the traceback of the code that raised."""
    text = report.error.traceback.rstrip() if report.error else ""
    level = logging.INFO if report.outcome == "committed" else logging.WARNING
    _log.log(level, "%s%s", report.line(), f"\n{text}" if text else "")
