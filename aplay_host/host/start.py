"""How the start of a host went: what is waited for, and what the log says of it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ..kernel import ActorSystem, Address, Quarantined, Removed, Started, Stopped, TreePlan
from ..plugins import BAD_STATES, HookFailure, PluginSet

ON_THE_WAY = ("new", "starting", "restarting")
PATIENCE = 1.0
"""How long a start is waited for, in seconds, before another look at the actors."""

_log = logging.getLogger("aplay_host")


async def settled(system: ActorSystem, addresses: Iterable[Address]) -> None:
    """Wait until none of these actors is on its way: each runs, is failed, or is held."""
    changed = asyncio.Event()
    ends = (Started, Quarantined, Stopped, Removed)
    unsubscribe = system.events.subscribe(ends, lambda event: changed.set())
    refs = [system.ref(address) for address in addresses]
    try:
        while any(ref.state in ON_THE_WAY for ref in refs):
            changed.clear()
            with suppress(TimeoutError):  # a start that is cut tells no event
                async with asyncio.timeout(PATIENCE):
                    await changed.wait()
    finally:
        unsubscribe()


def log_start(system: ActorSystem, file: Path) -> None:
    """Log that the first tree stands, and who of it does not run."""
    actors = system.tree()
    failed = [status.address for status in actors if status.state == "failed"]
    count = f"{len(actors)} actor{'' if len(actors) == 1 else 's'}, pid {os.getpid()}"
    if failed:
        _log.warning("started, %s; failed: %s", count, ", ".join(failed))
    else:
        _log.info("ready, %s", count)
    if not actors:
        _log.warning("%s names no actor", file)


def log_faults(plan: TreePlan, plugins: PluginSet) -> None:
    """Log the bad plugins, and each declared actor that has no class."""
    if plugins.catalog.settings.safe:
        _log.warning("safe mode: no plugin is loaded, their actors are held and keep their mail")
        return
    for entry in plugins.rows():
        if entry.reason is not None and entry.state in BAD_STATES:
            _log.error("plugin %s is %s: %s", entry.id, entry.state, entry.reason.line())
            _log.debug("plugin %s: %s", entry.id, entry.reason.traceback)
    for node in plan.nodes:
        if node.fault is not None:
            _log.error("%s is failed: %s", node.address, node.fault, extra={"actor": node.address})


def log_hook_failure(failed: HookFailure) -> None:
    """Log a failure of a hook, and how often it has failed."""
    more = f" ({failed.count} times so far)" if failed.count > 1 else ""
    line = failed.failure.line()
    _log.error("plugin %s: %s%s", failed.plugin, line, more)
