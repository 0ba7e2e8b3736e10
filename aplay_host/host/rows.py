"""Statuses of the kernel as the rows that people and programs read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from ..control import (
    ActorRow,
    CounterRow,
    ErrorRow,
    MailboxRow,
    TreeRow,
    rfc3339,
)
from ..kernel import ActorStatus, Failure
from .origin import Origin

WallClock = Callable[[float], datetime]
"""Turns a time of the loop into a date."""


def actor_row(status: ActorStatus, origin: Origin, required: bool, wall: WallClock) -> ActorRow:
    """Return the row of one actor."""
    return ActorRow(
        address=status.address,
        type=origin.type,
        plugin=origin.plugin,
        state=status.state,
        held=status.held,
        required=required,
        generation=status.generation,
        since=rfc3339(wall(status.since)),
        restarts=status.restarts,
        pending=status.pending,
        in_hand=status.in_hand,
        mailbox=MailboxRow(
            status.spec.mailbox.kind, status.spec.mailbox.capacity, round(status.oldest_s, 3)
        ),
        counters=CounterRow(status.accepted, status.handled, status.failed, status.dead),
        last_error=None if status.last_error is None else error_row(status.last_error, wall),
        children=tuple(status.children),
    )


def error_row(error: Failure, wall: WallClock) -> ErrorRow:
    """Return the row of one error."""
    return ErrorRow(error.type, error.text, error.where, rfc3339(wall(error.at)))


def tree_row(row: ActorRow, children: Iterable[TreeRow]) -> TreeRow:
    """Return one actor of a tree, with `children` below it."""
    return TreeRow(row.address, row.state, row.held, row.type, row.pending, children)
