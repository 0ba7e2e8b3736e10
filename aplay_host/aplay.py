"""The names of aplay 0.3.0, for programs written for it: change the import lines to this module.

Its actors are the kernel's, with aplay's settings: 50 messages at once, senders wait for room,
and a start may take as long as it likes. `docs/aplay.md` says what differs, name by name.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar

from .kernel import Actor as _Actor
from .kernel import KernelActor as _KernelActor

__all__ = [
    "ACTOR_INIT",
    "ACTOR_RUNNING",
    "ACTOR_STARTED",
    "ACTOR_STOPPED",
    "Actor",
    "KernelActor",
    "MailBox",
    "QueueMailBox",
    "actor_logger",
]

ACTOR_STARTED = "started"
ACTOR_STOPPED = "stopped"
ACTOR_RUNNING = "running"
ACTOR_INIT = "init"

actor_logger = logging.getLogger("aplay_host.kernel")


class Actor(_Actor):
    """An actor with aplay's settings; ``__init__`` takes any names and ignores them."""

    max_tasks: ClassVar[int] = 50
    mailbox: ClassVar[Mapping[str, Any]] = {"overflow": "wait"}
    start_timeout: ClassVar[float] = math.inf

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Accept what programs hand over; the cell knows it all."""


class KernelActor(_KernelActor, Actor):
    """The root of a program, with aplay's settings; see `aplay_host.kernel.KernelActor`."""

    def __init__(
        self,
        name: str | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
        *args: object,
        **kwargs: object,
    ) -> None:
        """Take name and loop, and ignore any further names."""
        super().__init__(name or "kernel", loop)


class MailBox:
    """What a mailbox of one's own derives from; it has to have all of these but `policy`.

    Set one as `_mailbox` in ``__init__`` or `prepare_mailbox`. No two of its methods ever run
    at once, and `get` is called only after `empty` has said no.
    """

    def __init__(self, *args: object, name: str | None = None, **kwargs: object) -> None:
        self._name = name
        self._ready = False

    async def ready(self) -> bool:
        """Tell whether `prepare` has done its work."""
        return self._ready

    async def prepare(self) -> None:
        """Open what is needed; called once, before all others."""
        raise NotImplementedError

    async def put(self, msg: Any = None) -> None:
        """Keep a message."""
        raise NotImplementedError

    async def size(self) -> int:
        """Return how many messages are kept."""
        raise NotImplementedError

    async def empty(self) -> bool:
        """Tell whether none is kept."""
        raise NotImplementedError

    async def get(self) -> Any:
        """Give away the next message."""
        raise NotImplementedError

    async def policy(self) -> bool:
        """Tell whether one more message is to be kept."""
        return True


class QueueMailBox(MailBox):
    """Keeps messages in memory, first in, first out, as far as its `policy` allows."""

    def __init__(self, *args: object, name: str | None = None, **kwargs: object) -> None:
        super().__init__(*args, name=name, **kwargs)
        self._queue: deque[Any] = deque()

    async def prepare(self) -> None:
        """Do nothing but note it: memory is there."""
        self._ready = True

    async def put(self, msg: Any = None) -> None:
        """Keep a message, unless `policy` says no; then it is gone."""
        if await self.policy():
            self._queue.append(msg)

    async def size(self) -> int:
        """Return how many messages are kept."""
        return len(self._queue)

    async def empty(self) -> bool:
        """Tell whether none is kept."""
        return not self._queue

    async def get(self) -> Any:
        """Give away the oldest message; raises `IndexError` where there is none."""
        return self._queue.popleft()


def __getattr__(name: str) -> Any:
    if name == "RedisQueue":
        raise ImportError(
            "RedisQueue is not here yet: it comes with the Redis engine. Until then leave it out: "
            "an actor without a mailbox of its own keeps its mail in memory"
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
