"""Checking one installed package as a start would, for its author: call that in a child process."""

from __future__ import annotations

import atexit
import logging
import signal
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .._version import __version__
from ..config import HostConfig
from ..plugins import (
    BAD_STATES,
    Catalog,
    Entry,
    HostInfo,
    PluginSet,
    PluginSettings,
    Reason,
    default_options,
)
from .installed import installed
from .options import HookOptions


@dataclass(frozen=True, slots=True)
class PluginMistake:
    """One thing that is wrong with a package; `target` says in which of its entries."""

    id: str
    door: str
    target: str
    phase: str
    type: str
    message: str
    place: str | None

    @classmethod
    def of(cls, entry: Entry, reason: Reason) -> PluginMistake:
        """Return the mistake that `reason` tells of `entry`."""
        told = (reason.phase, reason.type, reason.message, reason.place or None)
        return cls(entry.id, entry.door, entry.target, *told)


@dataclass(frozen=True, slots=True)
class PluginCheck:
    """What came of importing everything that a distribution offers.

    `import_ms` and `modules` are what that cost, third-party modules included; `left` names
    the threads, handlers and functions for the end of the process that it left behind.
    """

    dist: str
    version: str
    ok: bool
    targets: int
    import_ms: int
    modules: int
    left: tuple[str, ...]
    errors: tuple[PluginMistake, ...]


@dataclass(frozen=True, slots=True)
class _Traces:
    """What a process holds that an import should leave alone."""

    modules: frozenset[str] = field(default_factory=lambda: frozenset(sys.modules))
    threads: frozenset[threading.Thread] = field(
        default_factory=lambda: frozenset(threading.enumerate())
    )
    log_handlers: int = field(default_factory=lambda: len(logging.root.handlers))
    signals: tuple[object, ...] = field(
        default_factory=lambda: tuple(map(signal.getsignal, sorted(signal.valid_signals())))
    )
    at_exit: int = field(default_factory=lambda: atexit._ncallbacks())  # the only way to ask

    def left(self, before: _Traces) -> Iterable[str]:
        """Name what is here and was not there."""
        yield from (f"thread {one.name}" for one in self.threads - before.threads)
        if self.log_handlers > before.log_handlers:
            yield "a handler of the root logger"
        pairs = zip(sorted(signal.valid_signals()), before.signals, self.signals, strict=True)
        changed = [signal.Signals(number).name for number, was, now in pairs if was != now]
        yield from (f"a handler of {name}" for name in changed)
        if self.at_exit > before.at_exit:
            number = self.at_exit - before.at_exit
            yield f"{number} atexit function{'' if number == 1 else 's'}"


def check_plugin(dist: str, config: HostConfig | None) -> PluginCheck:
    """Import all that the distribution `dist` offers and say what is wrong with it.

    Admission is not asked for. `config` gives the options of plugins that have some.
    """
    paths = tuple(config.plugins.paths) if config else ()
    settings = PluginSettings(allow=(dist,), paths=paths)
    catalog = Catalog(installed().entries, settings)
    options = default_options if config is None else HookOptions(config)
    plugins = PluginSet(catalog, settings, options=options)
    plugins.add_paths()
    state_dir = config.host.state_dir if config else Path(".aplay").absolute()
    before, began = _Traces(), time.perf_counter()
    plugins.load_hooks(HostInfo("check", __version__, state_dir))
    for entry in _of(dist, plugins):
        if entry.door == "actor" and entry.state == "found":
            plugins.load_actor(entry.id)
    took, after = time.perf_counter() - began, _Traces()
    entries = _of(dist, plugins)
    errors = [PluginMistake.of(one, one.reason) for one in entries if _is_bad(one) and one.reason]
    return PluginCheck(
        dist=dist,
        version=entries[0].version,
        ok=not errors,
        targets=len(entries),
        import_ms=round(took * 1000),
        modules=len(after.modules - before.modules),
        left=tuple(after.left(before)),
        errors=tuple(errors),
    )


def _of(dist: str, plugins: PluginSet) -> list[Entry]:
    return [one for one in plugins.rows() if one.dist == dist and one.state != "shadowed"]


def _is_bad(entry: Entry) -> bool:
    return entry.state in (*BAD_STATES, "installing") or "degraded" in entry.flags
