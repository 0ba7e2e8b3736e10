"""What goes on inside an actor at this instant: costly to find out, and only on demand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .envelope import unwrap
from .hooks import place_of

if TYPE_CHECKING:
    from .address import Address
    from .boxline import BoxLine
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
class Wait:
    """Why no message begins although the actor runs; it ends by itself in `seconds`, if known.

    =============  =====================================================================
    cause          no message begins, because
    =============  =====================================================================
    ``exchange``   the behaviour is to be exchanged; `busy` are those that are still at
                   work, and with `cuts` their handlers are cut off when the time is up
    ``probation``  the first messages on new code have failed; a verdict is to come
    ``retry``      one that failed is handed out again in a moment, and none passes it
    ``choice``     its own ``decide_to_start`` says no
    =============  =====================================================================
    """

    cause: Literal["exchange", "probation", "retry", "choice"]
    seconds: float | None = None
    busy: tuple[Address, ...] = ()
    cuts: bool = False


@dataclass(frozen=True, slots=True)
class BoxView:
    """The mailbox of another kind that an actor has.

    One that is not `is_open` could not be opened, or not yet: its mail is not read. `postponed`
    messages wait for the next try of one that failed, `retry_s` seconds from now; None where
    nothing does.
    """

    durable: bool
    is_open: bool
    postponed: int
    retry_s: float | None


@dataclass(frozen=True, slots=True)
class Inside:
    """What is in hand, the timers that run, and who watches; `hook` is where a hook is now.

    `wait` says why no message begins, of an actor that runs; `box` is None for mail in memory.
    """

    in_hand: tuple[InHand, ...] = ()
    timers: tuple[TimerView, ...] = ()
    watchers: tuple[Address, ...] = ()
    hook: str | None = None
    wait: Wait | None = None
    box: BoxView | None = None


def look_inside(cell: ActorCell) -> Inside:
    """Look at one cell."""
    in_hand = tuple(_in_hand(hand, cell.system.now()) for hand in cell.hands if hand.in_hand)
    return Inside(
        in_hand,
        timers=cell.timers.view(cell.system.now()),
        watchers=tuple(watch.watcher.address for watch in cell.watchers),
        hook=None if cell.hook is None else place_of(cell.hook),
        wait=_wait(cell),
        box=None if cell.box is None else _box(cell.box, cell.system.now()),
    )


def _box(line: BoxLine, now: float) -> BoxView:
    at = line.retry_at
    retry_s = None if at is None else max(0.0, at - now)
    return BoxView(line.durable, line.is_open, len(line.postponed), retry_s)


def _wait(cell: ActorCell) -> Wait | None:
    """Return why no message begins; None where one does, or the actor does not run."""
    now = cell.system.now()
    if cell.system.quiet is not None and cell.is_quiesced:
        return cell.system.quiet.waits()
    if cell.state != "running":
        return None
    if cell.probation is not None and (at := cell.probation.opens_at) is not None:
        return Wait("probation", max(0.0, at - now))
    retry_at = None if cell.box is None else cell.box.retry_at
    if retry_at is not None and cell.spec.max_tasks == 1:
        return Wait("retry", max(0.0, retry_at - now))
    if cell.pending and not cell.hands and cell.is_choosy:
        return Wait("choice")
    return None


def _in_hand(hand: Hand, now: float) -> InHand:
    kind = type(unwrap(hand.message)).__qualname__
    return InHand(kind, max(0.0, now - hand.since), place_of(hand.task))
