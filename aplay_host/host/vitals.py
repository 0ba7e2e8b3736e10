"""What is measured of a host, where it is told, and the look at its actors once a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from ..config import split_bind
from ..errors import ConfigError
from ..reload import BAD_CONFIG, ReloadReport, Request
from ..telemetry import Ledger, Look, MailReading, Metrics, Page, Readings, serve_pages
from .health import line_of
from .origin import origin_of
from .port import HostPort

if TYPE_CHECKING:
    from ..control import HealthReport
    from .host import Host

TRIGGERS = {
    "command": "command",
    "start": "command",
    "SIGHUP": "signal",
    "a file changed": "watcher",
    "packages were installed": "watcher",
    "rollback": "rollback",
    "probation": "probation",
}
"""What asked for a reload, in words that a label may have; any other is ``other``."""


class Vitals:
    """The measures of one host; `address` is where they are told over TCP, if they are."""

    def __init__(self, host: Host) -> None:
        self.address: str | None = None
        self._host = host
        self._port = HostPort(host)
        self.ledger = Ledger(host.system, lambda address, cls: origin_of(address, cls, {}).type)
        self.metrics = Metrics(
            self.ledger,
            Readings(
                generation=lambda: host.current.number,
                plugins=lambda: [row.state for row in host.plugins.rows()],
                hook_errors=lambda: host.plugins.hooks.errors,
                dead_letters=lambda: host.system.dead_letters.counts,
                stream_clients=lambda: host.presence.api.streams,
                log_dropped=lambda: 0 if host.log is None else host.log.dropped,
                per_address=lambda: host.config.metrics.per_address,
                mail=self._mail,
            ),
        )
        self._look = Look(host.system)
        host.reloads.observe = self._count_reload

    def _mail(self) -> MailReading | None:
        mail = self._host.mail
        if not mail.is_started:
            return None
        waiting = sum(box.messages for box in mail.boxes())
        return MailReading(mail.stats(), waiting, mail.problem is None)

    def declare(self) -> None:
        """Take over what the file calls its actors now."""
        self.ledger.declare({address: it.type for address, it in self._host.origins.items()})

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Look once a second, and answer over TCP where aplay.toml says so, for the block.

        Raises `ConfigError` where it cannot listen.
        """
        looking = asyncio.create_task(self._look.run(), name="looks at the actors")
        try:
            async with AsyncExitStack() as stack:
                if bind := self._host.config.metrics.bind:
                    self.address = await self._listen(bind, stack)
                yield
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _listen(self, bind: str, stack: AsyncExitStack) -> str:
        pages = {
            "/metrics": self._metrics,
            "/livez": self._live,
            "/readyz": self._ready,
            "/startupz": self._started,
        }
        host, port = split_bind(bind)
        try:
            real = await stack.enter_async_context(serve_pages(host, port, pages))
            return f"{bind.rpartition(':')[0]}:{real}"
        except OSError as error:
            why = error.strerror or str(error)
            key = f"{self._host.config.file}: error: metrics.bind"
            cure = "name another port, or end who has this one"
            raise ConfigError(f'{key}: cannot listen at "{bind}": {why}; {cure}') from None

    async def _metrics(self) -> Page:
        return Page(200, await self.metrics.text(), self.metrics.media_type)

    async def _live(self) -> Page:
        return _page(self._port.live())

    async def _ready(self) -> Page:
        return _page(await self._port.ready())

    async def _started(self) -> Page:
        return _page(self._port.started())

    def _count_reload(self, request: Request, report: ReloadReport) -> None:
        scope = "config" if request.config else "all"
        if request.plugins or request.retry:
            scope = "plugins"
        trigger = TRIGGERS.get(request.cause, "other")
        self.metrics.count_reload(scope, trigger, report.outcome, sum(report.phases_s.values()))
        if scope == "plugins" or trigger in ("rollback", "probation"):
            return
        bad = report.error is not None and report.error.code == BAD_CONFIG
        if report.outcome in ("committed", "nothing"):
            self.metrics.note_config(True)
        elif bad or (scope == "config" and report.outcome == "refused"):
            self.metrics.note_config(False)


def _page(report: HealthReport) -> Page:
    return Page(200 if report.ready else 503, line_of(report).encode("utf-8", "replace"))
