"""The first messages of a behaviour that has just been exchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import supervisor
from .envelope import unwrap

if TYPE_CHECKING:
    from .cell import ActorCell

MOST_SET_ASIDE = 3


class Probation:
    """Failed messages that wait for a verdict on the code that failed them.

    They count as pending. Until the actor has handled its first message, or somebody settles
    it, at most three are set aside. Then they have failed, and ``on_error`` is asked about
    each; or the old code comes back, and they return to the head of the line.
    """

    __slots__ = ("_cell", "_errors", "messages")

    def __init__(self, cell: ActorCell) -> None:
        self._cell = cell
        self._errors: list[Exception] = []
        self.messages: list[Any] = []

    def set_aside(self, message: Any, error: Exception) -> bool:
        """Keep a message that has just failed; False when it has to fail as any other."""
        if len(self.messages) >= MOST_SET_ASIDE:
            return False
        self.messages.append(unwrap(message))  # it has begun, so no envelope wants to know more
        self._errors.append(error)
        self._cell.taken -= 1
        return True

    def settle(self, *, act: bool = True) -> None:
        """End it: all that was set aside has failed, and with `act` that has its consequences."""
        cell, errors = self._cell, self._errors
        self.give_back()
        cell.taken += len(errors)
        cell.failed += len(errors)
        for error in errors if act else ():
            supervisor.act(cell, supervisor.directive_for(cell, error), error)

    def give_back(self) -> None:
        """End it without a verdict: who took the messages puts them in line again."""
        self._errors, self.messages = [], []
        self._cell.probation = None
        self._cell.open_line()
