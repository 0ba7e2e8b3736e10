"""Dead letters: the only way out of a mailbox besides a handler."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .events import DeadLettered

if TYPE_CHECKING:
    from .address import Address
    from .events import EventStream
    from .reports import Reports

KEPT = 1000
QUIET = frozenset({"expired", "asker_gone", "timer_cancelled", "unwatched"})
"""Reasons that are counted but neither told nor kept: nobody wants the message any more."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that reached nobody; `time` is the loop's, `incarnation` the target's.

    `number` counts up over all letters of a system that are not quiet; `kept` tells that a
    durable mailbox has the letter, too. A mailbox may have reasons of its own.

    ===================  ================================================================
    reason               when
    ===================  ================================================================
    ``no_actor``         nobody lives at the address
    ``removed``          the actor was removed with the message waiting
    ``stopped``          a request waited at an actor that was stopped
    ``failed``           a request waited at an actor that became failed
    ``dropped``          the mailbox was full and its rule chose this message; or a mailbox of
                         the actor's own was given it and has not given it back
    ``store_failed``     the actor's own mailbox could not keep it; `error` says why
    ``shutdown``         the system shut down with the message waiting
    ``full``             a new behaviour had sent it while it was being built, and then there
                         was no room
    ``expired``          quiet: the request's time ran out before its turn
    ``asker_gone``       quiet: the asker was cancelled before the request's turn
    ``timer_cancelled``  quiet: the timer was cancelled before its message's turn
    ``unwatched``        quiet: the watch ended before its notice's turn
    ===================  ================================================================
    """

    target: Address
    message: Any
    reason: str
    error: str | None
    time: float
    incarnation: int
    number: int = 0
    kept: bool = False


class DeadLetters:
    """The last 1,000 letters that are not quiet, and the number of all by reason."""

    def __init__(self, clock: Callable[[], float], events: EventStream, reports: Reports) -> None:
        self._clock = clock
        self.counts: Counter[str] = Counter()
        self._kept: OrderedDict[int, DeadLetter] = OrderedDict()
        self._numbered = 0
        self._events = events
        self._reports = reports

    def __iter__(self) -> Iterator[DeadLetter]:
        return iter(sorted(self._kept.values(), key=lambda letter: letter.number))

    def __len__(self) -> int:
        return len(self._kept)

    def add(
        self,
        target: Address,
        message: Any,
        reason: str,
        incarnation: int = 0,
        error: str | None = None,
        *,
        kept: bool = False,
    ) -> None:
        """Count a letter; unless it is quiet, keep it, log it and tell it as an event."""
        self.counts[reason] += 1
        if reason in QUIET:
            return
        self._numbered += 1
        letter = DeadLetter(
            target, message, reason, error, self._clock(), incarnation, self._numbered, kept
        )
        self._kept[letter.number] = letter
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        self._reports.dead_letter(letter)
        self._events.tell(DeadLettered, letter.target, letter)

    def take(self, number: int) -> DeadLetter | None:
        """Keep the letter of that number no more and return it; None where it is not kept."""
        return self._kept.pop(number, None)

    def put_back(self, letter: DeadLetter) -> None:
        """Keep a letter that was taken, unless there are 1,000 others by now."""
        if len(self._kept) < KEPT:
            self._kept[letter.number] = letter
