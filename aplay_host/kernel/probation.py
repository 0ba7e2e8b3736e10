"""The first messages of a behaviour that has just been exchanged."""

from __future__ import annotations

from asyncio import TimerHandle
from bisect import insort
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from . import supervisor
from .envelope import unwrap
from .errors import Refuse
from .mailbox import Parcel
from .request import Request

if TYPE_CHECKING:
    from .cell import ActorCell

ENOUGH = 3
"""How many failed messages close the gate."""
PATIENCE = 30.0
"""Seconds for which a closed gate waits for a verdict."""


class Probation:
    """Failed messages that wait for a verdict on the code that failed them.

    They count as pending. Requests are not among them: who asks is told at once. What a mailbox
    keeps is settled with the verdict only: as failed, or, given back, as released.

    ====================================  ===================================================
    what comes first                      then
    ====================================  ===================================================
    a message is handled                  it is over: all that was set aside has failed
    the third message fails               the gate is closed, `is_closed`, until a verdict;
                                          what was in hand then is set aside as well
    `settle`, or 30 s after the third     it is over: they have failed, and the gate opens
    a swap, the end of the instance       it is over: they have failed, or the swap gives
                                          them back to the head of the line
    ====================================  ===================================================

    ``on_error`` is asked about each that has failed, while the code that failed it is there.
    """

    __slots__ = ("_begun", "_cell", "_failed", "_opens")

    def __init__(self, cell: ActorCell) -> None:
        self._cell = cell
        self._begun: list[Any] = []
        self._failed: list[tuple[int, Any, Exception]] = []  # by the place in `_begun`
        self._opens: TimerHandle | None = None

    @property
    def is_closed(self) -> bool:
        """Tell whether no message begins before there is a verdict."""
        return self._opens is not None

    @property
    def opens_at(self) -> float | None:
        """The loop's time at which a closed gate opens without a verdict."""
        return None if self._opens is None else self._opens.when()

    @property
    def messages(self) -> tuple[Any, ...]:
        """What is set aside, in the order in which it was begun."""
        return tuple(message for _, message, _ in self._failed)

    def note_begin(self, message: Any) -> None:
        """Note that `message` is in hand from now on: with several slots, others may end first."""
        if not isinstance(message, Request) and not (
            isinstance(message, Parcel) and not message.kept
        ):
            self._begun.append(message)

    def takes(self, message: Any, error: BaseException) -> bool:
        """Tell whether a message that has begun is set aside when it fails with `error`."""
        fails = isinstance(error, Exception) and not isinstance(error, Refuse)
        return fails and any(one is message for one in self._begun)

    def set_aside(self, message: Any, error: BaseException) -> bool:
        """Keep a message that has just failed; False when it has to fail as any other."""
        if not (isinstance(error, Exception) and self.takes(message, error)):
            return False
        place = next(number for number, one in enumerate(self._begun) if one is message)
        self._begun[place] = self  # the same message may have been begun once more
        # It has begun, so no envelope wants to know more, but for one that its box keeps.
        kept = message if isinstance(message, Parcel) else unwrap(message)
        insort(self._failed, (place, kept, error), key=itemgetter(0))
        self._cell.taken -= 1
        if len(self._failed) == ENOUGH:
            self._opens = self._cell.system.loop.call_later(PATIENCE, self.settle)
            for hand in self._cell.hands:
                hand.retire()
        return True

    def settle(self, *, act: bool = True) -> None:
        """End it: all that was set aside has failed, and with `act` that has its consequences."""
        cell, failed = self._cell, self._end()
        for _, message, error in reversed(failed):  # each is the first in line then, if it is
            cell.taken += 1
            if isinstance(message, Parcel):
                message.refuse(error)
            if cell.box is None or not cell.box.obey(message, error):
                cell.failed += 1
        if act:
            for _, _, error in failed:
                supervisor.act(cell, supervisor.directive_for(cell, error), error)
            cell.wake()

    def give_back(self) -> None:
        """End it without a verdict: what boxes keep is in line again, the rest somebody took."""
        parcels = [message for _, message, _ in self._end() if isinstance(message, Parcel)]
        if parcels and self._cell.box is not None:
            self._cell.box.take_back(parcels)

    def _end(self) -> list[tuple[int, Any, Exception]]:
        """Forget all; return what was set aside."""
        if self._opens is not None:
            self._opens.cancel()
        failed, self._begun, self._failed, self._opens = self._failed, [], [], None
        if self._cell.probation is self:  # else the next one is on already
            self._cell.probation = None
            self._cell.open_line()
        return failed


def pass_probation(cell: ActorCell) -> None:
    """Note that a message was handled, which is all that is asked of new code."""
    if (trial := cell.probation) is not None and not trial.is_closed:
        trial.settle()
