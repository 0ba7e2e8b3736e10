"""A message of a person to one actor, and what became of it, in words for that person."""

from __future__ import annotations

import asyncio
from typing import Any

from ..control import SendResult, plain, problem
from ..errors import (
    ActorStopped,
    AplayError,
    AskTimeout,
    CommandError,
    MailboxFull,
    Refuse,
)
from ..kernel import ActorRef, Failure


async def tell(ref: ActorRef, message: Any, seconds: float) -> SendResult:
    """Tell `message`; waits at most `seconds` for room."""
    try:
        async with asyncio.timeout(seconds):
            await ref.tell(message)
    except (AplayError, TimeoutError) as error:
        return SendResult(ref.address, False, problem=problem(_explained(ref, error)))
    return SendResult(ref.address, True)


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
    failure = Failure.of(error, 0.0)  # its text is safe, whatever a guest's __str__ does
    if isinstance(error, Refuse):
        return CommandError("handler-failed", f"{address} refused: {failure.text}", address=address)
    detail = f"{address} failed: {failure.type}: {failure.text}"
    hint = "the log, which serve writes to stderr, has the traceback"
    return CommandError("handler-failed", detail, hint=hint, address=address)


def _no_room(address: str) -> CommandError:
    hint = f"see what it does: aplay-host show {address}"
    return CommandError("timeout", f"{address} had no room in time", hint=hint, address=address)
