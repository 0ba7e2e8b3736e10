"""Why a reload is refused: one record, whoever refuses."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ReloadError


@dataclass(frozen=True, slots=True)
class Refusal:
    """What stands in the way of a reload, with all that a person needs to clear it.

    `code` is a stable word for programs; `place` an actor, a path into its state, a module or
    ``file:line``.
    """

    code: str
    place: str
    got: str
    wanted: str
    cure: str

    def line(self) -> str:
        """Return it as one line."""
        return f"{self.place}: {self.got}; wanted: {self.wanted}; {self.cure}"


class Refused(ReloadError):
    """A reload cannot be: `refusal` says why. What runs is as it was.

    `traceback` is that of the guest's code that raised, as text; empty where none did.
    """

    def __init__(self, refusal: Refusal, traceback: str = "") -> None:
        super().__init__(refusal.line())
        self.refusal = refusal
        self.traceback = traceback
