"""What is called with each message: the handler, and what is put around it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from .actor import overrides
from .transaction import TRANSACTION, Transaction

if TYPE_CHECKING:
    from .actor import Actor
    from .cell import ActorCell
    from .ref import ActorRef
    from .spec import ActorSpec
    from .system import ActorSystem

Handler = Callable[[Any], Awaitable[Any]]
Wrap = Callable[[Handler], Handler]
Interceptors = Callable[["ActorRef", "ActorSpec"], tuple[Wrap, ...]]
"""Asked at each start which wraps an actor's handler gets, the outermost first."""


class Finished:
    """What became of one message, for `user_task_callback`."""

    __slots__ = ("_error", "_value")

    def __init__(self, value: Any = None, error: BaseException | None = None) -> None:
        self._value = value
        self._error = error

    def cancelled(self) -> bool:
        """Tell whether the handler was cancelled."""
        return isinstance(self._error, asyncio.CancelledError)

    def exception(self) -> BaseException | None:
        """Return what the handler raised, None when it returned."""
        return self._error

    def result(self) -> Any:
        """Return what the handler returned, or raise what it raised."""
        if self._error is not None:
            raise self._error
        return self._value


def compose_handler(cell: ActorCell, behaviour: Actor, spec: ActorSpec) -> Handler | None:
    """Return the handler with all that is around it; None when nothing is.

    Raises whatever the interceptors raise, which is a failed start.
    """
    ask = cell.system.interceptors
    wraps = ask(cell.system.ref(cell.address), spec) if ask is not None else ()
    calls_back = overrides(spec.cls, "user_task_callback")
    if not wraps and not calls_back and spec.cls.saved_type is None:
        return None
    handler: Handler = behaviour.msg_handler
    if calls_back:
        handler = _with_callback(cell, behaviour, handler)
    for wrap in reversed(wraps):
        handler = wrap(handler)
    return _in_turn(cell, behaviour, handler) if spec.cls.saved_type is not None else handler


def compose_anew(system: ActorSystem) -> None:
    """Ask again what goes around each handler; what is in hand goes on as it is.

    Where the interceptors raise, it is told and the handler stays.
    """
    for cell in system.cells():
        if cell.behaviour is not None:
            try:
                cell.compose()
            except Exception as error:
                cell.tell_hook_failure("interceptors", error)


def _with_callback(cell: ActorCell, behaviour: Actor, handler: Handler) -> Handler:
    def call_back(outcome: Finished, msg: Any) -> None:
        try:
            behaviour.user_task_callback(outcome, msg=msg)
        except BaseException as error:
            cell.tell_hook_failure("user_task_callback", error)

    async def handle(msg: Any) -> Any:
        try:
            value = await handler(msg)
        except BaseException as error:
            call_back(Finished(error=error), msg)
            raise
        call_back(Finished(value), msg)
        return value

    return handle


def _in_turn(cell: ActorCell, behaviour: Actor, handler: Handler) -> Handler:
    """Put the turn around a handler, where the mailbox commits turns."""

    async def handle(msg: Any) -> Any:
        if cell.box is None or cell.box.turns is None:
            return await handler(msg)
        turn = Transaction(cell, behaviour)
        token = TRANSACTION.set(turn)
        try:
            reply = await handler(msg)
            turn.end()
        finally:
            TRANSACTION.reset(token)
            turn.drop()  # which does nothing once it has ended
        return reply

    return handle
