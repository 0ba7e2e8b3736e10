"""Running those alone that may have killed the host, so that the guilty one is known."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .engine import SqliteEngine
    from .sqlitebox import SqliteBox

ALONE_SECONDS = 30.0
"""How long a suspect keeps all other mail waiting."""
LOOK_SECONDS = 0.02
PATIENCE = 1.0
"""How long after the start an actor may be missing."""


class Trial:
    """The suspects, one after another; while it `is_on` no other durable mail is delivered.

    What waits before a suspect in its own box is handled before it, as ever: it has been handled
    when the host died, or it would be a suspect itself, but that may not have been committed.

    ===================================  ==================================================
    the suspect                          then
    ===================================  ==================================================
    is handled, dead, or to be tried     the next one
    again later
    is not through within 30 s           the next one; it goes on
    has an actor that is held or failed  the next one; it comes in its turn
    has no actor a second after the      the next one; it is mail of nobody
    start
    ===================================  ==================================================
    """

    def __init__(self, engine: SqliteEngine) -> None:
        self._engine = engine
        self._suspects: deque[tuple[int, str]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._patience = self._ends = 0.0

    @property
    def is_on(self) -> bool:
        """Tell whether a suspect is left."""
        return bool(self._suspects)

    def reach(self, address: str) -> int:
        """Return the last number that may be delivered to `address` meanwhile, 0 for none."""
        seq, suspected = self._suspects[0]
        return seq if suspected == address else 0

    def begin(self, suspects: Mapping[int, str]) -> None:
        """Try each of these messages, given with its address, beginning now."""
        self._suspects.extend(suspects.items())
        self._patience = asyncio.get_running_loop().time() + PATIENCE
        self._call_next()

    def end(self) -> None:
        """Stop, as when the host does."""
        self._suspects.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _call_next(self) -> None:
        """Let the box of the next suspect deliver; without any, let all go on."""
        loop = asyncio.get_running_loop()
        self._ends = loop.time() + ALONE_SECONDS
        self._engine.go_on()
        if self._suspects:
            self._timer = loop.call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        seq, address = self._suspects[0]
        loop = asyncio.get_running_loop()
        if self._is_through(seq, self._engine.existing(address), loop.time()):
            self._suspects.popleft()
            self._call_next()
        else:
            self._timer = loop.call_later(LOOK_SECONDS, self._look)

    def _is_through(self, seq: int, box: SqliteBox | None, now: float) -> bool:
        """Tell whether it is the next one's turn; the class's text says when."""
        if box is None or now >= self._ends or box.has_ended(seq):
            return True
        return not box.expects and (box.has_actor or now >= self._patience)
