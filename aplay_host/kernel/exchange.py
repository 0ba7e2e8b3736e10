"""A new behaviour for a cell that keeps everything else: built aside, then put in at once."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .actor import overrides
from .composing import Handler, compose_handler
from .envelope import Envelope, unwrap
from .errors import StartFailed
from .events import Replaced
from .outbox import Outbox
from .probation import Probation

if TYPE_CHECKING:
    from .actor import Actor
    from .address import Address
    from .cell import ActorCell
    from .spec import ActorSpec
    from .status import State

Build = Callable[["Actor"], None]
Remap = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class CellView:
    """What an exchange needs to know of a cell, as it is behind its closed gate.

    `waiting` are the messages in line, first to last; `tasks` the names of the owned tasks.
    """

    address: Address
    spec: ActorSpec
    state: State
    generation: int
    behaviour: Actor | None
    waiting: tuple[Any, ...]
    tasks: tuple[str, ...]

    @classmethod
    def of(cls, cell: ActorCell) -> CellView:
        """Look at `cell`."""
        return cls(
            address=cell.address,
            spec=cell.spec,
            state=cell.state,
            generation=cell.generation,
            behaviour=cell.behaviour,
            waiting=tuple(unwrap(message) for message in cell.inbox or ()),
            tasks=tuple(task.get_name() for task in cell.owned_tasks),
        )


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
        function = getattr(type(actor), name, None)
        if not inspect.isfunction(function) or getattr(coro, "cr_code", None) is not (
            function.__code__
        ):
            return None
        signature, given = inspect.signature(function), inspect.getcoroutinelocals(coro)
        bound = signature.bind_partial()
        bound.arguments.update({key: given[key] for key in signature.parameters})
        if not bound.args or bound.args[0] is not actor:
            return None
        return cls(name, bound.args[1:], bound.kwargs)

    def again(self, actor: Actor) -> Coroutine[Any, Any, Any] | None:
        """Call the same method of `actor`; None when it has none that takes these arguments."""
        method = getattr(actor, self.method, None)
        if not inspect.iscoroutinefunction(method):
            return None
        try:
            inspect.signature(method).bind(*self.args, **self.kwargs)
        except TypeError:
            return None
        coro: Coroutine[Any, Any, Any] = method(*self.args, **self.kwargs)
        return coro


@dataclass(frozen=True, slots=True)
class Staged:
    """A spec and, where the cell has one to be replaced, a behaviour: made, not yet in place."""

    cell: ActorCell
    spec: ActorSpec
    outbox: Outbox
    behaviour: Actor | None = None
    handler: Handler | None = None

    @property
    def address(self) -> Address:
        """Where it is to go."""
        return self.cell.address

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Run more of the new behaviour's code: what it sends or begins waits for the swap."""
        with self.outbox.recording():
            yield


def stage(cell: ActorCell, spec: ActorSpec, build: Build | None) -> Staged:
    """Make a new behaviour for `cell` without anybody noticing.

    It is bound to the cell, filled by `build` (by its ``__init__`` where that is None), and
    declares its children in `prepare_children`, which must not wait for anything. Raises
    whatever these raise; then there is nothing to undo.
    """
    outbox = Outbox(cell.system)
    if cell.behaviour is None or cell.state not in ("paused", "stopped"):
        return Staged(cell, spec, outbox)  # its next start makes the instance
    try:
        with outbox.recording():
            behaviour = spec.cls.__new__(spec.cls)
            behaviour._cell = cell
            if build is None:
                spec.cls.__init__(behaviour, **spec.kwargs)
            else:
                build(behaviour)
            if overrides(spec.cls, "prepare_children"):
                _run_at_once(behaviour)
            handler = compose_handler(cell, behaviour, spec)
    except BaseException:
        outbox.drop()
        raise
    return Staged(cell, spec, outbox, behaviour, handler)


def _run_at_once(behaviour: Actor) -> None:
    coro = behaviour.prepare_children()
    try:
        coro.send(None)
    except StopIteration:
        return
    finally:
        coro.close()
    raise StartFailed(
        f"{behaviour.address}: prepare_children waits for something, which an exchange of a "
        "running actor cannot; open what takes time in on_start"
    )


def line_after(cell: ActorCell, remap: Remap | None, *, give_back: bool) -> deque[Any] | None:
    """Return the line as it is to be after the exchange; raises what `remap` raises.

    `remap` is asked once about each waiting message, and about those that failed under
    probation and are given back: they come first.
    """
    waiting = list(cell.inbox or ())
    if give_back and cell.probation is not None:
        waiting = [*cell.probation.messages, *waiting]
    if remap is None:
        return deque(waiting) or None
    news = [remap(unwrap(message)) for message in waiting]
    line: deque[Any] = deque()
    for message, new in zip(waiting, news, strict=True):
        line.append(message.with_message(new) if isinstance(message, Envelope) else new)
    return line or None


def put_in(staged: Staged, line: deque[Any] | None, generation: int | None) -> tuple[str, ...]:
    """Put the staged behaviour in the place of the old one; return the tasks that ended so.

    Cannot raise: all that can go wrong was done when it was staged.
    """
    cell, rare = staged.cell, staged.cell.rare
    ended: tuple[str, ...] = ()
    cell.spec, cell.inbox = staged.spec, line
    rare.generation = generation if generation is not None else rare.generation + 1
    if staged.behaviour is not None:
        old, cell.behaviour = cell.behaviour, staged.behaviour
        assert old is not None
        old._detached = True
        rare.handler, rare.prepared = staged.handler, cell.incarnation
        rare.probation = Probation(cell)
        ended = _exchange_tasks(cell, staged.behaviour)
    cell.open_line()
    cell.system.events.tell(Replaced, cell.address, rare.generation)
    return ended


def _exchange_tasks(cell: ActorCell, behaviour: Actor) -> tuple[str, ...]:
    """End the old behaviour's tasks, and begin again those that a start of it had begun."""
    calls, cell.rare.calls = cell.rare.calls, {}
    ended = []
    for task in tuple(cell.owned_tasks):
        task.cancel()
        call = calls.get(task)
        coro = None
        if call is not None and not hasattr(type(behaviour), "on_reload"):
            coro = call.again(behaviour)
        if coro is None:
            ended.append(task.get_name())
        else:
            cell.own(coro, task.get_name(), call)
    return tuple(ended)
