"""What the loop asks of the writer thread, and the transaction that many such wishes become."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..kernel import Parcel
    from .sqlitebox import SqliteBox
    from .store import Store

OP_BYTES = 100
"""What an op counts beside its records, for the size of a group."""


class Op:
    """One wish; all of it is done in one transaction. `power`: it has to survive a power cut.

    What is `lasting` is tried until it is done; all others may fail.
    """

    __slots__ = ()

    lasting = True
    power: bool

    @property
    def size(self) -> int:
        """How much of a group it takes, in bytes."""
        return OP_BYTES


class Put(Op):
    """Write a new message. Awaiting it ends when the message is kept, and raises when it is not."""

    __slots__ = (
        "_error",
        "_future",
        "at",
        "box",
        "crc",
        "id",
        "is_done",
        "parcel",
        "power",
        "record",
        "replays",
        "seq",
    )

    lasting = False

    def __init__(
        self, box: SqliteBox, seq: int, at: int, record: bytes, crc: int, parcel: Parcel | None
    ) -> None:
        self.box = box
        self.power = box.power
        self.seq = self.id = seq
        self.at = at
        self.record = record
        self.crc = crc
        self.parcel = parcel
        self.replays = 0
        self.is_done = False
        self._error: Exception | None = None
        self._future: asyncio.Future[None] | None = None

    @property
    def size(self) -> int:
        """How much of a group it takes."""
        return OP_BYTES + len(self.record)

    def end(self, error: Exception | None = None) -> None:
        """Tell who waits that it is kept, or why not; on the loop's thread."""
        self.is_done, self._error = True, error
        if self._future is not None and not self._future.done():
            if error is None:
                self._future.set_result(None)
            else:
                self._future.set_exception(error)
                self._future.exception()  # who waited may have been cancelled meanwhile

    def __await__(self) -> Generator[Any, None, None]:
        if not self.is_done:
            if self._future is None or self._future.done():  # who waited first was cancelled
                self._future = asyncio.get_running_loop().create_future()
            yield from self._future
        elif self._error is not None:
            raise self._error


@dataclass(slots=True, eq=False)
class Letter:
    """A dead letter to write, of a message that had the number `seq` in the file."""

    seq: int
    id: int
    type: str
    sender: str
    at: int
    reason: str
    error: str | None
    trace: str | None
    attempts: int
    crashes: int
    replays: int
    crc: int
    record: bytes


@dataclass(slots=True, eq=False)
class Outcome(Op):
    """What has become of one message: `done` is its number, if it is over with it.

    With a turn it takes the state and the sends along, and `then` is called once all of it is
    committed.
    """

    box: SqliteBox
    done: int | None = None
    tried: tuple[int, int] | None = None
    letter: Letter | None = None
    saved: bytes | None = None
    crc: int = 0
    sends: tuple[Put, ...] = ()
    then: Callable[[], None] | None = None

    @property
    def power(self) -> bool:  # type: ignore[override]
        """Tell whether anything of it has to survive a power cut."""
        return self.box.power or any(put.box.power for put in self.sends)

    @property
    def size(self) -> int:
        """How much of a group it takes."""
        kept = len(self.saved or b"") + (len(self.letter.record) if self.letter else 0)
        return OP_BYTES + kept + sum(put.size for put in self.sends)


@dataclass(slots=True, eq=False)
class Revival(Op):
    """Dead letters that are mail again: `puts` are written, and the letters they were go."""

    lasting = False
    power = True

    puts: tuple[Put, ...]
    ids: tuple[int, ...]
    end: Callable[[Exception | None], None]

    @property
    def size(self) -> int:
        """How much of a group it takes."""
        return sum(put.size for put in self.puts)


@dataclass(slots=True, eq=False)
class Job(Op):
    """Anything else: `run` is called with the store, between two groups.

    `end` is called on the loop with the `outcome`: what it returned, and what it raised.
    """

    lasting = False
    power = False

    run: Callable[[Store], Any]
    end: Callable[[Any, Exception | None], None]
    outcome: tuple[Any, Exception | None] = (None, None)


@dataclass(slots=True)
class Group:
    """The rows of one transaction, as the statements want them."""

    full: bool = False
    puts: list[tuple[Any, ...]] = field(default_factory=list)
    attempts: list[tuple[int, int]] = field(default_factory=list)
    letters: list[tuple[Any, ...]] = field(default_factory=list)
    deletes: list[int] = field(default_factory=list)
    states: list[tuple[int, int, bytes]] = field(default_factory=list)
    revived: list[int] = field(default_factory=list)


def gather(ops: Iterable[Op], number: Callable[[str], int]) -> Group:
    """Return the transaction for `ops`; `number` gives each name its number in the file.

    The order among them does not matter: no message is both put and settled in one group, since
    none is delivered before it is committed, and of two states of one box the last one counts.
    """
    group = Group()
    for op in ops:
        group.full = group.full or op.power
        if isinstance(op, Put):
            group.puts.append(_put(op, number))
        elif isinstance(op, Revival):
            group.puts += (_put(put, number) for put in op.puts)
            group.revived += op.ids
        elif isinstance(op, Outcome):
            _add_outcome(group, op, number)
    return group


def _add_outcome(group: Group, op: Outcome, number: Callable[[str], int]) -> None:
    if op.done is not None:
        group.deletes.append(op.done)
    if op.tried is not None:
        group.attempts.append(op.tried)
    if op.letter is not None:
        group.letters.append(_letter(op.letter, number(op.box.address), number))
    if op.saved is not None:
        group.states.append((number(op.box.address), op.crc, op.saved))
    group.puts += (_put(put, number) for put in op.sends)


def _put(put: Put, number: Callable[[str], int]) -> tuple[Any, ...]:
    box = number(put.box.address)
    return (put.seq, box, put.at, 0, 0, put.id, put.replays, put.crc, put.record)


def _letter(one: Letter, box: int, number: Callable[[str], int]) -> tuple[Any, ...]:
    why = (one.at, one.reason, one.error, one.trace)
    counts = (one.attempts, one.crashes, one.replays)
    return (one.id, box, number(one.type), one.sender, *why, *counts, one.crc, one.record)
