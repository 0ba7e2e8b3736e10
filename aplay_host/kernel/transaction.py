"""What a handler tells in its turn: kept until it has ended, then committed at once, or dropped.

Only an actor with a ``saved_type`` whose mailbox commits turns has this; see `TurnMailbox`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any

from .errors import SavedUnreadable
from .mailbox import Handled, Parcel, TurnMailbox
from .outbox import send_late
from .status import Failure

if TYPE_CHECKING:
    from .actor import Actor
    from .address import Address
    from .cell import ActorCell
    from .system import ActorSystem


class Transaction:
    """One message's: the sends of its handler's own context, and what that leaves in `saved`.

    ======================  ============================================================
    the handler             then
    ======================  ============================================================
    returns                 what it left in `saved` and told to boxes of the same store
                            is committed with the end of its message; other sends, and
                            the reply, leave after the commit
    raises, or is cut off   its sends are dropped, and `saved` is what it was before
    ======================  ============================================================

    A task that outlives the handler tells directly. While one is open, `ActorSystem.diverted`
    sends every `tell` the slow way, which looks for it.
    """

    __slots__ = ("_after", "_behaviour", "_cell", "_sends", "_told", "is_open", "saved")

    def __init__(self, cell: ActorCell, behaviour: Actor) -> None:
        self._cell = cell
        self._behaviour = behaviour
        self._sends: list[tuple[Address, ActorCell | None, Any]] = []
        self._told: dict[ActorCell, int] = {}
        self._after: list[Callable[[Exception | None], object]] = []
        self.saved: Any = None
        self.is_open = True
        cell.system.divert(1)
        assert cell.box is not None
        cell.box.turn, cell.box.ended = self, None

    @property
    def system(self) -> ActorSystem:
        """The system whose sends it records."""
        return self._cell.system

    @property
    def box(self) -> TurnMailbox:
        """The actor's mailbox, which commits it."""
        line = self._cell.box
        assert line is not None
        assert line.turns is not None
        return line.turns

    def tell(self, address: Address, cell: ActorCell | None, message: Any) -> None:
        """Record a send to the cell that lives at `address`.

        Raises `MailboxFull` where there is no room now, and what the mailbox has against it.
        """
        if cell is not None and cell.accepts_mail:
            told = self._told.get(cell, 0)
            if cell.room <= told and cell.spec.mailbox.overflow in ("reject", "wait"):
                cell.count("rejected", "full")
                raise cell.full()
            if (box := self._box_beside(cell)) is not None:
                message = Parcel(message)
                box.draft(message)
            self._told[cell] = told + 1
        self._sends.append((address, cell, message))

    def _box_beside(self, cell: ActorCell) -> TurnMailbox | None:
        """Return the box of `cell` if it commits together with the actor's own."""
        box = cell.box.turns if cell.box is not None else None
        return box if box is not None and box.store is self.box.store else None

    def end(self) -> None:
        """Close it after a normal return; raises what keeps `saved` from being kept."""
        if self.is_open:
            self.saved = self.box.snapshot(self._behaviour.saved)
            self._close(ended=self)

    def drop(self) -> None:
        """Undo it, once: `saved` is decoded anew, and nothing was told."""
        if not self.is_open:
            return
        self._close(ended=None)
        self._sends.clear()
        try:
            recall(self._cell, self._behaviour)
        except Exception as error:  # nobody can go on with what the handler left of it
            self._cell.fail(error, None, "restart")

    def _close(self, ended: Transaction | None) -> None:
        self.is_open = False
        assert self._cell.box is not None
        self._cell.box.turn, self._cell.box.ended = None, ended
        self._cell.system.divert(-1)

    def then(self, call: Callable[[Exception | None], object]) -> None:
        """Call this after the commit, after all sends; or with why there never will be one."""
        self._after.append(call)

    def outcome(self) -> Handled:
        """Return what to settle the message with, now: the sends count at their targets.

        Until the commit the system is at work, if there is something to do then.
        """
        sends: list[tuple[TurnMailbox, Parcel]] = []
        later: list[Callable[[], object]] = []
        for address, cell, message in self._sends:
            line = cell.box if cell is not None and cell.accepts_mail else None
            if cell and line and line.turns and isinstance(message, Parcel):
                line.waiting += 1
                sends.append((line.turns, message))
                later.append(cell.wake)
            else:
                plain = message.message if isinstance(message, Parcel) else message
                later.append(partial(send_late, self.system, address, plain))
        if not (later or self._after):
            return Handled(self.saved)
        self.system.active += 1
        return Handled(self.saved, tuple(sends), partial(self._go_on, later))

    def _go_on(self, sends: list[Callable[[], object]], error: Exception | None) -> None:
        if error is None:  # else nothing was told, as after an error of the handler
            for send in sends:
                send()
        for call in self._after:
            call(error)
        self.system.end_activation()


TRANSACTION: ContextVar[Transaction | None] = ContextVar(
    "aplay_host.kernel.transaction", default=None
)
"""The transaction in whose handler the code of this context was begun."""


def begin_saved(behaviour: Actor) -> None:
    """Set `saved` of an actor that has one to what it is at first; raises what making it raises."""
    kind = type(behaviour).saved_type
    if kind is not None:
        behaviour.saved = kind()


def keeps_saved(behaviour: Actor) -> bool:
    """Tell whether the mailbox of an actor keeps what is in its `saved`."""
    cell = behaviour._cell
    has_box = cell is not None and cell.box is not None and cell.box.turns is not None
    return has_box and type(behaviour).saved_type is not None


def recall(cell: ActorCell, behaviour: Actor) -> None:
    """Set `saved` of an actor whose box keeps it; raises `SavedUnreadable`."""
    kind = type(behaviour).saved_type
    if kind is None or cell.box is None or cell.box.turns is None:
        return
    try:
        behaviour.saved = cell.box.turns.recall(kind)
    except Exception as error:
        why = Failure.of(error, 0.0).line()
        raise SavedUnreadable(cell.address, kind, why) from error
