"""What a behaviour that is only being built has said: kept, and played or dropped later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from .errors import MailboxFull, NameTaken
from .status import Failure

if TYPE_CHECKING:
    from .address import Address
    from .cell import ActorCell
    from .spec import ActorSpec
    from .system import ActorSystem


T = TypeVar("T")


class Outbox:
    """Verbs in the order in which they were called; nothing has happened yet.

    While it is recording, which is never longer than a plain function runs, the sends,
    lifecycle verbs, timers and children of the whole system come here instead of being done.
    """

    __slots__ = ("_children", "_system", "_undoes", "_verbs")

    def __init__(self, system: ActorSystem) -> None:
        self._system = system
        self._verbs: list[Callable[[], object]] = []
        self._children: list[tuple[ActorCell, str]] = []
        self._undoes: list[Callable[[], object]] = []

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record within the block."""
        outer, self._system.outbox = self._system.outbox, self
        self._system.divert(1)
        try:
            yield
        finally:
            self._system.outbox = outer
            self._system.divert(-1)

    def record(self, verb: Callable[[], object], undo: Callable[[], object] | None = None) -> None:
        """Add one call, with what there is to undo of it when it is dropped."""
        self._verbs.append(verb)
        if undo is not None:
            self._undoes.append(undo)

    def tell(self, address: Address, message: Any) -> None:
        """Record a send; if the mailbox is full when it is played, it is a dead letter."""
        self.record(partial(send_late, self._system, address, message))

    def declare(
        self, parent: ActorCell, name: str, spec: ActorSpec, *, starts: bool = True
    ) -> Address:
        """Record a child; one of that name and class that is there already is kept as it is.

        Without `starts` it is made, and is new until somebody starts it.

        Raises `NameTaken` when the name is another class's.
        """
        address = parent.address.child(name)
        there = self._system.cell_at(address)
        if there is not None and not _is_same_class(there.spec.cls, spec.cls):
            raise NameTaken(f"{address} exists already, as {there.spec.cls.__qualname__}")
        self.record(lambda: self._system.declare(parent, name, spec, starts=starts))
        self._children.append((parent, name))
        return address

    def declared_by(self, parent: ActorCell) -> frozenset[str]:
        """Return the names of the children of `parent` that were recorded."""
        return frozenset(name for cell, name in self._children if cell is parent)

    def play(self) -> None:
        """Do all that was recorded, in order."""
        verbs, self._verbs = self._verbs, []
        for verb in verbs:
            verb()

    def drop(self) -> None:
        """Do nothing of what was recorded, ever."""
        undoes, self._undoes, self._verbs = self._undoes, [], []
        for undo in undoes:
            undo()


def send_late(system: ActorSystem, address: Address, message: Any) -> None:
    """Send what was told before; nobody waits for it any more, so an error is a dead letter."""
    cell = system.registry.receiver(address)
    if cell is None:
        system.registry.lose(address, message)
        return
    try:
        cell.admit(message)
    except MailboxFull:
        cell.bury((message,), "full")
    except Exception as error:
        cell.bury((message,), "store_failed", Failure.of(error, 0.0).line())


def do(system: ActorSystem, verb: Callable[[], T], promise: T) -> T:
    """Call `verb` and return its result, or record it for later and return `promise`."""
    if system.outbox is None:
        return verb()
    system.outbox.record(verb)
    return promise


def _is_same_class(one: type, other: type) -> bool:
    """Tell whether two classes are the same, or the same of two generations of a module."""
    return (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)
