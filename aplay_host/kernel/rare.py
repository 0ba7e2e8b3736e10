"""What a cell needs now and then: a hook, owned tasks, senders that wait, a restart."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .renewal import Renewal
    from .status import Failure

HISTORY = 10
"""How many of its newest errors an actor keeps."""


class Waiter:
    """A sender that waits for room in a full mailbox, with the message it brings."""

    __slots__ = ("message", "room")

    def __init__(self, message: Any, room: asyncio.Future[None]) -> None:
        self.message = message
        self.room = room


class Rare:
    """The parts of a cell that most actors never need, made on first use."""

    __slots__ = (
        "attempt",
        "history",
        "hook",
        "hook_cut",
        "late_replies",
        "reason",
        "renewal",
        "stamps",
        "steering",
        "tasks",
        "waiters",
        "with_parent",
    )

    def __init__(self) -> None:
        self.attempt: asyncio.Future[bool] | None = None
        self.history: deque[Failure] = deque(maxlen=HISTORY)
        self.hook: asyncio.Task[Any] | None = None
        self.hook_cut = False
        self.late_replies = 0
        self.reason = "removed"
        self.renewal: Renewal | None = None
        self.stamps: tuple[float, ...] = ()
        self.steering: asyncio.Task[None] | None = None
        self.tasks: set[asyncio.Task[Any]] = set()
        self.waiters: deque[Waiter] = deque()
        self.with_parent = False
