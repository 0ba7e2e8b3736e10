"""What an actor is to be: the frozen descriptions from which cells are made."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, get_args

from .supervision import Backoff, Budget, Directive, OnError, RestartType, Strategy

if TYPE_CHECKING:
    from .actor import Actor
    from .address import Address

Overflow = Literal["reject", "wait", "drop_oldest", "drop_newest"]
OVERFLOWS, DIRECTIVES = get_args(Overflow), get_args(Directive)
RESTART_TYPES, STRATEGIES = get_args(RestartType), get_args(Strategy)


def _check(setting: str, value: object, words: tuple[str, ...]) -> None:
    if value not in words:
        raise ValueError(f"{setting}: got {value!r}, want {', '.join(words[:-1])} or {words[-1]}")


@dataclass(frozen=True, slots=True)
class MailboxSpec:
    """How an actor keeps its waiting mail.

    ===========  ==================  ================  =================  ====================
    overflow     ``await tell``      ``tell_nowait``   ``ask``            what is lost
    ===========  ==================  ================  =================  ====================
    reject       `MailboxFull`       `MailboxFull`     `MailboxFull`      the new message, and
                                                                          its sender knows
    wait         waits for room,     `MailboxFull`     waits for room     nothing silently
                 30 s at most                          within its time
    drop_oldest  accepted            accepted          accepted           what waits longest:
                                                                          letter ``dropped``
    drop_newest  returns             returns           `MailboxFull`      the new message:
                                                                          letter ``dropped``
    ===========  ==================  ================  =================  ====================

    Ticks of timers and notices take no room and are never dropped; nor is what is in hand.
    Mail is dropped in ``memory`` only; any other `kind` counts what is in hand as well.
    `options` are the further keys of such a kind: a mapping, or what somebody made of it.
    """

    kind: str = "memory"
    capacity: int = 10_000
    overflow: Overflow = "reject"
    options: Any = None

    def __post_init__(self) -> None:
        if not isinstance(self.capacity, int) or self.capacity < 1:
            raise ValueError(f"mailbox capacity: got {self.capacity!r}, want an integer >= 1")
        _check("mailbox overflow", self.overflow, OVERFLOWS)

    @classmethod
    def of(cls, **settings: Any) -> MailboxSpec:
        """Make it of a ``mailbox`` setting, in which the kind's own keys stand among the others."""
        own = {key: value for key, value in settings.items() if key not in MAILBOX_KEYS}
        ours = {key: settings[key] for key in MAILBOX_KEYS if key in settings}
        return cls(**ours, options=own or None)


MAILBOX_KEYS = ("kind", "capacity", "overflow")


# Defaults are frozen, and so one object is shared by all actors that state nothing else.
NO_KWARGS: Mapping[str, Any] = MappingProxyType({})
MEMORY, BUDGET, BACKOFF = MailboxSpec(), Budget(), Backoff()


@dataclass(frozen=True, slots=True, weakref_slot=True)
class ActorSpec:
    """An actor's class and settings, complete: nothing is looked up later.

    Times are seconds; a start may take for ever (``inf``). Made by `ActorSpec.of`, which knows
    where a setting may come from.
    """

    cls: type[Actor]
    kwargs: Mapping[str, Any] = field(default_factory=lambda: NO_KWARGS)
    options: Any = None
    max_tasks: int = 1
    mailbox: MailboxSpec = MEMORY
    on_error: OnError = "resume"
    restart: RestartType = "permanent"
    strategy: Strategy = "one_for_one"
    budget: Budget = BUDGET
    backoff: Backoff = BACKOFF
    start_timeout: float = 30.0
    stop_timeout: float = 5.0
    ask_timeout: float = 5.0

    def __post_init__(self) -> None:
        if not isinstance(self.max_tasks, int) or self.max_tasks < 1:
            raise ValueError(f"max_tasks: got {self.max_tasks!r}, want an integer >= 1")
        if self.max_tasks > 1 and getattr(self.cls, "saved_type", None) is not None:
            raise ValueError(f"max_tasks: got {self.max_tasks}, want 1 with a saved_type")
        for name in ("start_timeout", "stop_timeout", "ask_timeout"):
            seconds = getattr(self, name)
            number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
            endless = seconds == math.inf and name != "start_timeout"
            if not number or not seconds >= 0 or endless:
                raise ValueError(f"{name}: got {seconds!r}, want seconds >= 0")
        on_error = self.on_error
        for word in (on_error,) if isinstance(on_error, str) else on_error.values():
            _check("on_error", word, DIRECTIVES)
        _check("restart", self.restart, RESTART_TYPES)
        _check("strategy", self.strategy, STRATEGIES)

    @classmethod
    def of(
        cls,
        actor: type[Actor],
        *,
        kwargs: Mapping[str, Any] | None = None,
        options: Any = None,
        defaults: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> ActorSpec:
        """Merge the layers of settings, later wins: built-in, `defaults`, class, `settings`.

        A layer names any of `SETTINGS`; ``mailbox``, ``budget`` and ``backoff`` are mappings
        themselves and are merged key by key. Raises `ValueError` for a value out of range
        and `TypeError` for a setting that does not exist.
        """
        merged: dict[str, Any] = {}
        for layer in (defaults or {}, class_settings(actor), settings or {}):
            for key, value in layer.items():
                if key in TABLES:
                    merged[key] = _over(merged.get(key, {}), value or {})
                elif value is not None:
                    merged[key] = value
        for key, kind in TABLES.items():
            if key in merged:
                merged[key] = kind(**merged[key])
        return cls(actor, dict(kwargs) if kwargs else NO_KWARGS, options, **merged)


TABLES: dict[str, Callable[..., Any]] = {
    "mailbox": MailboxSpec.of,
    "budget": Budget,
    "backoff": Backoff,
}
"""The settings that are tables, and what is made of each."""

SETTINGS = frozenset(
    f.name for f in fields(ActorSpec) if f.name not in {"cls", "kwargs", "options"}
)
"""The names of an actor's settings: class attributes, `spawn` arguments and aplay.toml keys."""


def _over(before: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one table over another; with another kind of mailbox the keys of the old kind go."""
    kind = before.get("kind", MEMORY.kind)
    if later.get("kind", kind) != kind:
        before = {key: value for key, value in before.items() if key in MAILBOX_KEYS}
    return {**before, **later}


def class_settings(actor: type[Actor]) -> dict[str, Any]:
    """Return the settings that `actor` or a class it derives from states itself."""
    return {name: value for name in SETTINGS if (value := getattr(actor, name, None)) is not None}


@dataclass(frozen=True, slots=True)
class TreeNode:
    """One place in a planned tree: its actor, or the `fault` for which it has none.

    A node with a fault gets a cell all the same: it stands in state `failed` with that
    reason and keeps its mail, in a mailbox as `mailbox` says.
    """

    address: Address
    spec: ActorSpec | None = None
    fault: str | None = None
    mailbox: MailboxSpec = MEMORY


@dataclass(frozen=True, slots=True)
class TreePlan:
    """A whole tree to plant, parents before children, siblings in their order of start."""

    nodes: tuple[TreeNode, ...] = ()
