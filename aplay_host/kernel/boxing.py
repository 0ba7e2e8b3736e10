"""Putting a mailbox into a cell, in the first start of its actor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .boxline import BoxLine
from .errors import MailboxFull
from .mailbox import Parcel
from .objectmailbox import ObjectMailbox
from .watch import Notice

if TYPE_CHECKING:
    from .cell import ActorCell

EARLY = ("new", "starting", "restarting")


def offer(cell: ActorCell, kept: Any) -> None:
    """Take a mailbox object for the start that is under way, or the first one.

    Ignored once the cell has a box, and while its actor runs. Raises `TypeError` for what is no
    mailbox.
    """
    if cell.box is None and cell.state in EARLY and cell.system.outbox is None:
        spec = cell.spec.mailbox
        cell.offered = ObjectMailbox(kept, cell.address, spec, lambda: _slots(cell))


def _slots(cell: ActorCell) -> int:
    return cell.spec.max_tasks if cell.is_handling and cell.wanted == "up" else 0


async def install(cell: ActorCell) -> None:
    """Open the mailbox that was offered, if any, and put into it what waits already, in order.

    Raises what opening it raises; then the cell keeps its mail in memory.
    """
    offered, cell.offered = cell.offered, None
    if offered is None:
        return
    line = BoxLine(cell, offered)
    line.waiting = await offered.open(line)
    waiting = cell.take_all()
    cell.box = line
    cell.open_line()
    for message in waiting:
        if isinstance(message, Notice):
            cell.line_up(message)
        else:
            _move(cell, line, message)
    cell.admit_waiters()


def _move(cell: ActorCell, line: BoxLine, message: Any) -> None:
    try:
        line.put(Parcel(message))
    except MailboxFull:
        cell.bury((message,), "full")
