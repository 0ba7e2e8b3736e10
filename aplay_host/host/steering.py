"""``start``, ``stop`` and ``restart``: one verb said to several actors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from ..control import VerbReport, VerbResult, in_slices, problem
from ..errors import CommandError, StartFailed
from ..kernel import ActorRef, Op
from .audit import Deed


async def steer(
    refs: Sequence[ActorRef], verb: Callable[[ActorRef], Op], seconds: float, deed: Deed
) -> VerbReport:
    """Say `verb` to all, then wait for their ends, for `seconds` in all, or not with 0."""
    ends = time.monotonic() + seconds
    before = [_seen(ref) async for ref in in_slices(refs)]
    ops = [verb(ref) async for ref in in_slices(refs)]  # all take effect before any is awaited
    troubles: Sequence[dict[str, Any] | None] = [None] * len(refs)
    if seconds:
        both = in_slices(zip(ops, refs, strict=True))
        troubles = [await _end_of(op, ref, ends) async for op, ref in both]
    results = []
    async for ref, was, trouble in in_slices(zip(refs, before, troubles, strict=True)):
        pending = 0 if ref.state == "removed" else ref.status().pending
        changed = was != _seen(ref)
        results.append(VerbResult(ref.address, changed, ref.state, pending, trouble))
    deed.note(result.problem for result in results)
    return VerbReport(tuple(results))


def _seen(ref: ActorRef) -> tuple[str, bool, int]:
    """Return what a verb may change of an actor, which may be gone by now."""
    return ref.state, ref.held, 0 if ref.state == "removed" else ref.status().restarts


async def _end_of(op: Op, ref: ActorRef, ends: float) -> dict[str, Any] | None:
    """Wait until `ends` for the end of a verb; return the problem that came up, if one did."""
    address = ref.address
    try:
        async with asyncio.timeout(max(0.0, ends - time.monotonic())):
            await op
    except StartFailed as error:
        if ref.held:
            hint = f"start it: aplay-host start {address}"
            return problem(CommandError("held", f"{address} is held", hint=hint, address=address))
        hint = f"see why: aplay-host show {address}"
        return problem(CommandError("start-failed", str(error), hint=hint, address=address))
    except TimeoutError:
        detail = f"{address} is still {ref.state}; it goes on"
        return problem(CommandError("timeout", detail, address=address))
    return None
