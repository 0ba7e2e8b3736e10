"""A sound mailbox that commits turns, in memory, and one for each fault that a box may have."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cached_property
from typing import Any

from aplay_host.kernel import (
    FINAL,
    Address,
    Again,
    Depth,
    Failed,
    Handled,
    Inlet,
    Mailbox,
    MailboxSpec,
    MakeMailbox,
    Outcome,
    Parcel,
    Released,
    Verdict,
)
from aplay_host.testing import FaultMailbox, Faults
from aplay_host.testing.durable_contract import TurnContract
from aplay_host.testing.mailbox_contract import MailboxContract

from ..kernel.turnbox import TurnBox, TurnStore


class SoundBox(TurnBox):
    """Forgets the state of a removed actor, too."""

    async def close(self, removed: bool) -> None:
        await super().close(removed)
        if removed:
            self.store.state.pop(self.address, None)


class InMemory(TurnContract):
    """The contract of boxes of the class `box`."""

    box: type[TurnBox] = SoundBox

    @cached_property
    def store(self) -> TurnStore:
        return TurnStore()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[MakeMailbox]:
        self.store.newest = dict(self.store.state)
        yield lambda address, spec: self.box(self.store, address)
        self.store.commit()

    def kill(self) -> None:
        left = TurnStore()
        left.rows, left.state = dict(self.store.rows), dict(self.store.state)
        left.numbers = iter(range(max(left.rows, default=0) + 1, 1_000_000))
        self.store = left


# Its place, and credit


class NewestFirst(SoundBox):
    def _stand(self, parcel: Parcel) -> None:
        self.held += not parcel.exempt
        self.line.appendleft(parcel)
        self._deliver()


class NeverKept(SoundBox):
    def put(self, parcel: Parcel) -> asyncio.Future[None] | None:
        super().put(parcel)
        return asyncio.get_running_loop().create_future() if parcel.kept else None


class RequestsFirst(SoundBox):
    def _stand(self, parcel: Parcel) -> None:
        super()._stand(parcel)
        self.line = deque(sorted(self.line, key=lambda one: one.kept))


class RequestsWaitForMail(SoundBox):
    def _deliver(self) -> None:
        if any(one.kept for one in self.line):
            super()._deliver()


class SendsEqualsOnce(SoundBox):
    def put(self, parcel: Parcel) -> asyncio.Future[None] | None:
        if any(parcel.kept and one.message == parcel.message for one in self.line):
            return None
        return super().put(parcel)


class DeliversUnasked(SoundBox):
    def _deliver(self) -> None:
        self.credit += 1
        super()._deliver()


class ForgetsCredit(SoundBox):
    def demand(self, count: int) -> None:
        super().demand(count)
        self.credit = 0


class OneAtATime(SoundBox):
    out = False

    def _deliver(self) -> None:
        if not self.out and self.credit and self.line and self.line[0] in self.ready:
            self.out, credit, self.credit = True, self.credit, 1
            super()._deliver()
            self.credit = credit - 1

    def settle(self, parcel: Parcel, outcome: Outcome) -> Verdict:
        verdict = super().settle(parcel, outcome)
        self.out = False
        self._deliver()
        return verdict


# Depth and settle


class CountsNothing(SoundBox):
    def depth(self) -> Depth:
        return Depth(0)


class ConfirmsTheFirstOnly(SoundBox):
    confirmed = False

    def put(self, parcel: Parcel) -> asyncio.Future[None] | None:
        kept = super().put(parcel)
        first, self.confirmed = not self.confirmed, True
        return kept if first else asyncio.get_running_loop().create_future()


class CountsWhatWaits(SoundBox):
    def depth(self) -> Depth:
        return Depth(sum(not one.exempt for one in self.line))


class TriesRequestsAgain(SoundBox):
    def _verdict(self, parcel: Parcel, outcome: Outcome) -> Verdict:
        if not parcel.kept and isinstance(outcome, Failed):
            self.tries[parcel] += 1
            return Again() if self.tries[parcel] < 3 else FINAL
        return super()._verdict(parcel, outcome)


class TriesRequestsAsMessages(SoundBox):
    def settle(self, parcel: Parcel, outcome: Outcome) -> Verdict:
        if not parcel.kept and isinstance(outcome, Failed):
            self.put(Parcel(parcel.message))
        return super().settle(parcel, outcome)


class NeverDone(SoundBox):
    def _verdict(self, parcel: Parcel, outcome: Outcome) -> Verdict:
        return Again() if parcel.kept else FINAL


class ReadsErrors(SoundBox):
    def settle(self, parcel: Parcel, outcome: Outcome) -> Verdict:
        if isinstance(outcome, Failed):
            str(outcome.error)
        return super().settle(parcel, outcome)


class BuriesWhatFails(SoundBox):
    def _verdict(self, parcel: Parcel, outcome: Outcome) -> Verdict:
        if parcel.kept and isinstance(outcome, Failed) and self.inlet is not None:
            self.inlet.dead(parcel, "failed")
            return FINAL
        return super()._verdict(parcel, outcome)


class LosesWhatNobodyWants(SoundBox):
    def put(self, parcel: Parcel) -> asyncio.Future[None] | None:
        if parcel.kept and not self.credit and self.inlet is not None:
            return None
        return super().put(parcel)


# The end


class GivesUpWhatIsOver(SoundBox):
    def settle(self, parcel: Parcel, outcome: Outcome) -> Verdict:
        self.last = parcel
        return super().settle(parcel, outcome)

    async def close(self, removed: bool) -> None:
        await super().close(removed)
        if self.inlet is not None:
            self.inlet.dead(self.last, "shutdown")


class KeepsMailOfTheRemoved(SoundBox):
    async def close(self, removed: bool) -> None:
        await super().close(False)


class GivesUpTwice(SoundBox):
    async def close(self, removed: bool) -> None:
        assert self.inlet is not None
        for parcel in (*self.line, *self.line):
            self.inlet.dead(parcel, "removed")
        await super().close(removed)


# Durable


class SaysNothingOfLasting(SoundBox):
    durable = False


class FindsWhatWasPut(SoundBox):
    async def open(self, inlet: Inlet) -> int:
        await super().open(inlet)
        return len(self.line)


class ForgetsTheReleased(SoundBox):
    def _verdict(self, parcel: Parcel, outcome: Outcome) -> Verdict:
        return FINAL if isinstance(outcome, Released) else super()._verdict(parcel, outcome)


class NewBeforeOld(SoundBox):
    async def open(self, inlet: Inlet) -> int:
        self.line = deque([*tuple(self.line)[self.found :], *tuple(self.line)[: self.found]])
        return await super().open(inlet)


class FoundIsFree(SoundBox):
    async def open(self, inlet: Inlet) -> int:
        self.held -= self.found
        return await super().open(inlet)


class KeepsRequests(SoundBox):
    def put(self, parcel: Parcel) -> asyncio.Future[None] | None:
        if not parcel.kept:
            self._insert(parcel, '"a request"')
        return super().put(parcel)


class HandsOutTheOriginal(SoundBox):
    def begin(self, parcel: Parcel) -> Any:
        return super().begin(parcel) if parcel.message is None else parcel.message


class TakesAnything(SoundBox):
    def put(self, parcel: Parcel) -> asyncio.Future[None] | None:
        try:
            return super().put(parcel)
        except TypeError:
            return super().put(Parcel("something"))


class ChargesReleases(SoundBox):
    def _verdict(self, parcel: Parcel, outcome: Outcome) -> Verdict:
        charged = Failed(ValueError()) if isinstance(outcome, Released) else outcome
        return super()._verdict(parcel, charged)


class ConfirmsBeforeTheCommit(SoundBox):
    def put(self, parcel: Parcel) -> asyncio.Future[None] | None:
        super().put(parcel)
        return None


class DeafAfterItsEnd(SoundBox):
    def put(self, parcel: Parcel) -> asyncio.Future[None] | None:
        return None if self.closed else super().put(parcel)


class DoneBeforeTheHandler(SoundBox):
    def begin(self, parcel: Parcel) -> Any:
        message = super().begin(parcel)
        self.store.rows[-1] = self.store.rows.pop(self.seqs[parcel])
        del self.store.rows[-1]
        self.seqs.pop(parcel)
        return message


class ForgetsSettles(SoundBox):
    def _delete(self, seq: int, verdict: Verdict) -> None:
        pass


# The turn


class StandsAlone(SoundBox):
    def __init__(self, store: TurnStore, address: str) -> None:
        super().__init__(store, address)
        self.__dict__["real"] = store

    @property
    def store(self) -> Any:
        return Proxy(self.__dict__["real"]) if "real" in self.__dict__ else self._first

    @store.setter
    def store(self, store: Any) -> None:
        self._first = store


class Proxy:
    """Another object for the same store."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class BeginsAtSeven(SoundBox):
    def recall(self, kind: type[Any]) -> Any:
        return super().recall(kind) if self.address in self.store.newest else kind(7)


