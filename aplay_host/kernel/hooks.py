"""Running an actor's own coroutines: under a deadline, and never in the way of an operation."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .actor import overrides
from .turn import CURRENT, Turn

if TYPE_CHECKING:
    from .cell import ActorCell

NOT_OWN = sys.stdlib_module_names | {__name__.partition(".")[0]}
"""Packages whose code no author of an actor has written."""
CANCEL_SHARE = 0.1
"""The last part of a hook's time, in which it is cancelled and may still end by itself."""


@dataclass(frozen=True, slots=True)
class HookOutcome:
    """How a hook ended: `error` is None when it returned, `cut` when we had it cancelled."""

    error: BaseException | None = None
    cut: bool = False


async def run_hook(cell: ActorCell, name: str, seconds: float, *args: Any) -> HookOutcome:
    """Run the hook `name` of the behaviour for at most `seconds`; never raises for what it does.

    A class without a hook of its own has nothing to run. Past the deadline the hook is
    cancelled, and abandoned when it ignores that too. Whoever wants it over earlier calls
    `ActorCell.cut_hook`.
    """
    behaviour = cell.behaviour  # `spec` may be a newer one's already
    if behaviour is None or not overrides(type(behaviour), name):
        return HookOutcome()
    return await run_within(cell, name, seconds, lambda: getattr(cell.behaviour, name)(*args))


async def run_within(
    cell: ActorCell, name: str, seconds: float, call: Callable[[], Awaitable[object]]
) -> HookOutcome:
    """Run what `call` returns as a hook of that name; see `run_hook`."""
    seconds = max(0.0, seconds)
    task = cell.system.create_task(_guarded(cell, call), f"{cell.address} {name}")
    cell.hook, cell.hook_name, cell.hook_cut = task, name, False
    try:
        _, late = await asyncio.wait({task}, timeout=seconds * (1 - CANCEL_SHARE))
        if late:
            task.cancel()
            await end_tasks(cell, late, seconds * CANCEL_SHARE)
            error: BaseException | None = TimeoutError(f"it took longer than {seconds:.3g} s")
        else:
            error = asyncio.CancelledError() if task.cancelled() else task.result()
        return HookOutcome(error, cut=error is not None and cell.hook_cut)
    finally:
        cell.hook, cell.hook_name = None, ""


async def end_tasks(
    cell: ActorCell, tasks: set[asyncio.Task[Any]], seconds: float
) -> set[asyncio.Task[Any]]:
    """Give cancelled `tasks` that many seconds; name and return those that still run then."""
    if not tasks:
        return set()
    _, stubborn = await asyncio.wait(tasks, timeout=max(0.0, seconds))
    for task in stubborn:
        cell.system.ending.abandon(cell.address, task)
    return stubborn


def place_of(task: asyncio.Task[Any]) -> str:
    """Return ``file:line in function`` of the innermost frame that the guest's author wrote.

    Frames of this package and of the standard library count only where there is no other.
    """
    place, found = "unknown place", False
    awaited: object = task.get_coro()
    while (frame := getattr(awaited, "cr_frame", None)) is not None:
        own = frame.f_globals.get("__name__", "").partition(".")[0] not in NOT_OWN
        if own or not found:
            place = f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
        found = found or own
        awaited = getattr(awaited, "cr_await", None)
        if (carrier := getattr(awaited, "gi_frame", None)) is not None:
            awaited = carrier.f_locals.get("coro")  # what a driver carries on, see `handoff`
    return place


async def _guarded(cell: ActorCell, call: Callable[[], Awaitable[object]]) -> BaseException | None:
    # Inside the task: SystemExit that leaves a task takes the whole loop down with it.
    CURRENT.set(Turn(cell, asyncio.current_task()))
    try:
        await call()
    except BaseException as error:
        return error
    return None
