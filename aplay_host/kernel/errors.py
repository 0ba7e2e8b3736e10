"""What the kernel raises; the whole tree is drawn in `aplay_host.errors`."""

from __future__ import annotations

from collections.abc import Iterable


class AplayError(Exception):
    """The root of every error that this package raises on purpose."""


class BadAddress(AplayError, ValueError):
    """An address, a name or a pattern is not well formed."""


class NameTaken(AplayError):
    """The parent has a child of that name already."""


class NotBound(AplayError):
    """An actor made by hand was asked for something that only a system can give."""


class MailboxFull(AplayError):
    """The target's mailbox has no room and its overflow rule refuses new mail."""


class ActorStopped(AplayError):
    """A request was sent to an actor that cannot answer; `reason` says why."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"{address} cannot answer: {reason}")
        self.address = address
        self.reason = reason


class AskTimeout(AplayError, TimeoutError):
    """No reply came in time; the text tells where the request was by then."""


class AskCycle(AplayError):
    """The target waits, by way of others, for the very handler that asks it.

    `chain` are the addresses in the order in which they wait, the target at the end.
    """

    def __init__(self, chain: tuple[str, ...]) -> None:
        text = " -> ".join(chain)
        super().__init__(f"{text}: {chain[-1]} cannot answer before this handler has ended")
        self.chain = chain


class SelfWait(AplayError):
    """A handler awaited an operation on its own actor, or on one above; the operation goes on."""

    def __init__(self, address: str, waiting: str) -> None:
        super().__init__(
            f"{waiting} waits in a handler for an operation on {address}, which waits for that "
            "handler; leave the operation without 'await', it goes on by itself"
        )


class Busy(AplayError):
    """Actors could not be held in time: `addresses` are those that were not ready."""

    def __init__(self, addresses: Iterable[str], why: str) -> None:
        self.addresses = tuple(addresses)
        super().__init__(f"{', '.join(self.addresses)}: {why}")


class Detached(AplayError):
    """Code of a behaviour that was exchanged for a newer one tried to act as the actor."""

    def __init__(self, address: str) -> None:
        super().__init__(
            f"this instance of {address} was exchanged for a newer one; it can act no more"
        )


class Refuse(AplayError):
    """Raised by a handler to answer with an error: the asker gets it, the actor has not failed."""


class StartFailed(AplayError):
    """The actor does not run; after an error it stays, with its mail, and is tried again."""


class SavedUnreadable(StartFailed):
    """What an actor has saved cannot be read as the ``saved_type`` of its class."""

    def __init__(self, address: str, kind: type[object], why: str) -> None:
        name = f"{kind.__module__}:{kind.__qualname__}"
        super().__init__(f"what {address} has saved cannot be read as {name}: {why}")


class Escalated(AplayError):
    """A child's failure that the child's `on_error` makes its parent's."""

    def __init__(self, address: str, error: BaseException) -> None:
        super().__init__(f"{address} escalated {type(error).__qualname__}: {error}")
        self.address = address
        self.error = error
