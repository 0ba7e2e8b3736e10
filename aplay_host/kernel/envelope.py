"""What stands in line in the place of a message that needs more than to be handled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .turn import Turn


class Envelope:
    """A message in line that wants to be asked before, and told after, it is handled.

    A bare message needs no envelope. Those that are `exempt` take no room in the mailbox and
    are never dropped for others. `turn` is the turn in which it is handled; None for the drain's.
    """

    __slots__ = ()

    exempt = False
    turn: Turn | None = None
    message: Any
    error: str | None = None
    """Why it cannot be handled, where that is known as text."""

    def unwanted(self) -> str | None:
        """Return why nobody wants it any more, None while somebody does."""
        return None

    def void(self) -> str | None:
        """Return the reason for which it is a dead letter by now, None to have it handled."""
        return self.unwanted()

    def begin(self, now: float) -> None:
        """Note that its handler begins at that time of the loop."""

    def close(self) -> None:
        """Note that its handler has returned; what it returned may come later."""

    def answer(self, value: Any) -> None:
        """Take what the handler returned."""

    def refuse(self, error: BaseException) -> None:
        """Take what the handler raised."""

    def cut(self, error: BaseException) -> None:
        """Take that the kernel cut its handler off, with which `error`."""
        self.refuse(error)

    def bury(self, error: Exception) -> None:
        """Take the reason for which it is never handled."""


def unwrap(message: Any) -> Any:
    """Return what the handler gets of something in line."""
    return message.message if isinstance(message, Envelope) else message
