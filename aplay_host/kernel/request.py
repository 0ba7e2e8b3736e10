"""A message whose sender waits for the reply."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .errors import ActorStopped, AskTimeout

if TYPE_CHECKING:
    from .cell import ActorCell


class Request:
    """Stands in line in place of its message; `reply` ends with the handler's result.

    `begun` is the loop's time at which the handler began, None while the request waits.
    """

    __slots__ = ("begun", "message", "reply")

    def __init__(self, message: Any, reply: asyncio.Future[Any]) -> None:
        self.message = message
        self.reply = reply
        self.begun: float | None = None

    def answer(self, value: Any) -> bool:
        """Hand over the handler's result; return False when nobody waits any more."""
        if self.reply.done():
            return False
        self.reply.set_result(value)
        return True

    def refuse(self, error: BaseException, cell: ActorCell) -> None:
        """Hand over the handler's own error, with a note on where it comes from."""
        if self.reply.done():
            return
        if isinstance(error, Exception):
            kind = type(self.message).__qualname__
            note = f"raised by {cell.address} while it handled a request of type {kind}"
            with suppress(Exception):  # a guest's exception may have made notes impossible
                if note not in getattr(error, "__notes__", ()):
                    error.add_note(note)
        else:  # SystemExit, KeyboardInterrupt and CancelledError are not the asker's to have
            error = ActorStopped(cell.address, f"its handler ended with {type(error).__name__}")
        self.reply.set_exception(error)

    def expire(self, cell: ActorCell, waited: float) -> None:
        """Give up the reply: tell the asker where its request was when time ran out."""
        if self.reply.done():
            return
        if self.begun is None:
            progress = f"not begun, {len(cell.inbox or ())} messages in line"
        else:
            progress = f"the handler began {cell.system.now() - self.begun:.3g} s ago"
        self.reply.set_exception(
            AskTimeout(
                f"no reply from {cell.address} within {waited:.3g} s: actor is {cell.state}, "
                f"request of type {type(self.message).__qualname__} {progress}"
            )
        )
