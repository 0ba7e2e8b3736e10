"""Many ops as the rows of one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .kept import Kept
from .ops import Ending, Group, Letter, Op, Revival

Number = Callable[[str], int]
"""Gives a name its number in the file."""


def gather(ops: Iterable[Op], number: Number) -> Group:
    """Return the transaction for `ops`.

    The order among them does not matter: no message is both written and settled in one group, as
    none is delivered before it is committed, and of two states of one box the last one counts.
    """
    group = Group()
    puts, deletes = group.puts, group.deletes
    for op in ops:
        group.full = group.full or op.power
        if isinstance(op, Kept):
            puts.append(_put(op, number))
        elif isinstance(op, Ending):
            if op.done is not None:
                deletes.append(op.done)
            if not op.is_plain:
                _add_more(group, op, number)
        elif isinstance(op, Revival):
            puts += (_put(put, number) for put in op.puts)
            group.revived += op.ids
    return group


def _add_more(group: Group, op: Ending, number: Number) -> None:
    if op.tried is not None:
        group.attempts.append(op.tried)
    if op.letter is not None:
        group.letters.append(_letter(op.letter, number(op.box.address), number))
    if op.saved is not None:
        group.states.append((number(op.box.address), op.crc, op.saved))
    group.puts += (_put(put, number) for put in op.sends)


def _put(put: Kept, number: Number) -> tuple[Any, ...]:
    box = number(put.box.address)
    return (put.seq, box, put.at, put.id, put.replays, put.crc, put.record)


def _letter(one: Letter, box: int, number: Number) -> tuple[Any, ...]:
    why = (one.at, one.reason, one.error, one.trace)
    counts = (one.attempts, one.crashes, one.replays)
    return (one.id, box, number(one.type), one.sender, *why, *counts, one.crc, one.record)
