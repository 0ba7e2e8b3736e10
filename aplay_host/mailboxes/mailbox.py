"""The mailbox classes of aplay 0.3.0, for an author's own to derive from."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from .objectmailbox import ObjectMailbox

if TYPE_CHECKING:
    from ..kernel import Address, MailboxSpec


class MailBox:
    """What a mailbox of one's own derives from; it has to have all of these but `policy`.

    Set one as `_mailbox` in ``__init__`` or `prepare_mailbox`. No two of its methods ever run
    at once, and `get` is called only after `empty` has said no.
    """

    def __init__(self, *args: object, name: str | None = None, **kwargs: object) -> None:
        self._name = name
        self._ready = False

    def __call__(self, address: Address, spec: MailboxSpec) -> ObjectMailbox:
        """Return what speaks for it to the kernel."""
        return ObjectMailbox(self)

    async def ready(self) -> bool:
        """Tell whether `prepare` has done its work."""
        return self._ready

    async def prepare(self) -> None:
        """Open what is needed; called before all others, and again if `size` then raised."""
        raise NotImplementedError

    async def put(self, msg: Any = None) -> None:
        """Keep a message; one that is not kept in spite of that is a dead letter."""
        raise NotImplementedError

    async def size(self) -> int:
        """Return how many messages are kept."""
        raise NotImplementedError

    async def empty(self) -> bool:
        """Tell whether none is kept."""
        raise NotImplementedError

    async def get(self) -> Any:
        """Give away the next message."""
        raise NotImplementedError

    async def policy(self) -> bool:
        """Tell whether one more message is to be kept."""
        return True


class QueueMailBox(MailBox):
    """Keeps messages in memory, first in, first out, as far as its `policy` allows."""

    def __init__(self, *args: object, name: str | None = None, **kwargs: object) -> None:
        super().__init__(*args, name=name, **kwargs)
        self._queue: deque[Any] = deque()

    async def prepare(self) -> None:
        """Do nothing but note it: memory is there."""
        self._ready = True

    async def put(self, msg: Any = None) -> None:
        """Keep a message, unless `policy` says no; then it is gone."""
        if await self.policy():
            self._queue.append(msg)

    async def size(self) -> int:
        """Return how many messages are kept."""
        return len(self._queue)

    async def empty(self) -> bool:
        """Tell whether none is kept."""
        return not self._queue

    async def get(self) -> Any:
        """Give away the oldest message; raises `IndexError` where there is none."""
        return self._queue.popleft()
