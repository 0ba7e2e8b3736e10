"""What a cell needs now and then: a hook, owned tasks, senders that wait, a restart."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .address import Address
    from .composing import Handler
    from .exchange import Call
    from .objectmailbox import ObjectMailbox
    from .probation import Probation
    from .renewal import Renewal
    from .request import Request
    from .status import Failure
    from .timers import Timers
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
    """The parts of a cell that most actors never need, made on first use."""

    __slots__ = (
        "arrivals",
        "attempt",
        "calls",
        "declared",
        "deferred",
        "due",
        "exempt",
        "generation",
        "handler",
        "history",
        "hook",
        "hook_cut",
        "hook_name",
        "late_replies",
        "offered",
        "prepared",
        "probation",
        "reason",
        "renewal",
        "stamps",
        "steering",
        "tasks",
        "timers",
        "waiters",
        "watchers",
        "watching",
        "with_parent",
    )

    def __init__(self) -> None:
        # Who waits for the next message that enters an empty line.
        self.arrivals: list[asyncio.Future[None]] = []
        self.attempt: asyncio.Future[bool] | None = None
        # How the tasks that `prepare_mailbox` or `on_start` began were begun.
        self.calls: dict[asyncio.Task[Any], Call] = {}
        # The names of the children that `prepare_children` made.
        self.declared: frozenset[str] = frozenset()
        # What came while the gate was closed and has its effect when that opens.
        self.deferred: list[Callable[[], object]] = []
        # What messages in hand wait for that an exchange waits for; it passes the closed gate.
        self.due: list[Request | Waiter] = []
        self.generation = 1
        self.probation: Probation | None = None
        # How many of the messages in line take no room there.
        self.exempt = 0
        # What is called for each message where that is not the behaviour's own handler.
        self.handler: Handler | None = None
        self.history: deque[Failure] = deque(maxlen=HISTORY)
        self.hook: asyncio.Task[Any] | None = None
        self.hook_cut = False
        self.hook_name = ""
        self.late_replies = 0
        # A mailbox of the actor's own that the next start puts into the cell.
        self.offered: ObjectMailbox | None = None
        self.reason = "removed"
        self.renewal: Renewal | None = None
        self.stamps: tuple[float, ...] = ()
        self.steering: asyncio.Task[None] | None = None
        # The incarnation for which `prepare_children` and `prepare_mailbox` ran last.
        self.prepared = 0
        self.tasks: set[asyncio.Task[Any]] = set()
        self.timers: Timers | None = None
        self.waiters: deque[Waiter] = deque()
        self.with_parent = False
        self.watchers: dict[Watch, None] = {}
        self.watching: dict[Address, Watch] = {}
