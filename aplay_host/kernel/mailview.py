"""An actor's waiting mail, as programs written for aplay see it: an object with `put` and `get`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cell import ActorCell


class MailboxView:
    """What `_mailbox` gives: the line of one actor.

    Whatever else it is asked for it asks the mailbox that the actor was given, if any.
    """

    __slots__ = ("_cell",)

    def __init__(self, cell: ActorCell) -> None:
        self._cell = cell

    async def put(self, msg: Any = None) -> None:
        """Give `msg` a place in line; the actor handles it as any other. See `ActorRef.tell`."""
        await self._cell.system.ref(self._cell.address).tell(msg)

    async def get(self) -> Any:
        """Take the first message out of the line, and wait for one where there is none.

        It counts as handled; whoever asked it gets None for a reply. An actor with a free slot
        takes what comes itself: this is for a handler that wants more than the one it got.
        """
        while (taken := self._cell.take_first()) is None:
            await self._cell.next_change()
        return taken[0]

    async def size(self) -> int:
        """Return how many messages wait."""
        return self._cell.pending

    async def empty(self) -> bool:
        """Tell whether none waits."""
        return self._cell.pending == 0

    async def prepare(self) -> None:
        """Do nothing: a start opens the mailbox that the actor was given."""

    async def ready(self) -> bool:
        """Tell whether it can be used, which it can."""
        return True

    async def policy(self) -> bool:
        """Tell whether there is room for one more message."""
        return not self._cell.is_full

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the mailbox that the actor was given."""
        own = self._cell.offered if self._cell.box is None else self._cell.box.box
        if own is None:
            raise AttributeError(f"the mailbox of {self._cell.address} has no {name!r}")
        return getattr(own, name)
