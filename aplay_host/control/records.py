"""What the control API answers with: each dataclass is the JSON object of its fields."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class HostRecord:
    """The running host; `state` is ``starting``, ``running`` or ``stopping``.

    `pending_restart` are keys of aplay.toml that count from the next start, and `banner` is the
    line of a reload that failed while what is on disk does not run.
    """

    name: str
    id: str
    boot: str
    pid: int
    version: str
    state: str
    generation: int
    config: str
    pending_restart: tuple[str, ...] = ()
    banner: str | None = None


@dataclass(frozen=True, slots=True)
class MailboxRow:
    """How an actor keeps its mail; `oldest_s` is how long the oldest message has waited.

    In memory that is the time since none waited, an upper bound; 0 while none does.
    """

    kind: str
    capacity: int
    oldest_s: float = 0.0


@dataclass(frozen=True, slots=True)
class CounterRow:
    """What became of the messages that an actor accepted."""

    accepted: int
    handled: int
    failed: int
    dead: int


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """An actor's newest error; `where` is ``file:line in function``, `at` RFC 3339."""

    type: str
    text: str
    where: str
    at: str


@dataclass(frozen=True, slots=True)
class ActorRow:
    """One actor; ``accepted = handled + failed + dead + pending + in_hand`` over its numbers.

    `type` is ``dist/name``, ``module:Class`` or ``group``; `plugin` the distribution it comes
    from, if any; `since` the RFC 3339 time at which `state` was entered.
    """

    address: str
    type: str
    plugin: str | None
    state: str
    held: bool
    required: bool
    generation: int
    since: str
    restarts: int
    pending: int
    in_hand: int
    mailbox: MailboxRow
    counters: CounterRow
    last_error: ErrorRow | None
    children: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Why:
    """One reason for an actor's being as it is; `next` is a command that helps, if one does.

    `rule` is a stable word for programs. `text` is a sentence whose subject is the actor, which
    it does not name: ``was stopped by a person at 12:03; 12 messages are kept``.
    """

    rule: str
    text: str
    next: str | None = None


@dataclass(frozen=True, slots=True)
class OptionRow:
    """One value that an actor's options have; `key` is dotted, a secret is shown as stars.

    `source` is ``file:line:column`` in aplay.toml, ``default`` or ``code``.
    """

    key: str
    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class SourceRow:
    """Where a class is written; `hash` is that of the source that runs, where it is known."""

    file: str
    line: int | None
    hash: str | None = None


@dataclass(frozen=True, slots=True)
class InHandRow:
    """A message that a handler has begun; `where` is ``file:line in function``."""

    message_type: str
    for_s: float
    where: str


@dataclass(frozen=True, slots=True)
class TimerRow:
    """A timer of an actor: its next message comes in `in_s` seconds, then each `every_s`."""

    key: str
    message_type: str
    in_s: float | None
    every_s: float | None


@dataclass(frozen=True, slots=True)
class RestartRow:
    """A start that is due in `in_s` seconds: `counted` of the `most` that the budget allows."""

    counted: int
    most: int
    in_s: float


@dataclass(frozen=True, slots=True)
class RetryRow:
    """A message that failed and is handed out again in `in_s` seconds.

    `postponed` counts it and those that may not pass it. It is to be try `attempt` of `most`,
    where its mailbox counts them.
    """

    in_s: float
    postponed: int = 1
    attempt: int | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True)
class ActorDetail(ActorRow):
    """All that can be told of one actor; the first of `why` is the one to read first.

    `source` is None when it is unknown, `restart_history` has the newest errors in their order,
    and `next_restart` is None but for an actor that waits out a back-off. `retry` is None unless
    a message waits for another try.
    """

    why: tuple[Why, ...]
    options: tuple[OptionRow, ...]
    source: SourceRow | None
    in_hand_now: tuple[InHandRow, ...]
    restart_history: tuple[ErrorRow, ...]
    next_restart: RestartRow | None = None
    timers: tuple[TimerRow, ...] = ()
    watchers: tuple[str, ...] = ()
    retry: RetryRow | None = None


@dataclass(frozen=True, slots=True)
class TreeRow:
    """One actor with those below it, which may be made as they are read, and then once."""

    address: str
    state: str
    held: bool
    type: str
    pending: int
    children: Iterable[TreeRow]