class LeavesTheStateOut(SoundBox):
    def _commit_turn(self, outcome: Handled) -> None:
        super()._commit_turn(Handled(None, outcome.sends, outcome.then))


class SendsBeforeTheCommit(SoundBox):
    def take(self, parcel: Parcel) -> None:
        super().take(parcel)
        for op in self.store.ops:
            op()


class SendsDrafts(SoundBox):
    def draft(self, parcel: Parcel) -> None:
        super().draft(parcel)
        self.take(parcel)


class SendsPassOthers(SoundBox):
    def take(self, parcel: Parcel) -> None:
        super().take(parcel)
        self.line.rotate(1)


class RecallsWhatIsCommitted(SoundBox):
    def recall(self, kind: type[Any]) -> Any:
        self.store.newest = dict(self.store.state)
        return super().recall(kind)


class WritesEqualStates(SoundBox):
    def snapshot(self, saved: Any) -> str | None:
        self.store.newest.pop(self.address, None)
        return super().snapshot(saved)


class TurnsOfMessagesOnly(SoundBox):
    def settle(self, parcel: Parcel, outcome: Outcome) -> Verdict:
        if not parcel.kept and isinstance(outcome, Handled):
            outcome = Handled(then=outcome.then)
        return super().settle(parcel, outcome)


