"""Every error that this package raises on purpose, in one tree.

::

    AplayError
    ├── BadAddress (ValueError)    an address, a name or a pattern is not well formed
    ├── NameTaken                  the parent has a child of that name
    ├── NotBound                   an actor made by hand was asked for what a system gives
    ├── MailboxFull                no room, and the overflow rule refuses
    ├── ActorStopped               a request to an actor that cannot answer
    ├── AskTimeout (TimeoutError)  no reply came in time
    ├── AskCycle                   the target waits for the very handler that asks it
    ├── SelfWait                   a handler awaits an operation that waits for it
    ├── Refuse                     a handler answers with an error without failing
    ├── StartFailed                the actor does not run; it keeps its mail
    ├── Escalated                  a child's failure that became its parent's
    ├── BadMessageType (ValueError)  a class that is to be kept cannot be, or its name is taken
    ├── Unencodable                a message that a mailbox cannot keep, told at the `tell`
    ├── MessageTooLarge            a message over the mailbox's limit, told at the `tell`
    ├── MailboxUnavailable         the store takes nothing now; the message may be in doubt
    ├── UnreadableRecord           bytes that are no message any more, or not yet
    ├── StoreCorrupt           1   the file of the mailboxes is damaged; nothing is guessed
    ├── StoreHeld              7   another process has the file of the mailboxes open
    ├── StoreNewer            78   a newer aplay-host has written the file of the mailboxes
    ├── ConfigError           78   aplay.toml cannot be used; carries all `problems`
    ├── PluginError            1   a plugin cannot be used, and the host was told to insist
    ├── ReloadError            1   a reload cannot be; what runs goes on as it is
    ├── HostBusy               7   another host holds the lock of this state directory
    ├── StateDirError         78   the state directory cannot be used
    └── CommandError               a command could not be carried out; its `kind` has the code

The number is the process's exit code, ``exit_code`` on the class; the kernel's own errors and
those about one message never end a process and have none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from .kernel import (
    ActorStopped,
    AplayError,
    AskCycle,
    AskTimeout,
    BadAddress,
    Escalated,
    MailboxFull,
    NameTaken,
    NotBound,
    Refuse,
    SelfWait,
    StartFailed,
)

__all__ = [
    "PROBLEM_KINDS",
    "ActorStopped",
    "AplayError",
    "AskCycle",
    "AskTimeout",
    "BadAddress",
    "BadMessageType",
    "CommandError",
    "ConfigError",
    "Escalated",
    "HostBusy",
    "MailboxFull",
    "MailboxUnavailable",
    "MessageTooLarge",
    "NameTaken",
    "NotBound",
    "PluginError",
    "Problem",
    "ProblemKind",
    "Refuse",
    "ReloadError",
    "SelfWait",
    "StartFailed",
    "StateDirError",
    "StoreCorrupt",
    "StoreHeld",
    "StoreNewer",
    "Unencodable",
    "UnreadableRecord",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a configuration, with all that a person needs to mend it.

    `line` and `column` count from 1 and `end_column` is one past the last marked character;
    `line` 0 means that the mistake has no place in the file. `key` is the dotted TOML key;
    `got` and `want` may be empty where the message says all; `code` is a stable word for
    programs, such as ``unknown-key``.
    """

    file: str
    line: int
    column: int
    end_column: int
    key: str
    code: str
    message: str
    got: Any = None
    want: str = ""
    hint: str = ""


class ConfigError(AplayError):
    """aplay.toml cannot be used; nothing was started. All problems are told at once.

    `sound` is the configuration that is left without the problems, where there is one: a
    later phase checks that too, so that its problems come with these.
    """

    exit_code: ClassVar[int] = 78

    def __init__(self, text: str, problems: tuple[Problem, ...] = (), *, sound: Any = None) -> None:
        super().__init__(text)
        self.problems = problems
        self.sound = sound


class PluginError(AplayError):
    """A plugin cannot be used, and the host was told to insist on it."""

    exit_code: ClassVar[int] = 1


class ReloadError(AplayError):
    """A reload cannot be; what runs goes on as it is."""

    exit_code: ClassVar[int] = 1


class HostBusy(AplayError):
    """Another host holds the lock of this state directory."""

    exit_code: ClassVar[int] = 7


class StateDirError(AplayError):
    """The state directory cannot be made, read or written."""

    exit_code: ClassVar[int] = 78


class BadMessageType(AplayError, ValueError):
    """A class that is to be kept cannot be: its name, its kind, or what an actor says of it."""


class Unencodable(AplayError):
    """A message that a mailbox cannot keep; it was not accepted.

    `path` leads to the part that is the reason, from ``$``, the message itself.
    """

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path


