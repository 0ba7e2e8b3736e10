"""The end of a lifecycle verb."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from .errors import StartFailed

if TYPE_CHECKING:
    from .cell import ActorCell


class Op:
    """What a lifecycle verb returns: the verb has taken effect, awaiting it waits for the end.

    It may be left alone, awaited later or more than once. Cancelling who waits does not
    cancel the verb. After `start` it raises `StartFailed` when the actor does not run.
    """

    __slots__ = ("_cell", "_must_run")

    def __init__(self, cell: ActorCell, *, must_run: bool = False) -> None:
        self._cell = cell
        self._must_run = must_run

    def __await__(self) -> Generator[Any, None, None]:
        return self._end().__await__()

    async def _end(self) -> None:
        cell = self._cell
        while (steering := cell.steering) is not None:
            await asyncio.wait({steering})
        if self._must_run and cell.state != "running":
            raise start_failed(cell)


def start_failed(cell: ActorCell) -> StartFailed:
    """Return the error that says why `cell` does not run."""
    error = cell.last_error if cell.state == "failed" else None
    cause = f"{error.type}: {error.text} ({error.where})" if error else f"it is {cell.state}"
    return StartFailed(f"{cell.address} did not start: {cause}")
