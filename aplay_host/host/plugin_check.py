"""Checking one installed package as a start would, for its author: call that in a child process."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
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
    Surroundings,
    default_options,
)
from .durable import durable_kind
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


def check_plugin(dist: str, config: HostConfig | None) -> PluginCheck:
    """Import all that the distribution `dist` offers and say what is wrong with it.

    Admission is not asked for. `config` gives the options of plugins that have some.
    """
    paths = tuple(config.plugins.paths) if config else ()
    settings = PluginSettings(allow=(dist,), paths=paths)
    catalog = Catalog(installed().entries, settings)
    options = default_options if config is None else HookOptions(config)
    plugins = PluginSet(catalog, settings, options=options, kinds=[durable_kind()])
    plugins.add_paths()
    state_dir = config.host.state_dir if config else Path(".aplay").absolute()
    modules, before = set(sys.modules), Surroundings()
    began = time.perf_counter()
    plugins.load_hooks(HostInfo("check", __version__, state_dir))
    for entry in _of(dist, plugins):
        if entry.door == "actor" and entry.state == "found":
            plugins.load_actor(entry.id)
    took = time.perf_counter() - began
    entries = _of(dist, plugins)
    errors = [PluginMistake.of(one, one.reason) for one in entries if _is_bad(one) and one.reason]
    return PluginCheck(
        dist=dist,
        version=entries[0].version,
        ok=not errors,
        targets=len(entries),
        import_ms=round(took * 1000),
        modules=len(sys.modules.keys() - modules),
        left=(*before.left(), *before.handlers()),
        errors=tuple(errors),
    )


def _of(dist: str, plugins: PluginSet) -> list[Entry]:
    return [one for one in plugins.rows() if one.dist == dist and one.state != "shadowed"]


def _is_bad(entry: Entry) -> bool:
    return entry.state in (*BAD_STATES, "installing") or "degraded" in entry.flags
