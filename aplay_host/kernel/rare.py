"""What a cell needs now and then: a hook, owned tasks, senders that wait, a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .address import Address
    from .boxline import BoxLine
    from .cell import ActorCell
    from .composing import Handler
    from .lifecycle import Renewal, Wanted
    from .mailbox import Mailbox
    from .owned import Call
    from .probation import Probation
    from .request import Request
    from .status import Failure
    from .turn import Turn
    from .watch import Watch


HISTORY = 10
"""How many of its newest errors an actor keeps."""


class Waiter:
    """A sender that waits for room in a full mailbox, with the message it brings.

    `room` ends when that is in line, with what ends when it is kept, if that is another thing.

    `turn` is the message in hand on whose behalf it sends, None when there is none.
    """

    __slots__ = ("message", "room", "turn")

    def __init__(
        self, message: Any, turn: Turn | None, room: asyncio.Future[Awaitable[None] | None]
    ) -> None:
        self.message = message
        self.turn = turn
        self.room = room

    @property
    def is_waiting(self) -> bool:
        """Tell whether there was no room yet."""
        return not self.room.done()


class Rare:
    """The parts of a cell that most actors never need.

    Each stands here as it is for those, once for all of them; a cell has room for its own only
    from when one is set, or asked for, on it.
    """

    __slots__ = ("__dict__",)

    wanted: Wanted = "up"
    held = False
    children: dict[str, ActorCell] | None = None
    # Whether a tree plan named it; such a child stays when its parent does not make it again.
    planned = False

    # ---- mail ----------------------------------------------------------------------------

    failed = dead = late_replies = 0
    # What happens seldom, by what it is and why; see `ActorStatus.counts`.
    counts: Mapping[tuple[str, str], int] = MappingProxyType({})
    # A mailbox that feeds the line; None for mail that is in memory only.
    box: BoxLine | None = None
    # A mailbox that the next start puts into the cell.
    offered: Mailbox | None = None
    # How many of the messages in line stand there in an envelope, and how many take no room.
    enclosed = exempt = 0
    waiters: tuple[Waiter, ...] = ()
    # Who waits for a message that enters the empty line, or for the end of a hand.
    changes: tuple[asyncio.Future[None], ...] = ()

    # ---- the behaviour -------------------------------------------------------------------

    # What is called for each message where that is not the behaviour's own handler.
    wrapped: Handler | None = None
    hook: asyncio.Task[Any] | None = None
    hook_name = ""
    hook_cut = False
    # The incarnation for which `prepare_children` and `prepare_mailbox` ran last, and the names
    # of the children that the first of them made.
    prepared = 0
    declared: frozenset[str] = frozenset()

    # ---- life ----------------------------------------------------------------------------

    # The task that is bringing the cell where it is wanted, if there are steps to take.
    steering: asyncio.Task[None] | None = None
    # The end of the start that is under way, for those who wait for it.
    attempt: asyncio.Future[bool] | None = None
    # The exchange of the instance that is under way, if one is.
    renewal: Renewal | None = None
    # Why it stops, as `on_stop` is told.
    reason = "removed"
    # Its newest failures, the oldest first, and the times of the restarts that count.
    history: tuple[Failure, ...] = ()
    stamps: tuple[float, ...] = ()
    # Whether it is failed because one above it is.
    with_parent = False

    def count(self, what: str, why: str) -> None:
        """Count something that happens seldom."""
        self.counts = {**self.counts, (what, why): self.counts.get((what, why), 0) + 1}

    @property
    def last_error(self) -> Failure | None:
        """The newest failure of a message, a start or an owned task."""
        return self.history[-1] if self.history else None

    def remember(self, failure: Failure) -> None:
        """Keep `failure` as the newest one."""
        self.history = (*self.history, failure)[-HISTORY:]

    # ---- exchanges -----------------------------------------------------------------------

    # The number of the generation whose code the actor runs.
    generation = 1
    # The trial that an exchanged behaviour is on, if it is.
    probation: Probation | None = None
    # What came while the gate was closed and has its effect when that opens.
    deferred: tuple[Callable[[], object], ...] = ()
    # What messages in hand wait for that an exchange waits for; it passes the closed gate.
    passing: tuple[Request | Waiter, ...] = ()

    @cached_property
    def tasks(self) -> set[asyncio.Task[Any]]:
        """The tasks that the behaviour began and that end with it."""
        return set()

    @cached_property
    def calls(self) -> dict[asyncio.Task[Any], Call]:
        """How those of the tasks that a start hook began were begun."""
        return {}

    @cached_property
    def watchers(self) -> dict[Watch, None]:
        """Who is told when the cell is removed."""
        return {}

    @cached_property
    def watching(self) -> dict[Address, Watch]:
        """Of whose removal the behaviour is told."""
        return {}
