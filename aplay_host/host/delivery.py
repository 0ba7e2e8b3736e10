"""A message of a person to one actor, and what became of it, in words for that person."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ..control import SendResult, plain, problem
from ..errors import (
    ActorStopped,
    AplayError,
    AskTimeout,
    CommandError,
    MailboxFull,
    MailboxUnavailable,
    MessageTooLarge,
    Refuse,
    StoreCorrupt,
    Unencodable,
)
from ..kernel import ActorRef, Failure
from .durable import KIND


async def tell(ref: ActorRef, message: Any, seconds: float) -> SendResult:
    """Tell `message`; waits at most `seconds` for room."""
    try:
        async with asyncio.timeout(seconds):
            await ref.tell(message)
    except (AplayError, TimeoutError) as error:
        return SendResult(ref.address, False, problem=problem(_explained(ref, error)))
    return SendResult(ref.address, True)


class Post:
    """Sends dead letters again; `room` are the seconds that are left to wait for room.

    A pause between two of them costs nothing of that. `find` returns the actor at an address, and
    raises `CommandError` for none.
    """

    def __init__(
        self, now: Callable[[], float], find: Callable[[str], Awaitable[ActorRef]], room: float
    ) -> None:
        self._now = now
        self._find = find
        self._room = room

    async def is_durable(self, address: str) -> bool:
        """Tell whether that actor's mail is in the file."""
        return (await self._find(address)).status().spec.mailbox.kind == KIND

    async def tell(self, address: str, message: Any) -> dict[str, Any] | None:
        """Tell a message; return the problem that it met."""
        began = self._now()
        try:
            return (await tell(await self._find(address), message, self._room)).problem
        except CommandError as error:
            return problem(error)
        finally:
            self._room = max(0.0, began + self._room - self._now())


async def ask(ref: ActorRef, message: Any, seconds: float) -> Any:
    """Return the reply as JSON has it; raises `CommandError` where there is none."""
    try:
        reply = await ref.ask(message, timeout=seconds)
    except Exception as error:  # whatever a handler may raise: it is the answer
        raise _explained(ref, error) from None
    try:
        return plain(reply)
    except TypeError as error:
        detail = f"{ref.address} replied, but {error}"
        raise CommandError("handler-failed", detail, address=ref.address) from None


def _explained(ref: ActorRef, error: BaseException) -> CommandError:
    """Return the problem that an error of a send or an ask is.

    A handler may raise the same classes, of whatever it did itself; its errors have a note.
    """
    address, state = ref.address, ref.state
    match None if hasattr(error, "__notes__") else error:
        case MailboxFull() if ref.status().spec.mailbox.overflow == "wait":
            return _no_room(address)
        case MailboxFull():
            hint = f"try again later, or see what it does: aplay-host show {address}"
            return CommandError("mailbox-full", str(error), hint=hint, address=address)
        case ActorStopped():
            kind = "actor-failed" if state == "failed" else "actor-stopped"
            hint = f"see why: aplay-host show {address}"
            return CommandError(kind, str(error), hint=hint, address=address)
        case AskTimeout():
            hint = f"give it longer with --timeout, or see what it does: aplay-host show {address}"
            return CommandError("timeout", str(error), hint=hint, address=address)
        case TimeoutError():
            return _no_room(address)
        case MailboxUnavailable() | StoreCorrupt():
            return unavailable(error, address)
        case MessageTooLarge():
            return CommandError("too-large", str(error), address=address)
        case Unencodable():
            return CommandError("bad-request", str(error), address=address)
    failure = Failure.of(error, 0.0)  # its text is safe, whatever a guest's __str__ does
    if isinstance(error, Refuse):
        return CommandError("handler-failed", f"{address} refused: {failure.text}", address=address)
    detail = f"{address} failed: {failure.type}: {failure.text}"
    hint = "the log, which serve writes to stderr, has the traceback"
    return CommandError("handler-failed", detail, hint=hint, address=address)


def unavailable(error: BaseException, address: str | None = None) -> CommandError:
    """Return the problem that mail has which can be neither read nor written now."""
    hint = "see what is wrong: aplay-host health"
    return CommandError("mailbox-unavailable", str(error), hint=hint, address=address)


def _no_room(address: str) -> CommandError:
    hint = f"see what it does: aplay-host show {address}"
    return CommandError("timeout", f"{address} had no room in time", hint=hint, address=address)
