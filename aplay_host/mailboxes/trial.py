"""Running those alone that may have killed the host, so that the guilty one is known."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .ops import Job
from .rows import Row

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

    ===================================  ==================================================
    the suspect                          then
    ===================================  ==================================================
    is handled, dead, or to be tried     the next one
    again later
    is at work for 30 s                  the next one; it goes on
    has an actor that is held, failed,   the next one; it comes in its turn
    or not there
    has an actor that is about to run    it is waited for, within these 30 s
    ===================================  ==================================================
    """

    def __init__(self, engine: SqliteEngine) -> None:
        self._engine = engine
        self._suspects: deque[tuple[int, str]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._row: Row | None = None
        self._is_delivered = False
        self._patience = self._ends = 0.0

    @property
    def is_on(self) -> bool:
        """Tell whether a suspect is left."""
        return bool(self._suspects)

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
        """Have the row of the next suspect read; without any, let all go on."""
        self._row, self._is_delivered = None, False
        loop = asyncio.get_running_loop()
        self._ends = loop.time() + ALONE_SECONDS
        if not self._suspects:
            self._engine.go_on()
            return
        seq, _ = self._suspects[0]
        self._engine.link.submit(Job(lambda store: store.read_one(seq), self._found))
        self._timer = loop.call_later(LOOK_SECONDS, self._look)

    def _found(self, row: Row | None, error: Exception | None) -> None:
        self._row = row
        if row is None and self._suspects:
            self._skip()

    def _skip(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._suspects.popleft()
        self._call_next()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        box = self._engine.existing(self._suspects[0][1])
        if box is None or self._is_through(box, loop.time()):
            self._skip()
            return
        if self._row is not None and not self._is_delivered:
            self._is_delivered = box.run_alone(self._row)
        self._timer = loop.call_later(LOOK_SECONDS, self._look)

    def _is_through(self, box: SqliteBox, now: float) -> bool:
        """Tell whether it is the next one's turn; the class's text says when."""
        if self._is_delivered and self._row is not None:
            return now >= self._ends or box.has_ended(self._row)
        if not box.has_actor:
            return now >= self._patience
        return now >= self._ends or not box.expects
