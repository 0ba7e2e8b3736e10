"""What the loop is at, in lines for the log: asked for by USR1, read when something hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import islice

from ..kernel import ActorSystem, place_of

MOST = 100
"""How many lines there are of each kind."""


def work_lines(system: ActorSystem) -> list[str]:
    """Return a line for each message in hand and each hook that runs, then one for each task."""
    in_hand = [*islice(_in_hand(system), MOST)]
    tasks = sorted(asyncio.all_tasks(), key=lambda task: task.get_name())
    lines = [f"task {task.get_name()} is at {place_of(task)}" for task in tasks[:MOST]]
    if len(tasks) > MOST:
        lines.append(f"and {len(tasks) - MOST} tasks more")
    return [*(in_hand or ["no actor has anything in hand"]), *lines]


def _in_hand(system: ActorSystem) -> Iterator[str]:
    for cell in system.cells():
        inside = system.look_inside(cell.address)
        for one in inside.in_hand:
            since = f"{one.message_type} for {one.seconds:.3g} s"
            yield f"{cell.address} handles {since} at {one.where}"
        if inside.hook is not None:
            yield f"{cell.address} is {cell.state} at {inside.hook}"
