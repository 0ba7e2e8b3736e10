"""A message whose sender waits for the reply."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .envelope import Envelope
from .errors import ActorStopped, AskTimeout
from .turn import Turn, chain_of

if TYPE_CHECKING:
    from .cell import ActorCell


class Request(Turn, Envelope):
    """Stands in line in place of its message, and is the turn in which that is handled.

    `reply` ends with the handler's result; it is made when somebody has to wait for it.
    `asked` and `begun` are the loop's times, `begun` None while the request waits.
    """

    __slots__ = ("asked", "begun", "deadline", "is_open", "message", "parent", "reply", "timer")

    def __init__(
        self, cell: ActorCell, message: Any, parent: Turn | None, asked: float, deadline: float
    ) -> None:
        self.cell = cell
        self.message = message
        self.parent = parent
        self.asked = asked
        self.deadline = deadline
        self.begun: float | None = None
        self.is_open = False
        self.reply: asyncio.Future[Any] | None = None
        self.timer: asyncio.TimerHandle | dict[Request, None] | None = None

    @property
    def turn(self) -> Turn:  # type: ignore[override]
        """The turn in which it is handled is the request itself."""
        return self

    def is_held_by(self, task: asyncio.Task[Any] | None) -> bool:
        """Tell whether the handler still runs; tasks that it began belong to its turn."""
        return self.is_open

    def make_reply(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[Any]:
        """Make the future that ends with the reply, and return it."""
        self.reply = loop.create_future()
        return self.reply

    @property
    def is_over(self) -> bool:  # type: ignore[override]
        """Tell whether nobody waits for the reply any more."""
        return self.reply is not None and self.reply.done()

    @property
    def is_waiting(self) -> bool:
        """Tell whether it stands in line, and somebody waits for the reply."""
        return self.begun is None and not self.is_over

    def unwanted(self) -> str | None:
        """Return why it need not be handled: time ran out, or the asker has gone."""
        if self.reply is None or not self.reply.done():
            return None
        return "asker_gone" if self.reply.cancelled() else "expired"

    def begin(self, now: float) -> None:
        """Open the turn."""
        self.begun = now
        self.is_open = True

    def close(self) -> None:
        """Close the turn."""
        self.is_open = False

    def answer(self, value: Any) -> None:
        """Hand over the handler's result, or count it as late when nobody waits any more."""
        self.is_open = False
        if self.reply is not None:
            if self.reply.done():
                self.cell.late_replies += 1
            else:
                self.reply.set_result(value)

    def refuse(self, error: BaseException) -> None:
        """Hand over the handler's own error, with a note on where it comes from."""
        self.is_open = False
        answer = self.error_for_asker(error)
        if self.reply is not None and not self.reply.done():
            self.reply.set_exception(answer)

    def bury(self, error: Exception) -> None:
        """Tell the asker why there will be no reply."""
        if self.reply is not None and not self.reply.done():
            self.reply.set_exception(error)

    def error_for_asker(self, error: BaseException) -> Exception:
        """Return what the asker gets when the handler ended with `error`."""
        if not isinstance(error, Exception) or isinstance(error, StopIteration):
            # An exit or a cancellation is not the asker's, and no future takes a StopIteration.
            how = f"its handler ended with {type(error).__name__}"
            return ActorStopped(self.cell.address, how)
        kind = type(self.message).__qualname__
        note = f"raised by {self.cell.address} while it handled a request of type {kind}"
        with suppress(Exception):  # a guest's exception may have made notes impossible
            if note not in getattr(error, "__notes__", ()):
                error.add_note(note)
        return error

    def expire(self) -> None:
        """Give up the reply: tell the asker where its request was when time ran out."""
        if self.reply is not None and not self.reply.done():
            self.reply.set_exception(self.timed_out())

    def timed_out(self) -> AskTimeout:
        """Return the error that says where the request is now."""
        cell = self.cell
        if self.begun is None:
            progress = f"not begun, {len(cell.inbox or ())} messages in line"
        else:
            progress = f"its handler began {cell.system.now() - self.begun:.3g} s ago"
        chain = " -> ".join(chain_of(self.parent))
        seconds = max(0.0, self.deadline - self.asked)
        return AskTimeout(
            f"no reply from {cell.address} within {seconds:.3g} s: actor is "
            f"{cell.state}, request of type {type(self.message).__qualname__} {progress}"
            + (f", asked by {chain}" if self.parent is not None else "")
        )
