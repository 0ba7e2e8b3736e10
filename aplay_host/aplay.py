"""The names of aplay 0.3.0, for programs written for it: change the import lines to this module.

Its actors are the kernel's, with aplay's settings: 50 messages at once, senders wait for room,
and a start may take as long as it likes. `docs/aplay.md` says what differs, name by name.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping
from typing import Any, ClassVar

from .kernel import Actor as _Actor
from .kernel import KernelActor as _KernelActor
from .mailboxes import MailBox, QueueMailBox

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


def __getattr__(name: str) -> Any:
    if name == "RedisQueue":
        raise ImportError(
            "RedisQueue is not here yet: it comes with the Redis engine. Until then leave it out: "
            "an actor without a mailbox of its own keeps its mail in memory"
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
