"""One exchange of an actor's instance for a new one, as the cells that take part see it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .cell import ActorCell


class Renewal:
    """Where a cell stands between its old instance and the next one.

    The old instance ends first, which `down` tells; the start of the new one waits for `go`.
    That comes after `pause` seconds; without a pause it comes from the parent, or from the
    sibling that this cell restarts with. `group` are the cells that restart with this one, it
    included, in order of creation. With `fails` there is no start: the cell becomes failed.

    A renewal that another one takes the place of has no say any more: it is `over`.
    """

    __slots__ = ("_timer", "down", "fails", "go", "group", "over", "pause")

    def __init__(
        self,
        cell: ActorCell,
        pause: float | None,
        group: Iterable[ActorCell] = (),
        *,
        fails: bool = False,
    ) -> None:
        self.pause = pause
        self.group = tuple(group) or (cell,)
        self.fails = fails
        self.down: asyncio.Future[None] = cell.system.loop.create_future()
        self.go: asyncio.Future[None] = cell.system.loop.create_future()
        self.over: asyncio.Future[None] = cell.system.loop.create_future()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def follows(self) -> bool:
        """Tell whether somebody else is going to say when to start, and has not yet."""
        return self.pause is None and not self.go.done()

    def take_over(self, earlier: Renewal) -> None:
        """Take the place of `earlier`; who waits for the end of the instance goes on waiting."""
        if not earlier.down.done():
            self.down = earlier.down
        if self.pause is not None and len(self.group) == 1:
            self.group = earlier.group  # those who wait for it must not wait for ever
        earlier.resume()
        earlier.over.set_result(None)

    def end(self) -> None:
        """Tell that the old instance has ended."""
        if not self.down.done():
            self.down.set_result(None)

    def begin_pause(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let the clock run, if there is a pause and nobody has ended it already."""
        if self.pause is not None and not self.go.done():
            self._timer = loop.call_later(self.pause, self.resume)

    def resume(self) -> None:
        """Let the start begin."""
        if self._timer is not None:
            self._timer.cancel()
        if not self.go.done():
            self.go.set_result(None)
