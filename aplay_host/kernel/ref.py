"""The handle through which everybody reaches an actor."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from . import lifecycle
from .errors import ActorStopped, NotBound
from .handoff import SUSPENDED, running_task
from .op import Op
from .request import Request
from .transaction import TRANSACTION
from .turn import CURRENT, check_cycle

if TYPE_CHECKING:
    from .address import Address
    from .cell import ActorCell
    from .status import ActorStatus, State
    from .system import ActorSystem


class ActorRef:
    """A handle on an address: it follows whoever lives there, through stops and restarts.

    Two refs are equal when they name the same address of the same system. A ref to an
    address without an actor is of use too: what is told to it becomes a dead letter.
    """

    __slots__ = ("_cell", "address", "system")

    def __init__(self, system: ActorSystem, address: Address, cell: ActorCell) -> None:
        self.system = system
        self.address = address
        self._cell = cell

    # ---- mail ----------------------------------------------------------------------------

    def tell_nowait(self, message: Any) -> None:
        """Give `message` a place in line without waiting; raises `MailboxFull`."""
        cell = self._cell
        inbox = cell.inbox
        if inbox is not None and len(inbox) < cell.limit and self.system.diverted is None:
            inbox.append(message)
        elif (living := self._receiver(message)) is not None:
            living.admit(message)

    async def tell(self, message: Any) -> None:
        """Give `message` a place in line, waiting for room where the overflow rule says so.

        Returns when the message is accepted, not when it is handled. Raises `MailboxFull`
        when the rule is ``reject``, or after 30 s of waiting.
        """
        cell = self._cell
        inbox = cell.inbox
        if inbox is not None and len(inbox) < cell.limit and self.system.diverted is None:
            inbox.append(message)
        elif (living := self._receiver(message)) is not None:
            await living.admit_in_turn(message)

    def _receiver(self, message: Any) -> ActorCell | None:
        """Return the cell that gets `message`; None when it has been seen to."""
        system = self.system
        if system.outbox is not None:
            system.outbox.tell(self.address, message)
            return None
        receiver = self._living() or system.registry.receiver(self.address)
        turn = TRANSACTION.get() if system.diverted else None
        if turn is not None and turn.is_open and turn.system is system:
            turn.tell(self.address, receiver, message)
            return None
        if receiver is None:
            system.registry.lose(self.address, message)
        return receiver

    async def ask(self, message: Any, timeout: float | None = None) -> Any:
        """Send `message` and return what its handler returns, within `timeout` seconds.

        Without one the time is the target's `ask_timeout`, 5 s where it states none; inside a
        handler it is never longer than what the message in hand has left. Raises the handler's
        own exception with a note on where it comes from, `AskTimeout` when time runs out (a
        request that has not begun by then is not run), `AskCycle` when the actor itself waits
        for who asks, `MailboxFull`, and `ActorStopped` at once when the actor cannot answer.
        """
        if self.system.outbox is not None:
            raise NotBound(f"cannot ask {self.address} while an actor is only being built")
        cell = self._cell
        try:
            drivers = self.system.drivers
        except AttributeError:
            raise NotBound(
                f"cannot ask {self.address} before its system runs; ask within 'async with "
                "ActorSystem(...)', or tell it instead: that waits for the start"
            ) from None
        asker, turn, now = running_task(drivers.loop), CURRENT.get(), self.system.clock()
        deadline = now + (cell.spec.ask_timeout if timeout is None else timeout)
        if turn is not None:
            if turn.is_held_by(asker):
                deadline = min(deadline, turn.deadline)
            else:
                turn = None
        request = Request(cell, message, turn, now, deadline)
        if cell.direct and not cell.hands and cell.inbox is None and asker and deadline > now:
            driver = drivers.lend(now)
            if driver is not None:
                result = driver.begin(request, asker)
                return result if result is not SUSPENDED else await self._reply_to(request)
        return await self._ask_in_line(request)

    async def _ask_in_line(self, request: Request) -> Any:
        cell = self._answering()
        request.cell = cell
        check_cycle(cell, request.parent)
        if request.deadline <= request.asked:
            raise request.timed_out()
        reply = request.make_reply(self.system.loop)
        try:
            await cell.admit_in_turn(request, request.deadline - request.asked)
        except BaseException:
            reply.cancel()
            raise
        return await self._reply_to(request)

    async def _reply_to(self, request: Request) -> Any:
        assert request.reply is not None
        self.system.deadlines.add(request)
        try:
            return await request.reply
        finally:
            self.system.deadlines.discard(request)

    def _answering(self) -> ActorCell:
        cell = self._living()
        if cell is None:
            raise ActorStopped(self.address, "no actor lives there")
        if cell.state in ("stopping", "stopped", "failed"):
            raise ActorStopped(self.address, f"it is {cell.state}")
        return cell

    # ---- lifecycle: each acts at once and returns an awaitable for its end ----------------

    def start(self) -> Op:
        """Start the actor; awaiting it raises `StartFailed` when the actor does not run."""
        return self._do(lifecycle.start, self._needed())

    def human_start(self) -> Op:
        """End a person's hold and start the actor."""
        return self._do(lifecycle.human_start, self._needed())

    def stop(self) -> Op:
        """Hold the actor: it keeps its address, state and mail, and begins no message."""
        return self._do(lifecycle.stop, self._living() or self._cell)

    def restart(self) -> Op:
        """Give the actor a new instance, at once and uncounted; it keeps address and mail."""
        return self._do(lifecycle.restart, self._needed())

    def remove(self) -> Op:
        """End the actor and its children; its waiting mail becomes dead letters."""
        return self._do(lifecycle.remove, self._living() or self._cell)

    def _do(self, verb: Callable[[ActorCell], Op], cell: ActorCell) -> Op:
        """Call `verb` now, or when the behaviour that is being built takes its place."""
        if self.system.outbox is None:
            return verb(cell)
        self.system.outbox.record(partial(verb, cell))
        return Op(cell)

    # ---- looking -------------------------------------------------------------------------

    def status(self) -> ActorStatus:
        """Return the actor as it is now; raises `ActorStopped` where none lives."""
        return self._needed().status()

    @property
    def name(self) -> str:
        """The last segment of the address."""
        return self.address.name

    @property
    def state(self) -> State:
        """The actor's state; ``removed`` where none lives."""
        cell = self._living()
        return "removed" if cell is None else cell.visible_state

    @property
    def held(self) -> bool:
        """Tell whether a person stopped the actor."""
        cell = self._living()
        return cell is not None and cell.held

    def _living(self) -> ActorCell | None:
        """Return the cell at the address; a removed one gives way to whoever came after it."""
        if self._cell.state == "removed":
            self._cell = self.system.cell_at(self.address) or self._cell
        return None if self._cell.state == "removed" else self._cell

    def _needed(self) -> ActorCell:
        cell = self._living()
        if cell is None:
            raise ActorStopped(self.address, "no actor lives there")
        return cell

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ActorRef):
            return NotImplemented
        return self.address == other.address and self.system is other.system

    def __hash__(self) -> int:
        return hash(self.address)

    def __repr__(self) -> str:
        return f"<ActorRef {self.address} {self.state}>"
