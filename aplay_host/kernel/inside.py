"""What goes on inside an actor at this instant: costly to find out, and only on demand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .envelope import unwrap
from .hooks import place_of

if TYPE_CHECKING:
    from .address import Address
    from .cell import ActorCell, Hand


@dataclass(frozen=True, slots=True)
class InHand:
    """A message that a handler has begun; `where` is ``file:line in function``."""

    message_type: str
    seconds: float
    where: str


@dataclass(frozen=True, slots=True)
class TimerView:
    """A timer: its next message comes in `seconds`, and each `interval` seconds if that is given.

    `seconds` is None while its message waits in line and no further one is set.
    """

    key: str
    message_type: str
    seconds: float | None
    interval: float | None


@dataclass(frozen=True, slots=True)
class Inside:
    """What is in hand, the timers that run, and who watches; `hook` is where a hook is now."""

    in_hand: tuple[InHand, ...] = ()
    timers: tuple[TimerView, ...] = ()
    watchers: tuple[Address, ...] = ()
    hook: str | None = None


def look_inside(cell: ActorCell) -> Inside:
    """Look at one cell."""
    in_hand = tuple(_in_hand(hand, cell.system.now()) for hand in cell.hands if hand.in_hand)
    return Inside(
        in_hand,
        timers=cell.timers.view(cell.system.now()),
        watchers=tuple(watch.watcher.address for watch in cell.watchers),
        hook=None if cell.hook is None else place_of(cell.hook),
    )


def _in_hand(hand: Hand, now: float) -> InHand:
    kind = type(unwrap(hand.message)).__qualname__
    return InHand(kind, max(0.0, now - hand.since), place_of(hand.task))
