"""How a host stops: ten steps, in an order in which nothing is lost that need not be."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from ..kernel import ActorSystem

if TYPE_CHECKING:
    from .host import Host

LAST_ACTORS_SECONDS = 5.0
"""What the actors' own ends get at least, even when draining took all the time there was."""
PLUGIN_SECONDS = 2.0
PATIENCE = 1.0
"""How long a stop takes, in seconds, before whoever keeps it is named."""

_log = logging.getLogger("aplay_host")


async def stop_in_order(host: Host, reason: str) -> bool:
    """Stop `host`; tell whether all ended by itself, with no handler cut off.

    1. The service manager hears of it, and no probe says ready any more.
    2. Nothing is watched, and a reload under way is dropped.
    3. Streams of events end, and new ones are refused.
    4. No more mail from outside; `aplay_host_stopping`. What only looks is still answered.
    5. Owned tasks and timers end, then waiting mail is handled, within ``host.drain_timeout``.
    6. Actors end, the last made first. 7. With each goes its mailbox. 8. The file of durable mail
    is closed, with all outcomes in it.

    The listeners (9.) and the lock (10.) are those of whoever opened them, and end with it.
    """
    host.phase = "stopping"
    host.service.stopping(reason)
    host.reloads.close()
    host.events.end_streams(reason)
    await host.end_background()
    if not host.planted:
        await host.mail.stop()
        await host.plugins.close(PLUGIN_SECONDS)
        return True
    again = reason == "SIGINT" and sys.stderr.isatty()
    _log.info("stopping: %s%s", reason, "; Ctrl-C again to stop now" * again)
    system, seconds = host.system, host.config.host.drain_timeout
    ends = system.now() + seconds
    patience = system.loop.call_later(PATIENCE, _tell_busy, system, seconds)
    await host.plugins.hooks.host_stopping(host.info, system, reason, seconds)
    drained = await system.drain(ends - system.now())
    report = await system.shutdown(max(ends - system.now(), LAST_ACTORS_SECONDS))
    patience.cancel()
    await host.mail.stop()
    await host.plugins.close(PLUGIN_SECONDS)
    orderly = drained and report.clean and system.fatal is None
    if orderly:
        _log.info("stopped in order")
    else:
        cut = "; ".join(report.abandoned) or "handlers were cut off"
        _log.warning("stopped, but not in order: %s", system.fatal or cut)
    return orderly


def _tell_busy(system: ActorSystem, seconds: float) -> None:
    busy = [
        f"{status.address} ({status.in_hand} in hand, {status.pending} waiting)"
        for status in system.tree()
        if status.in_hand or (status.pending and status.state == "running")
    ]
    if busy:
        text = "waiting up to %g s for %s; a second signal cuts them off"
        _log.info(text, seconds, ", ".join(busy))
