"""How an actor gets the mailbox in its `box`: made by a plan or a start, then opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .boxline import BoxLine, text_of
from .mailbox import Mailbox, MakeMailbox
from .spec import MEMORY
from .watch import Notice

if TYPE_CHECKING:
    from .address import Address
    from .cell import ActorCell
    from .spec import MailboxSpec

EARLY = ("new", "starting", "restarting")
METHODS = ("open", "put", "demand", "begin", "settle", "depth", "close")


def in_memory(address: Address, spec: MailboxSpec) -> None:
    """Make no box, which is what a mailbox in memory is.

    Raises `ValueError` for any other kind, and `TypeError` for options, since it has none.
    """
    if spec.kind != MEMORY.kind:
        cure = "other kinds are made by what is given as ActorSystem(mailboxes=...)"
        raise ValueError(
            f'mailbox kind of {address}: got "{spec.kind}", want "{MEMORY.kind}"; {cure}'
        )
    if spec.options:
        raise TypeError(f"mailbox of {address}: unknown key {next(iter(spec.options))!r}")


def offer(cell: ActorCell, make: MakeMailbox) -> None:
    """Take a mailbox of the actor's own for the start that is under way, or the first one.

    It is used in place of the settings' kind. Ignored once the cell has a box, and while its
    actor runs. Raises `TypeError` for what makes no mailbox.
    """
    if cell.box is None and cell.state in EARLY and cell.system.outbox is None:
        cell.offered = _made(cell, make, f"_mailbox of {cell.address}")


def place(cell: ActorCell) -> bool:
    """Make the mailbox of the settings' kind, where none is due; tell whether there is one.

    One that is durable is the cell's from now on, with what waits already. Raises what making it
    raises.
    """
    if cell.box is None and cell.offered is None:
        kind = f'mailbox kind "{cell.spec.mailbox.kind}" of {cell.address}'
        made = _made(cell, cell.system.make_mailbox, kind)
        if made is None:
            return False
        cell.offered = made
    if cell.offered is not None and getattr(cell.offered, "durable", False):
        offered, cell.offered = cell.offered, None
        _line_for(cell, offered)
    return cell.box is not None or cell.offered is not None


def needs_box(cell: ActorCell) -> bool:
    """Tell whether the next start opens a mailbox; raises what making it raises."""
    return place(cell) and (cell.box is None or not cell.box.is_open)


async def install(cell: ActorCell) -> None:
    """Open the mailbox that is due, if one is, and put into it what waits already, in order.

    Raises what opening it raises; then the cell keeps its mail in memory, or in that box where
    it is durable, for the next start to open.
    """
    if not needs_box(cell):
        return
    offered, cell.offered = cell.offered, None
    line = cell.box or _line_for(cell, offered)
    async with line.opening:
        if not line.is_open:
            line.waiting += await line.box.open(line)
            line.is_open = True
    if cell.box is None:
        _take(cell, line)


def _line_for(cell: ActorCell, box: Mailbox | None) -> BoxLine:
    """Return the line of a new box, which is the cell's at once where it is durable."""
    assert box is not None
    line = BoxLine(cell, box)
    if line.durable:
        _take(cell, line)
    return line


def _take(cell: ActorCell, line: BoxLine) -> None:
    """Give the cell its box, and the box what waits."""
    waiting = cell.take_all()
    cell.box = line
    cell.open_line()
    for message in waiting:
        if isinstance(message, Notice):
            cell.line_up(message)
        else:
            _move(cell, line, message)
    cell.admit_waiters()


def _move(cell: ActorCell, line: BoxLine, message: object) -> None:
    try:
        line.put(message)
    except Exception as error:
        cell.bury((message,), "store_failed", text_of(error))


def _made(cell: ActorCell, make: MakeMailbox, what: str) -> Mailbox | None:
    """Make the mailbox and see that it is one, and that its actor drops no mail."""
    if not callable(make):
        raise TypeError(f"{what}: got {make!r}, want a MailBox, or what makes a Mailbox")
    made = make(cell.address, cell.spec.mailbox)
    if made is None:
        return None
    if missing := [name for name in METHODS if not callable(getattr(made, name, None))]:
        raise TypeError(f"{what}: {make!r} made {made!r}, which has no {missing[0]}()")
    if cell.spec.mailbox.overflow not in ("reject", "wait"):
        raise ValueError(
            f"{what}: overflow {cell.spec.mailbox.overflow} is for mail in memory only; with "
            "another mailbox it is reject or wait"
        )
    return made
