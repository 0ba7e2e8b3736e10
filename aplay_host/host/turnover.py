"""The last and the first word of hook plugins that a reload replaces."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ..errors import PluginError
from ..kernel import ActorSystem
from ..plugins import Hooks, HostInfo

STOPPING_SECONDS = 5.0
"""How long the plugins that go may take together."""

_log = logging.getLogger("aplay_host")


class Turnover:
    """Tells plugins that go, then those that come in their places; nobody else hears of it."""

    def __init__(self, system: ActorSystem, info: Callable[[], HostInfo]) -> None:
        self._system = system
        self._info = info
        self._last: asyncio.Task[None] | None = None

    def begin(self, before: Hooks, after: Hooks) -> None:
        """Begin to tell who is in one of them only, once the change before this is told."""
        telling = self._tell(self._last, before, after)
        self._last = self._system.create_task(telling, "tells plugins that were replaced")

    async def _tell(self, last: asyncio.Task[None] | None, before: Hooks, after: Hooks) -> None:
        if last is not None:
            await asyncio.wait({last})
        system, info = self._system, self._info()
        gone, came = before.beyond(after), after.beyond(before)
        await before.host_stopping(info, system, "reload", STOPPING_SECONDS, among=gone)
        try:
            await after.host_started(info, system, among=came)
        except PluginError as error:  # a strict host; what is committed stays so
            _log.error("%s", error)

    async def close(self) -> None:
        """End it, told or not."""
        if self._last is not None:
            self._last.cancel()
            await asyncio.wait({self._last})
