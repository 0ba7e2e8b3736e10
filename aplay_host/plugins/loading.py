"""Importing what a target names, as one transaction with limits."""

from __future__ import annotations

import importlib
import logging
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

from .alarm import Alarm
from .exchange import Exchange
from .failure import Failure, attempt
from .finder import ScopeFinder
from .guest import Guest
from .quarantine import Quarantine
from .spelling import suggest

T = TypeVar("T")

IMPORT_SECONDS = 5.0
"""What one module may take; it is the main thread that waits."""
SLOW_SECONDS = 1.0

_log = logging.getLogger("aplay_host")


class Loader:
    """Imports guests' code for one host.

    `finder` knows what is theirs. `quarantine`, where there is one, remembers over the death
    of the process whose code was running. `seconds`
    is the limit for each module, `IMPORT_SECONDS` where it is not given.
    """

    def __init__(
        self,
        finder: ScopeFinder,
        quarantine: Quarantine | None = None,
        seconds: float | None = None,
    ) -> None:
        self.finder = finder
        self._quarantine = quarantine
        self._alarm = Alarm(IMPORT_SECONDS if seconds is None else seconds)
        finder.on_module = self._alarm.again

    def load(
        self, id_: str, target: str, guest: Guest, accept: Callable[[object], T | Failure]
    ) -> T | Failure:
        """Import `target`, ``module`` or ``module:attribute``; return what `accept` makes of it.

        `accept` runs inside the transaction too. Whatever is raised becomes a `Failure`, and
        then nothing of the guest's is left in the process that can be taken back; so a later
        call runs its modules anew. Only ``KeyboardInterrupt`` passes, after the same.
        """
        module = target.partition(":")[0]
        is_there = module in sys.modules  # then none of its code runs, which could end us
        if not is_there:
            _look_again()
        with self.finder.in_place():
            if is_there or self._quarantine is None:
                return self._exchange(id_, target, guest, accept)
            stamp = self.finder.stamp(module)
            with self._quarantine.guarding(id_, stamp) as refused:
                if refused is not None:
                    return refused
                return self._exchange(id_, target, guest, accept)

    def pardon(self, ids: Iterable[str]) -> None:
        """Let the plugins `ids` be imported once more, though the process died of them."""
        if self._quarantine is not None:
            self._quarantine.pardon(ids)

    def load_anew(
        self, exchange: Exchange, names: Iterable[str], whose: Callable[[str], Guest]
    ) -> Failure | None:
        """Import the modules `names` into `exchange`, which the caller keeps or drops.

        Returns the first failure; the modules after it are not run. `whose` tells the guest
        that a module belongs to. Who calls has looked at the files a moment ago.
        """

        def run() -> Failure | None:
            for name in names:
                got = self._within_limits(name, whose(name), lambda found: found)
                if isinstance(got, Failure):
                    return got
            return None

        with self.finder.in_place():
            result = exchange.run(run) or exchange.robbery()
        for line in exchange.left():
            _log.warning("a reload leaves %s behind; move that to the start of an actor", line)
        return result

    def _exchange(
        self, id_: str, target: str, guest: Guest, accept: Callable[[object], T | Failure]
    ) -> T | Failure:
        began = time.perf_counter()
        exchange, self.finder.slowest = Exchange(self.finder), (0.0, "")
        try:
            run = partial(exchange.run, partial(self._within_limits, target, guest, accept))
            result = attempt(run, "import", guest)
            if not isinstance(result, Failure):
                result = exchange.robbery() or result
        except BaseException:
            exchange.drop()
            raise
        _tell(id_, time.perf_counter() - began, self.finder.slowest, exchange)
        if isinstance(result, Failure):
            exchange.drop()
        else:
            exchange.keep()
        return result

    def _within_limits(
        self, target: str, guest: Guest, accept: Callable[[object], T | Failure]
    ) -> T | Failure:
        try:
            with self._alarm:
                got = attempt(partial(_import, target), "import", guest)
                if isinstance(got, Failure):
                    return got
                return attempt(partial(accept, got), "check", guest)
        finally:
            self._alarm.stop()


def _look_again() -> None:
    """Make every finder forget what it did not find."""
    for finder in tuple(sys.meta_path):
        try:
            getattr(finder, "invalidate_caches", lambda: None)()
        except Exception:  # a foreign finder's mistake, and no reason not to ask the others
            pass


def _import(target: str) -> object:
    module, _, attribute = target.partition(":")
    found: object = importlib.import_module(module)
    for name in filter(None, attribute.split(".")):
        if not hasattr(found, name):
            missing = suggest(f'no "{name}" in {module}', name, dir(found))
            return Failure("import", "missing-attribute", missing)
        found = getattr(found, name)
    return found


def _tell(id_: str, seconds: float, slowest: tuple[float, str], exchange: Exchange) -> None:
    if seconds > SLOW_SECONDS:
        text = "plugin %s: its import took %.1f s, of which %s took %.1f; everything else waited"
        _log.warning(text, id_, seconds, slowest[1] or "its check", slowest[0])
    if left := exchange.left():
        text = "plugin %s: its import leaves %s behind; move that to the start of an actor"
        _log.warning(text, id_, ", ".join(left))