class TellsOfWritesOnly(SoundBox):
    def _commit_turn(self, outcome: Handled) -> None:
        if outcome.saved is not None or outcome.sends:
            super()._commit_turn(outcome)


class DraftsAnything(SoundBox):
    def draft(self, parcel: Parcel) -> None:
        pass


class KeepsTheStateOfTheRemoved(SoundBox):
    async def close(self, removed: bool) -> None:
        await TurnBox.close(self, removed)


# What fails, by the mailbox that can be told to


class TellsNobodyOfAFailure(FaultMailbox):
    async def _keep(self, parcel: Parcel, kept: asyncio.Future[None]) -> None:
        self._coming.popleft()
        self._line.append(parcel)
        kept.set_result(None)


class FailsInSilence(FaultMailbox):
    def _deliver(self) -> None:
        if self._faults.read_error is None:
            super()._deliver()


class LosesMailThatFails(FaultMailbox):
    def _deliver(self) -> None:
        if self._faults.read_error is not None and self._credit:
            self._line.clear()
            self._inlet.failed(self._faults.read_error)
        super()._deliver()


class WithFaults(MailboxContract):
    """The contract of boxes of the class `box`, which a test can tell to fail."""

    box: type[FaultMailbox] = FaultMailbox

    @cached_property
    def faults(self) -> Faults:
        return Faults()

    def make(self, address: Address, spec: MailboxSpec) -> Mailbox:
        return self.box(self.faults, address)

    @contextmanager
    def failing_puts(self) -> Iterator[None]:
        self.faults.keep_error = OSError("no room")
        yield
        self.faults.keep_error = None

    @contextmanager
    def failing_reads(self) -> Iterator[None]:
        self.faults.read_error = OSError("no answer")
        yield
        self.faults.read_error = None
