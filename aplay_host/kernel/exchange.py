"""A new behaviour for a cell that keeps everything else: built aside, then put in at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .actor import overrides
from .composing import Handler, compose_handler
from .envelope import Envelope, unwrap
from .errors import Busy, StartFailed
from .mailbox import Parcel
from .outbox import Outbox
from .owned import begin_again
from .probation import Probation
from .rare import Waiter
from .timers import Tick, Timer
from .transaction import begin_saved, recall

if TYPE_CHECKING:
    from .actor import Actor
    from .address import Address
    from .cell import ActorCell
    from .spec import ActorSpec
    from .status import State

Build = Callable[["Actor"], None]
Remap = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class CellView:
    """What an exchange needs to know of a cell, as it is behind its closed gate.

    `waiting` is every message that a `remap` is asked about: those that were set aside (if they
    are given back), those in line, both first to last, then those of timers and of senders that
    wait for room; not what a durable mailbox keeps, which new code reads for itself. `pending` is
    how many wait altogether. `tasks` are the names of the owned tasks.
    """

    address: Address
    spec: ActorSpec
    state: State
    generation: int
    behaviour: Actor | None
    waiting: tuple[Any, ...]
    tasks: tuple[str, ...]
    pending: int = 0

    @classmethod
    def of(cls, cell: ActorCell) -> CellView:
        """Look at `cell`."""
        return cls(
            address=cell.address,
            spec=cell.spec,
            state=cell.state,
            generation=cell.generation,
            behaviour=cell.behaviour,
            waiting=tuple(_waiting(cell)),
            tasks=tuple(task.get_name() for task in cell.tasks),
            pending=cell.pending,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Staged:
    """A spec and, where the cell has one to be replaced, a behaviour: made, not yet in place.

    `children` are the names of those that its `prepare_children` declared.
    """

    cell: ActorCell
    spec: ActorSpec
    outbox: Outbox
    behaviour: Actor | None = None
    handler: Handler | None = None
    children: frozenset[str] = frozenset()

    @property
    def address(self) -> Address:
        """Where it is to go."""
        return self.cell.address

    def recording(self) -> AbstractContextManager[None]:
        """Run more of the new behaviour's code: what it sends or begins waits for the swap."""
        return self.outbox.recording()

    def undeclared(self) -> frozenset[str]:
        """Name the children that the old behaviour declared and this one does not."""
        gone = self.cell.declared - self.children
        return gone if self.behaviour is not None else frozenset()

    def drop(self) -> None:
        """Let it never take its place, and its behaviour never act."""
        self.outbox.drop()
        if self.behaviour is not None:
            detach(self.behaviour)

    def check(self) -> None:
        """Raise `Busy` when the cell is not any more as it was when this was staged."""
        if _has_to_be_replaced(self.cell) != (self.behaviour is not None):
            raise Busy([self.cell.address], "it was started or stopped meanwhile")


def _has_to_be_replaced(cell: ActorCell) -> bool:
    """Tell whether the cell has an instance that stays; raises `Busy` while that changes."""
    if cell.state in ("starting", "running", "stopping"):
        raise Busy([cell.address], f"it is {cell.state}, somebody started it meanwhile")
    return cell.behaviour is not None and cell.state != "restarting"


def detach(behaviour: Actor) -> None:
    """Let an instance act no more as the actor, whatever its class says about attributes."""
    object.__setattr__(behaviour, "_detached", True)


def stage(cell: ActorCell, spec: ActorSpec, build: Build | None) -> Staged:
    """Make a new behaviour for `cell` without anybody noticing.

    It is bound to the cell, filled by `build` (by its ``__init__`` where that is None), gets what
    was `saved` as its class reads it, and declares its children in `prepare_children`, which must
    not wait for anything. Raises whatever these raise; then there is nothing to undo. Raises
    `Busy` for an actor that came up since the block was entered.
    """
    outbox = Outbox(cell.system)
    if not _has_to_be_replaced(cell):
        return Staged(cell, spec, outbox)  # its next start makes the instance
    try:
        with outbox.recording():
            behaviour = _make(cell, spec, build, recalls=True)
            handler = compose_handler(cell, behaviour, spec)
    except BaseException:
        outbox.drop()
        raise
    return Staged(cell, spec, outbox, behaviour, handler, outbox.declared_by(cell))


