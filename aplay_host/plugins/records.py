"""What the host and its plugins hand each other: frozen records, never live objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ..kernel import Actor
    from .failure import Failure


@dataclass(frozen=True, slots=True)
class HostInfo:
    """The host as its plugins see it.

    `reload` tells whether it looks for changed code, `safe` whether it keeps guests out.
    """

    name: str
    version: str
    state_dir: Path
    reload: bool = False
    safe: bool = False


@dataclass(frozen=True, slots=True)
class ActorRegistration:
    """One more actor that a plugin offers, under the identity ``dist/name``.

    `actor` is a class derived from `aplay_host.Actor`, or ``"package.module:Class"``, which
    is imported when an actor needs it. `summary` is one line for people.
    """

    name: str
    actor: type[Actor] | str
    summary: str = ""


@dataclass(frozen=True, slots=True)
class ActorFailure:
    """What an actor's code raised, as text.

    `error` is the exception's class, `place` a ``file:line``. `message_type` is the class of
    the message in hand, None when a start or a task of the actor's own failed. `count` is
    how many times this actor has failed so far.
    """

    error: str
    message: str
    place: str
    traceback: str
    message_type: str | None
    count: int


@dataclass(frozen=True, slots=True)
class HookFailure:
    """A hook that failed: `plugin` is the ``dist/name`` of its owner."""

    plugin: str
    hook: str
    failure: Failure
