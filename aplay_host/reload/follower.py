"""Follows the disk: what is saved runs a moment later, without being asked to."""

from __future__ import annotations

import asyncio
import glob
import logging
from collections.abc import Callable
from functools import partial

from ..kernel import Address
from .engine import Engine
from .event import ReloadEvent
from .generation import Site
from .look import Roots
from .lookout import Lookout
from .transaction import Request
from .watch import Watcher

_log = logging.getLogger("aplay_host.reload")


class Follower:
    """Asks `engine` for a reload whenever what is on disk has become something else.

    It does so while ``[reload] enabled`` says so. Watched are the modules that run or were tried,
    what ``[reload] watch`` adds, and aplay.toml, as they are in the generation that runs at each
    look. `installing` tells whether an installer is at work.
    """

    def __init__(
        self,
        site: Site,
        engine: Engine,
        *,
        installing: Callable[[], bool] = lambda: False,
    ) -> None:
        self._site = site
        self._engine = engine
        self._installing = installing
        self._new_terms = asyncio.Event()

    @property
    def enabled(self) -> bool:
        """Tell whether files are followed now."""
        return self._site.current.config.reload.enabled

    def check(self) -> None:
        """Take up what ``[reload]`` says now; to be called after each commit."""
        self._new_terms.set()

    async def run(self) -> None:
        """Follow until cancelled; the threads that watched have ended by then."""
        while True:
            self._new_terms.clear()
            if self.enabled:
                await self._follow()
            else:
                await self._new_terms.wait()

    async def _follow(self) -> None:
        terms = self._terms
        watcher = partial(
            Watcher, debounce_ms=round(1000 * self._site.current.config.reload.debounce)
        )
        async with Lookout(
            self._roots, installing=self._installing, warn=self._warn, watching=watcher
        ) as lookout:
            while self._terms == terms:
                await lookout.next_change()
                await self._reload()
                lookout.wake()  # a commit may have brought other files to watch

    async def _reload(self) -> None:
        try:
            await self._engine.reload(Request("a file changed", by_itself=True))
        except Exception:  # the next save has another chance
            _log.exception("a reload ended with an error that is the host's own")

    def _warn(self, text: str) -> None:
        _log.warning("%s", text)
        told = "reload.watch_degraded", "watcher", text
        self._site.system.events.tell(ReloadEvent, Address("/"), *told)

    @property
    def _terms(self) -> tuple[bool, float]:
        """What another beginning is needed for when it changes."""
        return self.enabled, self._site.current.config.reload.debounce

    def _roots(self) -> Roots:
        config = self._site.current.config
        named = (*map(str, config.reload.watch), str(config.file))
        own = glob.escape(str(config.host.state_dir))
        finder = self._site.current.plugins.finder
        return Roots((*finder.to_watch(), *named), (*config.reload.exclude, own))
