"""The last word of behaviours that were replaced: they close what nobody took over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping

from ..kernel import Actor, Address
from .handover import Handover, state_of

DISPOSE_SECONDS = 5.0

_log = logging.getLogger("aplay_host.reload")


async def dispose(behaviours: Mapping[Address, Actor], handovers: Iterable[Handover]) -> None:
    """Call ``on_dispose`` of each, all at once, for 5 s at most; errors are logged.

    It is told which attributes live on in the new behaviour: of a merge those that were kept,
    of what ``get_state`` handed over all, and none where the new one began empty.
    """
    ways = {one.address: one for one in handovers}
    found = {at: one for at, one in behaviours.items() if hasattr(type(one), "on_dispose")}
    calls = [_dispose(str(at), one, handed_over(one, ways.get(at))) for at, one in found.items()]
    await asyncio.gather(*calls)


def handed_over(old: Actor, way: Handover | None) -> frozenset[str]:
    """Return the attributes of `old` that live on."""
    if way is None or way.way == "empty":
        return frozenset()
    if way.way == "merge":
        return frozenset(name for name, fate in way.fates.items() if fate == "kept")
    return frozenset(state_of(old))


async def _dispose(address: str, old: Actor, names: frozenset[str]) -> None:
    try:
        async with asyncio.timeout(DISPOSE_SECONDS):
            await old.on_dispose(names)  # type: ignore[attr-defined]  # it is optional
    except (Exception, SystemExit) as error:
        _log.exception("%s: on_dispose of the old code: %s", address, type(error).__name__)
