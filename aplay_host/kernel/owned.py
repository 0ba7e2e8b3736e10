"""The tasks that an actor owns: they end with its behaviour, and their errors are its failures."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from .turn import CURRENT, Turn

if TYPE_CHECKING:
    from .actor import Actor
    from .cell import ActorCell

AGAIN = ("prepare_mailbox", "on_start")
"""The hooks that an exchange does not run, so that the tasks they began are begun again."""


@dataclass(frozen=True, slots=True)
class Call:
    """How an owned task was begun: a method of its actor, and the arguments."""

    method: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @classmethod
    def of(cls, coro: Coroutine[Any, Any, Any], actor: Actor) -> Call | None:
        """Return how `coro`, which has not begun to run, was made; None for a foreign one."""
        name = getattr(coro, "__name__", "")
        function = inspect.getattr_static(type(actor), name, None)
        if not inspect.isfunction(function) or getattr(coro, "cr_code", None) is not (
            function.__code__
        ):
            return None
        # What a decorator wrote is what was called: its parameters, not those of what it wraps.
        signature = inspect.signature(function, follow_wrapped=False)
        given = inspect.getcoroutinelocals(coro)
        bound = signature.bind_partial()
        bound.arguments.update({key: given[key] for key in signature.parameters})
        if not bound.args or bound.args[0] is not actor:
            return None
        return cls(name, bound.args[1:], bound.kwargs)

    def again(self, actor: Actor) -> Coroutine[Any, Any, Any] | None:
        """Call the same method of `actor`; None when it has none that takes these arguments."""
        function = inspect.getattr_static(type(actor), self.method, None)
        if not inspect.iscoroutinefunction(function):
            return None
        try:
            coro: Coroutine[Any, Any, Any] = function(actor, *self.args, **self.kwargs)
        except Exception:  # a TypeError, if it is no decorator's own
            return None
        return coro


def own(
    cell: ActorCell,
    coro: Coroutine[Any, Any, Any],
    name: str,
    actor: Actor,
    call: Call | None = None,
) -> asyncio.Task[Any]:
    """Run `coro` as a task, held until it ends; its exception is a failure of the actor.

    One that a hook begins which an exchange does not run is begun again when the behaviour
    `actor` is exchanged; `call` is how. While a behaviour is only being built, the task
    waits for it to take its place.
    """
    if cell.hook_name in AGAIN and actor is cell.behaviour:
        call = Call.of(coro, actor)
    begun: asyncio.Future[None] = cell.system.loop.create_future()
    task = cell.system.create_task(_guarded(cell, coro, begun), name)
    task.add_done_callback(partial(_disown, cell, coro, actor))
    if call is not None:
        cell.calls[task] = call
    if (outbox := cell.system.outbox) is None:
        _begin(cell, task, begun)
    else:
        outbox.record(partial(_begin, cell, task, begun), task.cancel)
    return task


def begin_again(cell: ActorCell, behaviour: Actor) -> tuple[str, ...]:
    """End the old behaviour's tasks, and begin those that a start of it had begun once more.

    Returns the names of the others.
    """
    calls, cell.calls = cell.calls, {}
    ended = []
    for task in tuple(cell.tasks):
        task.cancel()
        call = calls.get(task)
        coro = None
        if call is not None and not hasattr(type(behaviour), "on_reload"):
            coro = call.again(behaviour)
        if coro is None:
            ended.append(task.get_name())
        else:
            own(cell, coro, task.get_name(), behaviour, call)
    return tuple(ended)


def _begin(cell: ActorCell, task: asyncio.Task[Any], begun: asyncio.Future[None]) -> None:
    if not task.done():
        cell.tasks.add(task)
        begun.set_result(None)


async def _guarded(
    cell: ActorCell, coro: Coroutine[Any, Any, Any], begun: asyncio.Future[None]
) -> Any:
    CURRENT.set(Turn(cell))  # whose task it is; no turn of its own, for it has no message
    # Inside the task: SystemExit that leaves a task takes the whole loop down with it.
    try:
        if not begun.done():  # its behaviour is only being built
            await begun
        return await coro
    except (KeyboardInterrupt, SystemExit) as error:
        cell.fail(error, None)


def _disown(
    cell: ActorCell, coro: Coroutine[Any, Any, Any], actor: Actor, task: asyncio.Task[Any]
) -> None:
    coro.close()  # it has not begun when the task was cancelled before its first step
    error = None if task.cancelled() else task.exception()
    if error is not None and task in cell.tasks:  # else it was abandoned
        cell.fail(error, None, "resume" if actor._detached else None)
    cell.tasks.discard(task)
    cell.calls.pop(task, None)
