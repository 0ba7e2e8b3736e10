"""What the actors of one host have counted, summed by the type of the actor."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..kernel import ActorStatus, ActorSystem, Address

SLICE = 500
"""How many actors are looked at before the loop gets its turn."""
MOST_TYPES = 1000
MOST_ADDRESSES = 1000
OTHER = "other"

TypeOf = Callable[["Address", type], str]
"""Names the type of an actor that no file declares."""

_log = logging.getLogger("aplay_host.telemetry")


class Labels:
    """Lets through so many values of a label, and calls each further one ``other``."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: set[str] = set()

    def __call__(self, value: str) -> str:
        """Return `value`, or the word for all those that there is no room for."""
        if value not in self._seen:
            if len(self._seen) >= self._most:
                return OTHER
            self._seen.add(value)
        return value


@dataclass(slots=True)
class Totals:
    """Counters that only grow, as `ActorStatus` has them."""

    accepted: int = 0
    handled: int = 0
    failed: int = 0
    dead: int = 0
    worked_s: float = 0.0
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, other: ActorStatus | Totals, sign: int = 1) -> None:
        """Add what another has counted, or with a `sign` of -1 take it away."""
        self.accepted += sign * other.accepted
        self.handled += sign * other.handled
        self.failed += sign * other.failed
        self.dead += sign * other.dead
        self.worked_s += sign * other.worked_s
        for key, number in other.counts.items():
            self.counts[key] += sign * number


@dataclass(slots=True)
class TypeSums(Totals):
    """All actors of one type; what is not a total is of those that are there now.

    `pending`, with what is in hand, and `capacity` are by the kind of mailbox; `in_hand` is a
    part of `pending`.
    """

    states: Counter[str] = field(default_factory=Counter)
    pending: Counter[str] = field(default_factory=Counter)
    capacity: Counter[str] = field(default_factory=Counter)
    in_hand: int = 0
    oldest_s: float = 0.0

    def look(self, status: ActorStatus) -> None:
        """Add one actor."""
        self.add(status)
        if status.state == "removed":
            return
        box = status.spec.mailbox
        self.states[status.state] += 1
        self.pending[box.kind] += status.pending + status.in_hand
        self.capacity[box.kind] += box.capacity
        self.in_hand += status.in_hand
        self.oldest_s = max(self.oldest_s, status.oldest_s)


@dataclass(frozen=True, slots=True)
class Single:
    """One actor that has series of its own."""

    address: str
    up: bool
    pending: int


@dataclass(slots=True)
class Snapshot:
    """The sums of one look at all actors; `singles` are those asked for by address."""

    types: dict[str, TypeSums] = field(default_factory=dict)
    singles: list[Single] = field(default_factory=list)


class Ledger:
    """Sums the counters of all actors, those that are gone included: no total ever falls.

    An actor is of the type that the file calls it by; `type_of` names that of any other one.
    """

    def __init__(self, system: ActorSystem, type_of: TypeOf) -> None:
        self._system = system
        self._type_of = type_of
        self._label = Labels(MOST_TYPES)
        self._declared: dict[Address, str] = {}
        self._retired: dict[str, Totals] = {}
        self._declarations = 0
        self._too_many = False
        system.on_forget = self._retire

    def declare(self, types: Mapping[Address, str]) -> None:
        """Take over what the file calls its actors now.

        What an actor has counted under its former type stays there, also where it goes on under
        a new one; one that the file does not name any more keeps its type until it is gone.
        """
        self._declarations += 1
        after = dict(types)
        for address, before in self._declared.items():
            cell, now = self._system.cell_at(address), types.get(address)
            if cell is None or now == before:
                continue
            if now is None:
                after[address] = before
            else:
                self._retired_of(before).add(cell.status())
                self._retired_of(now).add(cell.status(), -1)
        self._declared = after

    async def take(self, patterns: Sequence[str] = ()) -> Snapshot:
        """Look at all actors, in slices; those that match one of `patterns` get a `Single`.

        An actor is read at one instant, so that ``accepted = handled + failed + dead + pending``
        holds in the sums, where `pending` has what is in hand.
        """
        while True:
            declarations, cells = self._declarations, self._system.registry.snapshot()
            # Who goes from here on is among the cells, and who has gone before is not.
            found = Snapshot()
            for kind, totals in self._retired.items():
                found.types.setdefault(kind, TypeSums()).add(totals)
            for start in range(0, len(cells), SLICE):
                for cell in cells[start : start + SLICE]:
                    self._look(found, cell.status(), patterns)
                await asyncio.sleep(0)
            if declarations == self._declarations:  # else some may be counted under two types
                return found

    def _look(self, found: Snapshot, status: ActorStatus, patterns: Sequence[str]) -> None:
        kind = self._type(status)
        if (sums := found.types.get(kind)) is None:
            sums = found.types[kind] = TypeSums()
        sums.look(status)
        if any(status.address.matches(one) for one in patterns) and status.state != "removed":
            if len(found.singles) < MOST_ADDRESSES:
                up = status.state in ("running", "paused")
                single = Single(status.address, up, status.pending + status.in_hand)
                found.singles.append(single)
            elif not self._too_many:
                self._too_many = True
                text = "metrics.per_address names more than %d actors; the rest have no series"
                _log.warning(text, MOST_ADDRESSES)

    def _type(self, status: ActorStatus) -> str:
        declared = self._declared.get(status.address)
        return self._label(declared or self._type_of(status.address, status.spec.cls))

    def _retired_of(self, kind: str) -> Totals:
        return self._retired.setdefault(self._label(kind), Totals())

    def _retire(self, status: ActorStatus) -> None:
        self._retired_of(self._type(status)).add(status)
