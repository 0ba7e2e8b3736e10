"""A kind of mailbox for aplay-host: a ring, which keeps the newest of the mail that waits."""

from collections import deque
from collections.abc import Iterator
from typing import Annotated

import msgspec

from aplay_host import Address, MailboxRegistration, hookimpl
from aplay_host.kernel import FINAL, Depth, Inlet, MailboxSpec, Outcome, Parcel, Verdict


class Options(msgspec.Struct, frozen=True):
    """`size`: how many messages may wait."""

    size: Annotated[int, msgspec.Meta(ge=1)] = 100


class Ring:
    """Gives up the oldest message that waits for a newer one: a dead letter ``dropped``.

    Requests are never given up, for somebody waits for the answer; they take no place in the
    ring. What was handed to a handler is out of it, and so nothing is handed out early.
    """

    prefetch = 0

    def __init__(self, address: Address, spec: MailboxSpec) -> None:
        self._size: int = spec.options.size
        self._waiting: deque[Parcel] = deque()
        self._messages = 0  # those that wait and may be given up
        self._credit = self._unsettled = 0

    async def open(self, inlet: Inlet) -> int:
        """Begin empty."""
        self._inlet = inlet
        return 0

    def put(self, parcel: Parcel) -> None:
        """Keep `parcel`, in place of the oldest where the ring is full."""
        self._unsettled += not parcel.exempt
        self._messages += parcel.kept
        self._waiting.append(parcel)
        self._deliver()
        if self._messages > self._size:
            oldest = next(one for one in self._waiting if one.kept)
            self._waiting.remove(oldest)
            self._give_up(oldest, "dropped")

    def demand(self, count: int) -> None:
        """Deliver that many more, the oldest first."""
        self._credit += count
        self._deliver()

    def _deliver(self) -> None:
        while self._credit and self._waiting:
            parcel = self._waiting.popleft()
            self._credit -= 1
            self._messages -= parcel.kept
            self._inlet.deliver((parcel,))

    def begin(self, parcel: Parcel) -> object:
        """Return the message as it was sent."""
        return parcel.message

    def settle(self, parcel: Parcel, outcome: Outcome) -> Verdict:
        """Say that each message has one try."""
        self._unsettled -= not parcel.exempt
        return FINAL

    def depth(self) -> Depth:
        """Return how many messages wait or are being handled."""
        return Depth(self._unsettled)

    async def close(self, removed: bool) -> None:
        """Give up what waits: there is no next time for it."""
        while self._waiting:
            self._give_up(self._waiting.popleft(), "removed" if removed else "shutdown")

    def _give_up(self, parcel: Parcel, reason: str) -> None:
        self._unsettled -= not parcel.exempt
        self._messages -= parcel.kept
        self._inlet.dead(parcel, reason)


@hookimpl
def aplay_mailboxes() -> Iterator[MailboxRegistration]:
    """Offer the ring as ``mailbox = { kind = "ring", size = … }``."""
    yield MailboxRegistration("ring", Ring, survives="restart", options=Options)