def rehearse(cell: ActorCell) -> Actor:
    """Return an instance as the present spec of `cell` makes it now; it can never act.

    What its code sends, sets or spawns is dropped. Raises whatever that raises.
    """
    outbox = Outbox(cell.system)
    try:
        with outbox.recording():
            behaviour = _make(cell, cell.spec, None, recalls=False)
    finally:
        outbox.drop()
    detach(behaviour)
    return behaviour


def _make(cell: ActorCell, spec: ActorSpec, build: Build | None, *, recalls: bool) -> Actor:
    behaviour = spec.cls.__new__(spec.cls)
    behaviour._cell = cell
    begin_saved(behaviour)
    if build is None:
        spec.cls.__init__(behaviour, **spec.kwargs)
    else:
        build(behaviour)
    if recalls:
        recall(cell, behaviour)
    if overrides(spec.cls, "prepare_children"):
        _run_at_once(behaviour)
    return behaviour


def _run_at_once(behaviour: Actor) -> None:
    coro = behaviour.prepare_children()
    try:
        coro.send(None)
    except StopIteration:
        return
    finally:
        coro.close()
    raise StartFailed(
        f"{behaviour.address}: prepare_children waits for something, which an exchange of a "
        "running actor cannot; open what takes time in on_start"
    )


Holder = Envelope | Timer | Waiter
"""What keeps a message that does not stand in line as it is."""


@dataclass(frozen=True, slots=True)
class MailPlan:
    """What waits at a cell as it is to be: the line, and what its holders hold instead."""

    line: deque[Any] | None
    held: tuple[tuple[Holder, Any], ...] = ()


def plan_mail(cell: ActorCell, remap: Remap | None, *, give_back: bool) -> MailPlan:
    """Return what is to wait after the exchange; raises what `remap` raises.

    `remap` is asked once about each message that waits. Those that failed under probation and
    are given back come first in line.
    """
    line: list[Any] = list(cell.inbox or ())
    aside = cell.probation.messages if give_back and cell.probation is not None else ()
    line = [*(one for one in aside if not isinstance(one, Parcel)), *line]
    if remap is None:
        return MailPlan(deque(line) or None)
    news = [message if isinstance(message, Envelope) else remap(message) for message in line]
    held = tuple((holder, remap(holder.message)) for holder in _holders(cell, aside))
    return MailPlan(deque(news) or None, held)


def _holders(cell: ActorCell, aside: Iterable[Any]) -> Iterator[Holder]:
    """Go through all that holds a message of its own: in line, in a timer, with a sender."""
    for message in (*aside, *(cell.inbox or ())):
        if isinstance(message, Envelope) and not (isinstance(message, Tick) or _is_read(message)):
            yield message
    for one in _elsewhere(cell):
        yield one.message if isinstance(one.message, Envelope) else one


def _elsewhere(cell: ActorCell) -> Iterator[Timer | Waiter]:
    yield from cell.timers  # a tick in line sends what its timer holds
    yield from cell.waiters


def _waiting(cell: ActorCell) -> Iterator[Any]:
    """Go through the messages that `plan_mail` may ask about."""
    aside = cell.probation.messages if cell.probation is not None else ()
    for message in (*aside, *(cell.inbox or ())):
        if not _is_read(message):
            yield unwrap(message)
    for one in _elsewhere(cell):
        if isinstance(one, Waiter) or one.tick is None:
            yield unwrap(one.message)


def _is_read(message: Any) -> bool:
    """Tell whether a message is read anew from what a durable box keeps when its turn comes."""
    return isinstance(message, Parcel) and message.is_stored


def put_in(staged: Staged, mail: MailPlan, generation: int | None) -> tuple[str, ...]:
    """Put the staged behaviour in the place of the old one; return the tasks that ended so.

    Cannot raise: all that can go wrong was done when it was staged.
    """
    cell = staged.cell
    ended: tuple[str, ...] = ()
    cell.take_spec(staged.spec)
    cell.inbox = mail.line
    for holder, message in mail.held:
        holder.message = message
    cell.generation = generation if generation is not None else cell.generation + 1
    if staged.behaviour is not None:
        if cell.behaviour is not None:
            detach(cell.behaviour)
        cell.behaviour = staged.behaviour
        cell.wrapped, cell.prepared = staged.handler, cell.incarnation
        cell.probation, cell.declared = Probation(cell), staged.children
        ended = begin_again(cell, staged.behaviour)
    cell.open_line()
    cell.admit_waiters()  # as far as the new capacity allows
    return ended
