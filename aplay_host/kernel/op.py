"""The end of a lifecycle verb."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from .errors import SelfWait, StartFailed
from .turn import Turn, current_turn

if TYPE_CHECKING:
    from .cell import ActorCell


NOT_STARTED = " did not start: "


class Op:
    """What a lifecycle verb returns: the verb has taken effect, awaiting it waits for the end.

    It may be left alone, awaited later or more than once. Cancelling who waits does not
    cancel the verb. After `start` it raises `StartFailed` when the actor does not run. Inside
    a handler for whose end the operation itself waits, awaiting it raises `SelfWait`.
    """

    __slots__ = ("_attempt", "_cell", "_must_run")

    def __init__(self, cell: ActorCell, *, must_run: bool = False) -> None:
        self._cell = cell
        self._must_run = must_run
        self._attempt = cell.next_attempt() if must_run else None

    def __await__(self) -> Generator[Any, None, None]:
        if self._cell.steering is not None:
            refuse_self_wait(self._cell, current_turn())
        return self._end().__await__()

    async def _end(self) -> None:
        cell = self._cell
        while cell.is_quiesced and (quiet := cell.system.quiet) is not None:
            await asyncio.wait({quiet.opened})
            self._attempt = cell.next_attempt() if self._must_run else None
        if not self._must_run:
            while (steering := cell.steering) is not None:
                await asyncio.wait({steering})
            return
        if self._attempt is not None:
            await asyncio.wait({self._attempt})
        up = cell.state in ("running", "paused")
        ran = self._attempt.result() if self._attempt is not None else up
        if not ran:
            raise start_failed(cell)


def start_failed(cell: ActorCell) -> StartFailed:
    """Return the error that says why `cell` does not run."""
    error = None if cell.held else cell.last_error
    if error is None:
        cause = f"it is {cell.state}"
    elif error.type == "StartFailed" and NOT_STARTED in error.text:
        cause = NOT_STARTED.join(error.text.split(NOT_STARTED)[-2:])  # where it began, once
    else:
        cause = f"{error.type}: {error.text} ({error.where})"
    return StartFailed(f"{cell.address}{NOT_STARTED}{cause}")


def refuse_self_wait(target: ActorCell, turn: Turn | None) -> None:
    """Raise `SelfWait` when `turn`, or who waits for it, is of `target` or of one below it."""
    while turn is not None:
        address = turn.cell.address
        if turn.cell is target or target.address.is_ancestor_of(address):
            raise SelfWait(target.address, address)
        turn = None if turn.is_over else turn.parent