@dataclass(frozen=True, slots=True)
class SendResult:
    """What became of one message to one actor; `problem` is None when it was accepted."""

    address: str
    ok: bool
    message_id: str | None = None
    problem: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class SendReport:
    """How many actors accepted the message, and what each did."""

    accepted: int
    results: tuple[SendResult, ...]


@dataclass(frozen=True, slots=True)
class AskReport:
    """A reply, as JSON, and the seconds it took."""

    address: str
    reply: Any
    took_s: float


@dataclass(frozen=True, slots=True)
class VerbResult:
    """What a verb did to one actor: whether it `changed` anything, and how the actor is now."""

    address: str
    changed: bool
    state: str
    pending: int
    problem: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class VerbReport:
    """What a verb did to each actor that was named."""

    results: tuple[VerbResult, ...]


@dataclass(frozen=True, slots=True)
class LetterRow:
    """A message that reached nobody; `at` is RFC 3339, `message_type` its class.

    `kept` tells whether it is still there after a restart of the host. `attempts`, `crashes` and
    `replays` count handlers that raised, deaths of the process and times it was sent again,
    `size` is in bytes: known of a letter that is kept.
    """

    id: str
    address: str
    reason: str
    at: str
    message_type: str
    attempts: int = 0
    crashes: int = 0
    size: int | None = None
    error: str | None = None
    replays: int = 0
    kept: bool = False


@dataclass(frozen=True, slots=True)
class LetterDetail(LetterRow):
    """A letter with what is in it, in the form that `payload_form` says.

    ========  =================================================
    form      `payload` is
    ========  =================================================
    ``json``  the message
    ``repr``  the start of its ``repr``: it has no form in JSON
    ``hex``   the start of its bytes: it cannot be read
    ========  =================================================

    `sender`, `history` and `traceback` are known of a letter that is kept: who sent it, the error
    of the newest attempt and where it came from.
    """

    payload: Any = None
    payload_form: str = "json"
    history: tuple[ErrorRow, ...] = ()
    traceback: str | None = None
    sender: str | None = None


@dataclass(frozen=True, slots=True)
class LetterChoice:
    """Which letters: these `ids`; or all with that `cause`, to addresses like `address`."""

    ids: tuple[str, ...] = ()
    cause: str | None = None
    address: str | None = None

    @property
    def said(self) -> tuple[str, ...]:
        """What was given, as it was given."""
        return self.ids or tuple(it for it in (self.cause, self.address) if it is not None)


@dataclass(frozen=True, slots=True)
class LetterFailure:
    """A letter with which a verb came to nothing: it is kept."""

    id: str
    problem: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LetterReport:
    """What a verb did: of `matched` letters, `done` are letters no more."""

    matched: int
    done: int
    failed: tuple[LetterFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class MailRow:
    """The durable mail of one address: `messages` that are not settled, and their `bytes`.

    `retrying` of them wait for another try, the oldest waits for `oldest_s`. `has_actor` is false
    where nobody lives: the mail waits for an actor that is declared there.
    """

    address: str
    messages: int
    bytes: int
    oldest_s: float
    retrying: int
    has_actor: bool


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A durable message that waits; `at` is when it was accepted, `size` in bytes.

    `payload` is None unless it was asked for, and then as in `LetterDetail`.
    """

    id: str
    message_type: str
    sender: str
    at: str
    attempts: int
    crashes: int
    replays: int
    size: int
    payload: Any = None
    payload_form: str | None = None


@dataclass(frozen=True, slots=True)
class BackupReport:
    """A copy of all durable mail: the file `path`, of so many `bytes`."""

    path: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Page:
    """The first part of a list, and the id with which the rest begins, if there is more.

    `rows` may be made as they are read, and then once.
    """

    rows: Any
    next: str | None = None


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One thing that was looked at; a failing `critical` one makes the host not ready."""

    name: str
    ok: bool
    critical: bool
    detail: str
    since: str | None = None


@dataclass(frozen=True, slots=True)
class HealthReport:
    """``ok``, ``degraded`` (ready, yet something is wrong) or ``not ready``."""

    status: str
    checks: tuple[HealthCheck, ...]

    @property
    def ready(self) -> bool:
        """Tell whether work may be sent to this host."""
        return self.status != "not ready"