class MessageTooLarge(AplayError):
    """A message over the mailbox's limit; it was not accepted. Sizes are in bytes.

    `size` is None where the message was given up before it was written out.
    """

    def __init__(self, size: int | None, limit: int) -> None:
        found = "more" if size is None else f"{size} bytes"
        super().__init__(
            f"the message has {found}, where at most {limit} bytes are kept; send less, or where "
            "it can be found"
        )
        self.size = size
        self.limit = limit


class MailboxUnavailable(AplayError):
    """The store takes nothing now.

    Raised at once, the message was not accepted. Raised by what confirms it, the message is in
    doubt: it may be there, and sending it again may make it two.
    """


class UnreadableRecord(AplayError, ValueError):
    """Bytes that are no message any more, or not yet; they stay as they are.

    `reason` is that of the dead letter, ``no_handler``, ``undecodable`` or ``too_large``; `text`
    says more, without what is in the message.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(f"{reason}: {text}")
        self.reason = reason
        self.text = text


class StoreCorrupt(AplayError):
    """The file of the mailboxes is damaged; nothing is guessed, and its actors fail."""

    exit_code: ClassVar[int] = 1


class StoreHeld(AplayError):
    """Another process has the file of the mailboxes open."""

    exit_code: ClassVar[int] = 7


class StoreNewer(AplayError):
    """A newer aplay-host has written the file of the mailboxes; it was not touched."""

    exit_code: ClassVar[int] = 78


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """One way in which a command can go wrong, the same for HTTP and for the command line."""

    name: str
    status: int
    exit_code: int
    title: str


PROBLEM_KINDS = {
    kind.name: kind
    for kind in (
        ProblemKind("handler-failed", 500, 1, "the handler raised"),
        ProblemKind("start-failed", 500, 1, "the actor did not start"),
        ProblemKind("internal", 500, 1, "the host made a mistake"),
        ProblemKind("backup-failed", 500, 1, "the backup could not be made"),
        ProblemKind("bad-plugin", 500, 1, "a plugin is bad, and none may be"),
        ProblemKind("forbidden", 403, 1, "not allowed"),
        ProblemKind("api-version", 400, 1, "client and host speak different versions"),
        ProblemKind("too-many-streams", 503, 1, "too many streams of events are open"),
        ProblemKind("too-many-connections", 503, 1, "too many connections are open"),
        ProblemKind("bad-request", 400, 2, "the request cannot be understood"),
        ProblemKind("too-large", 413, 2, "the request is too large"),
        ProblemKind("no-host", 503, 3, "no host is running"),
        ProblemKind("not-ready", 503, 3, "the host is not ready"),
        ProblemKind("starting", 503, 3, "the host is starting"),
        ProblemKind("timeout", 504, 4, "no answer in time"),
        ProblemKind("no-such-actor", 404, 5, "no such actor"),
        ProblemKind("no-such-plugin", 404, 5, "no such plugin"),
        ProblemKind("no-such-dead-letter", 404, 5, "no such dead letter"),
        ProblemKind("no-such-generation", 404, 5, "no such generation"),
        ProblemKind("no-such-route", 404, 5, "no such thing"),
        ProblemKind("actor-stopped", 409, 7, "the actor is stopped"),
        ProblemKind("actor-failed", 409, 7, "the actor has failed"),
        ProblemKind("held", 409, 7, "a person stopped the actor"),
        ProblemKind("reload-running", 409, 7, "a reload is under way"),
        ProblemKind("mailbox-kind", 409, 7, "mailboxes of this kind cannot do that"),
        ProblemKind("mailbox-unavailable", 503, 7, "durable mail can be neither read nor written"),
        ProblemKind("host-busy", 409, 7, "another host holds the lock"),
        ProblemKind("stopping", 409, 7, "the host is stopping"),
        ProblemKind("mailbox-full", 429, 7, "the mailbox is full"),
        ProblemKind("bad-config", 422, 78, "the configuration cannot be used"),
        ProblemKind("bad-state-dir", 500, 78, "the state directory cannot be used"),
    )
}
"""Every problem that the control API or a start may end in; the exit codes are the contract's."""


class CommandError(AplayError):
    """A command could not be carried out: `detail` says why, `hint` what to do about it."""

    def __init__(
        self, kind: str, detail: str, *, hint: str = "", address: str | None = None
    ) -> None:
        super().__init__(detail)
        self.kind = PROBLEM_KINDS[kind]
        self.detail = detail
        self.hint = hint
        self.address = address

    @property
    def exit_code(self) -> int:
        """The exit code of the command that met this problem."""
        return self.kind.exit_code
