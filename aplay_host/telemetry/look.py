"""The look at all actors, once a second: who is stuck, and whose mailbox is about to refuse."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..kernel import ActorSystem, Address
    from ..kernel.cell import ActorCell, Hand

SECONDS = 1.0
"""The time between two looks."""
SLICE = 500
LONG = 5.0
"""For how many seconds a message may be in hand."""
FULL, CAUGHT_UP = 0.8, 0.6
"""The part of a mailbox's capacity at which its actor is behind, and below which it is not."""
QUIET = 5.0
"""For how many seconds nothing was refused before that is over."""
MOST_LINES = 20

_log = logging.getLogger("aplay_host.telemetry")


@dataclass(slots=True)
class _Seen:
    """What one look found: `stuck` since when, and what of those that are `behind`."""

    marks: dict[Hand, tuple[float, int, float]] = field(default_factory=dict)
    refused: dict[Address, int] = field(default_factory=dict)
    stuck: dict[Address, float] = field(default_factory=dict)
    behind: dict[Address, float] = field(default_factory=dict)


class Look:
    """Logs one WARNING when something begins to be wrong with an actor, and a line when it ends.

    ==================================================  ===========================================
    begins when                                         ends when
    ==================================================  ===========================================
    a message has been in hand for 5 s                  it is not any more
    the mailbox is 80 % full, or a message was refused  it is below 60 %, and none was for 5 s
    ==================================================  ===========================================

    No more than 20 lines come of one look; how many more there would be is told.
    """

    def __init__(self, system: ActorSystem) -> None:
        self._system = system
        self._last = _Seen()

    async def run(self) -> None:
        """Look, and look again a second later, until cancelled."""
        while True:
            await asyncio.sleep(SECONDS)
            await self.once()

    async def once(self) -> None:
        """Look at all actors, in slices, and tell what has begun and ended."""
        seen, cells = _Seen(), self._system.registry.snapshot()
        for start in range(0, len(cells), SLICE):
            for cell in cells[start : start + SLICE]:
                if cell.hands or cell.inbox or cell.counts or cell.box is not None:
                    self._look(cell, seen)
            await asyncio.sleep(0)
        before, self._last = self._last, seen
        self._tell(before, seen)

    def _look(self, cell: ActorCell, seen: _Seen) -> None:
        now, last = self._system.now(), self._last
        for hand in cell.hands:
            if hand.in_hand:
                began = self._began(hand, now, seen)
                if now - began > LONG:
                    since = min(began, seen.stuck.get(cell.address, began))
                    seen.stuck[cell.address] = since
        refused = sum(n for (what, _), n in cell.counts.items() if what == "rejected")
        if refused:
            seen.refused[cell.address] = refused
        bad = last.behind.get(cell.address)
        part = cell.pending / cell.spec.mailbox.capacity
        if refused > last.refused.get(cell.address, 0) or part >= FULL:
            seen.behind[cell.address] = now
        elif bad is not None and (part >= CAUGHT_UP or now - bad < QUIET):
            seen.behind[cell.address] = now if part >= CAUGHT_UP else bad

    def _began(self, hand: Hand, now: float, seen: _Seen) -> float:
        """Return since when the message in hand is there, at the latest.

        The time of a batch is that of its first message; of a later one it is known since when
        a look has found it.
        """
        since, taken = hand.since, hand.taken
        mark = self._last.marks.get(hand)
        if mark is None or mark[:2] != (since, taken):
            mark = (since, taken, since if taken <= 1 else now)
        seen.marks[hand] = mark
        return mark[2]

    # ---- telling ---------------------------------------------------------------------------

    def _tell(self, before: _Seen, now: _Seen) -> None:
        changes = (
            (logging.WARNING, _new(now.stuck, before.stuck), self._stuck),
            (logging.INFO, _new(before.stuck, now.stuck), self._done),
            (logging.WARNING, _new(now.behind, before.behind), self._behind),
            (logging.INFO, _new(before.behind, now.behind), self._caught_up),
        )
        left = MOST_LINES
        for level, actors, text_of in changes:
            for address in islice(actors, left):
                text = text_of(address, before, now)
                _log.log(level, "%s %s", address, text, extra={"actor": address})
            left = max(0, left - len(actors))
        if (more := sum(len(actors) for _, actors, _ in changes) - MOST_LINES) > 0:
            text = "%d more actors are stuck or behind, or are so no more; see: aplay-host status"
            _log.warning(text, more)

    def _age(self, since: float) -> str:
        return f"{self._system.now() - since:.0f}"

    def _stuck(self, address: Address, before: _Seen, now: _Seen) -> str:
        text = f"has had a message in hand for {self._age(now.stuck[address])} s"
        hands = self._system.look_inside(address).in_hand
        if not hands:
            return text
        longest = max(hands, key=lambda hand: hand.seconds)
        return f"{text}, of type {longest.message_type}, at {longest.where}"

    def _done(self, address: Address, before: _Seen, now: _Seen) -> str:
        return f"is done with what it had in hand for {self._age(before.stuck[address])} s"

    def _behind(self, address: Address, before: _Seen, now: _Seen) -> str:
        refused = now.refused.get(address, 0) - before.refused.get(address, 0)
        more = f", and {refused} more were refused" if refused > 0 else ""
        return f"is behind: {self._filled(address)}{more}"

    def _caught_up(self, address: Address, before: _Seen, now: _Seen) -> str:
        return f"has caught up: {self._filled(address)}"

    def _filled(self, address: Address) -> str:
        cell = self._system.cell_at(address)
        if cell is None:
            return "it was removed"
        return f"{cell.pending} of {cell.spec.mailbox.capacity} messages wait"


def _new(these: Mapping[Address, float], those: Mapping[Address, float]) -> list[Address]:
    """Return what of `these` is not among `those`."""
    return [address for address in these if address not in those]
