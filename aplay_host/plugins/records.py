"""What the host and its plugins hand each other: frozen records, never live objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from ..kernel import Actor, MakeMailbox
    from ..kernel.composing import Wrap
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
class MailboxRegistration:
    """One more `kind` of mailbox, for the key ``kind`` of a ``mailbox`` table in aplay.toml.

    `factory` makes the mailbox of one actor, and opens nothing yet: it is called in the actor's
    first start. `survives` says in a word which fault the mail in it survives, such as
    ``nothing`` or ``crash``. `options` is the model for the keys that the table has beside
    ``kind capacity overflow``; ``spec.options`` is an instance of it. None when there are none.
    """

    kind: str
    factory: MakeMailbox
    survives: str
    options: type | None = None


@dataclass(frozen=True, slots=True)
class Interceptor:
    """Something around the handler of one actor; `wrap` is called once, when it starts.

    `wrap` gets the next handler and returns an ``async def (msg)`` that awaits it. What that
    raises is the actor's failure; a message for which it does not call the next handler
    counts as handled.
    """

    name: str
    wrap: Wrap


@dataclass(frozen=True, slots=True)
class Health:
    """How one thing is that a plugin looks after.

    ======  ========  =====================
    status  critical  the host is
    ======  ========  =====================
    ok      any       as it is without this
    warn    any       as it is without this
    fail    no        degraded, yet ready
    fail    yes       not ready
    ======  ========  =====================
    """

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str = ""
    critical: bool = False


@dataclass(frozen=True, slots=True)
class Veto:
    """Why a reload must not happen now; people read `reason`."""

    reason: str


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
    """A hook that failed: `plugin` is the ``dist/name`` of its owner.

    `count` is how many times this hook of this plugin has failed so far.
    """

    plugin: str
    hook: str
    failure: Failure
    count: int = 1
