"""What the loop asks of the writer thread, and the transaction that many such wishes become."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .kept import Kept
    from .sqlitebox import SqliteBox
    from .store import Store

OP_BYTES = 100
"""What an op counts beside its records, for the size of a group."""


class Op:
    """One wish; all of it is done in one transaction. `power`: it has to survive a power cut.

    What is `lasting` is tried until it is done; all others may fail.
    """

    lasting = True
    power: bool

    @property
    def size(self) -> int:
        """How much of a group it takes, in bytes."""
        return OP_BYTES


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
class Ending(Op):
    """What has become of one message: `done` is its number, if it is over with it.

    With a turn it takes the state and the sends along, and `then` is called once all of it is
    committed, or with the error for which it never will be.
    """

    box: SqliteBox
    done: int | None = None
    tried: tuple[int, int] | None = None
    letter: Letter | None = None
    saved: bytes | None = None
    crc: int = 0
    sends: tuple[Kept, ...] = ()
    then: Callable[[Exception | None], None] | None = None

    @property
    def is_plain(self) -> bool:
        """Tell whether it is no more than the end of a message."""
        return self.tried is None and self.letter is None and self.saved is None and not self.sends

    @property
    def power(self) -> bool:  # type: ignore[override]
        """Tell whether anything of it has to survive a power cut."""
        return self.box.power or any(put.power for put in self.sends)

    @property
    def size(self) -> int:
        """How much of a group it takes."""
        if self.is_plain:
            return OP_BYTES
        kept = len(self.saved or b"") + (len(self.letter.record) if self.letter else 0)
        return OP_BYTES + kept + sum(put.size for put in self.sends)


@dataclass(slots=True, eq=False)
class Revival(Op):
    """Dead letters that are mail again: `puts` are written, and the letters they were go."""

    lasting = False
    power = True

    puts: tuple[Kept, ...]
    ids: tuple[int, ...]
    end: Callable[[Exception | None], None]

    @property
    def size(self) -> int:
        """How much of a group it takes."""
        return sum(put.size for put in self.puts)


@dataclass(slots=True, eq=False)
class Job(Op):
    """Anything else: `run` is called with the store, between two groups.

    `end` is called on the loop with the `outcome`: what it returned, and what it raised. One that
    is not `early` is not done while outcomes have to wait for the disk: it comes after them.
    """

    lasting = False
    power = False

    run: Callable[[Store], Any]
    end: Callable[[Any, Exception | None], None]
    outcome: tuple[Any, Exception | None] = (None, None)
    early: bool = True


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
