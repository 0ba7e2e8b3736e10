"""The durable mailbox of one address: what of its mail is in memory, and what is in the file."""

from __future__ import annotations

import random
import zlib
from collections.abc import Awaitable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from ..errors import MailboxUnavailable, UnreadableRecord
from ..kernel import (
    FINAL,
    HANDLED,
    Again,
    Dead,
    Depth,
    Failed,
    Handled,
    Inlet,
    Outcome,
    Parcel,
    Unreadable,
    Verdict,
    sender,
)
from .asides import Asides
from .backlog import Backlog
from .boxoptions import BoxOptions
from .kept import Kept, now_ms
from .ops import Ending, Letter
from .rows import BoxRow, Row
from .verdicts import Buried, Fate, Retried, plan_settle

if TYPE_CHECKING:
    from ..kernel import MailboxSpec
    from .engine import SqliteEngine

PREFETCH = 128
"""How many messages may be in line ahead of their turn."""
MOST_OUTCOMES = 512
"""How many may wait for their commit before no more is delivered."""


class SqliteBox:
    """Everything that waits for one address. It is there as long as the engine has mail for it.

    A message is in one of these places, in the order of its number::

        put ──> coming ──commit──> delivered ──settle──> its outcome waits for the commit
                          │            ^
                          └─> in the file only ──read, when the cell has room

    A request, or a tick, is never written: it stands in `_asides` until all that was accepted
    before it is delivered.
    """

    prefetch = PREFETCH
    durable = True

    def __init__(self, engine: SqliteEngine, address: str) -> None:
        self.address = address
        self.store = engine
        self.options = BoxOptions()
        self.power = True
        self._engine = engine
        self._inlet: Inlet | None = None
        self._credit = 0
        self._coming: dict[int, Kept] = {}
        self._delivered: dict[int, Kept] = {}
        self._asides = Asides()
        self._backlog = Backlog()
        self._last = 0
        # Outcomes that wait for their commit, and what is counted against the capacity.
        self._ending = 0
        self._found = 0
        self._messages = self._bytes = 0
        self._retrying = 0
        self._saved: bytes | None = None
        # How often what is here is about to become dead letters.
        self._burying = 0

    def find(self, messages: int, size: int, oldest: int, last: int) -> None:
        """Take over what the file has for this address at the start; `last` is its last number."""
        self._backlog.count, self._backlog.oldest = messages, oldest
        self._messages, self._bytes, self._last = messages, size, last

    # ---- the cell's side -----------------------------------------------------------------

    @property
    def has_actor(self) -> bool:
        """Tell whether an actor has this box."""
        return self._inlet is not None

    def adopt(self, spec: MailboxSpec) -> None:
        """Belong to an actor from now on, with its settings."""
        self.change(spec)
        self._found = self._messages

    def change(self, spec: MailboxSpec) -> None:
        """Go by other settings from now on."""
        self.options = options = BoxOptions.of(spec.options)
        self.power = options.durability == "power"

    async def open(self, inlet: Inlet) -> int:
        """Return how many messages were there before the actor; raises why none can be kept."""
        self._engine.check()
        if self._burying:  # of the actor that was here before
            await self._engine.link.flush()
        self._inlet = inlet
        return self._found

    def put(self, parcel: Parcel) -> Awaitable[None] | None:
        """Give `parcel` its place; what is returned ends when it is kept.

        Raises `MailboxUnavailable` while nothing can be written, `Unencodable` and
        `MessageTooLarge`.
        """
        if not parcel.kept:
            if not parcel.exempt:
                self._messages += 1
            self._asides.add(parcel, after=self._last)
            self._hand_out(())
            return None
        if self._engine.problem is not None:
            raise MailboxUnavailable(f"{self.address} cannot keep mail: {self._engine.problem}")
        record = self._engine.codec.encode(parcel.message, sender())
        put = self.place(record, parcel)
        self._engine.link.submit(put)
        return put

    def place(self, record: bytes, parcel: Parcel) -> Kept:
        """Give a record the next number, and count it; somebody is about to have it written."""
        put = Kept(self, self._engine.next_seq(), now_ms(), record, zlib.crc32(record), parcel)
        self._coming[put.seq] = put
        self._last = put.seq
        self._messages += 1
        self._bytes += len(record)
        return put

    def demand(self, count: int) -> None:
        """Deliver up to `count` more."""
        self._credit += count
        self._hand_out(())

    def begin(self, parcel: Parcel) -> Any:
        """Return the message, decoded now, or `Unreadable`; from now on it is in the ledger."""
        kept: Kept = parcel.own
        if kept.slot is None:
            kept.slot = self._engine.ledger.enter(kept.seq)
        self._engine.failpoints.hit("sqlite.begin.after_ledger")
        if zlib.crc32(kept.record) != kept.crc:
            kept.unreadable = "corrupt"
            return Unreadable("corrupt", "the record is not the one that was written")
        try:
            return self._engine.codec.decode(kept.record)
        except UnreadableRecord as error:
            kept.unreadable = error.reason
            return Unreadable(error.reason, error.text)

    def settle(self, parcel: Parcel, outcome: Outcome) -> Verdict:
        """Say what becomes of the message; the outcome is on its way to the file."""
        kept: Kept | None = parcel.own
        if kept is None:
            if not parcel.exempt:
                self._messages -= 1
            self._end_turn(Ending(self), outcome)
            return FINAL
        if kept.slot is not None:
            self._engine.ledger.leave(kept.slot)
            kept.slot = None
        self._engine.failpoints.hit("sqlite.settle.before_submit")
        if outcome.__class__ is Handled:  # as `plan_settle` says, and it is what most are
            self._forget(kept)
            ending = Ending(self, kept.seq)
            if outcome is HANDLED:  # without a turn
                self._submit(ending)
            else:
                self._end_turn(ending, outcome)
            return FINAL
        fate = plan_settle(kept.attempts, kept.unreadable, outcome, self.options)
        return self._carry_out(fate, kept, outcome)

    def _carry_out(self, fate: Fate, kept: Kept, outcome: Outcome) -> Verdict:
        match fate:
            case Buried(reason, attempts):
                self._forget(kept)
                kept.attempts = attempts
                error = outcome.error if isinstance(outcome, Failed) else None
                letter = self._letter(kept, reason, error)
                self._submit(Ending(self, done=kept.seq, letter=letter))
                return Dead(reason)
            case Retried(attempts, within):
                self._retrying += not kept.attempts
                kept.attempts = attempts
                self._submit(Ending(self, tried=(attempts, kept.seq)))
                return Again(random.uniform(0.0, within))
            case _:
                return Again(0.0)

    def depth(self) -> Depth:
        """Return how much is not settled, from memory."""
        return Depth(self._messages, self._bytes, self._oldest_s())

    async def close(self, removed: bool) -> None:
        """Have all outcomes committed; with `removed` the rest becomes dead letters."""
        self._inlet, self._credit = None, 0
        self._burying += removed
        try:
            if removed:
                await self._engine.bury_box(self)
            elif self._ending or self._coming or self._backlog.is_reading:
                await self._engine.link.flush()
        finally:  # also when that took too long
            oldest = next((kept.at for kept in self._delivered.values()), 0)
            self._backlog.give_back(len(self._delivered), oldest)
            self._messages = self._backlog.count + len(self._coming)
            self._delivered.clear()
            self._asides.clear()
            self._retrying = 0

    def buried(self, *, done: bool) -> None:
        """Note that all that came before `close` is dead letters, or is still here if not `done`.

        That may be after its end, and when the next actor has the box.
        """
        self._burying -= 1
        if not done:
            return
        self._messages -= self._backlog.count + len(self._delivered)
        self._bytes = sum(len(put.record) for put in self._coming.values())
        self._backlog.count = self._found = 0
        self._delivered.clear()
        self._saved = None

    # ---- a turn --------------------------------------------------------------------------

    def recall(self, kind: type) -> Any:
        """Return the state that the last settled turn saved, decoded anew; one of `kind` if none.

        Raises `UnreadableRecord` for one that cannot be read any more.
        """
        return kind() if self._saved is None else self._engine.codec.decode_as(self._saved, kind)

    def snapshot(self, saved: Any) -> bytes | None:
        """Return `saved` as it is kept, None when that is what is kept already."""
        record = self._engine.codec.encode(saved)
        return None if record == self._saved else record

    def draft(self, parcel: Parcel) -> None:
        """Encode a message that is sent in a turn, so that its sender hears of a fault."""
        parcel.own = self._engine.codec.encode(parcel.message, sender())

    def find_saved(self, snap: bytes | None) -> None:
        """Take over the state that the file has."""
        self._saved = snap

    def _end_turn(self, ending: Ending, outcome: Outcome) -> None:
        """Submit the end of a message; with a turn, all that belongs to it."""
        if isinstance(outcome, Handled):
            if outcome.saved is not None:
                self._saved = ending.saved = outcome.saved
                ending.crc = zlib.crc32(outcome.saved)
            sends = cast("tuple[tuple[SqliteBox, Parcel], ...]", outcome.sends)  # of this store
            ending.sends = tuple(box.place(parcel.own, parcel) for box, parcel in sends)
            ending.then = outcome.then
        writes = ending.done is not None or ending.saved is not None or ending.sends
        if writes or (ending.then is not None and self._ending):
            self._submit(ending)
        elif ending.then is not None:  # all that it may tell of is committed
            self._engine.link.call_soon(partial(ending.then, None))

    # ---- the engine's side ---------------------------------------------------------------

    def kept(self, puts: list[Kept]) -> None:
        """Take what was committed: straight to the cell, or out of memory again."""
        fresh: list[Kept] = []
        reach, backlog = self._engine.reach(self), self._backlog
        for put in puts:
            del self._coming[put.seq]
            ahead = len(fresh) + len(self._asides)
            if backlog.is_passed and put.seq <= reach and self._may_deliver(ahead):
                backlog.cursor = put.seq
                fresh.append(put)
            else:
                backlog.add(put.at)
        self._hand_out(fresh)

    def refused(self, put: Kept, error: Exception) -> None:
        """Tell the cell of a message that is not kept."""
        self.take_back(put)
        if self._inlet is not None:
            self._inlet.dead(put.parcel, "store_failed", error)

    def take_back(self, put: Kept) -> None:
        """Take back the place of a message that is not kept, and that the cell knows nothing of."""
        del self._coming[put.seq]
        self._messages -= 1
        self._bytes -= len(put.record)
        self._hand_out(())

    def ended(self) -> None:
        """Note that an outcome is committed, or never will be."""
        self._ending -= 1
        is_behind = self._backlog.count and not self._backlog.is_reading
        if is_behind and self._ending in (0, MOST_OUTCOMES - 1):
            self._hand_out(())

    def read(self, rows: list[Row], until: int) -> None:
        """Take what was read from the file: the next in line, up to the number `until`."""
        self._backlog.is_reading = False
        if self._inlet is None:
            return  # it was closed meanwhile: whoever has it next reads them again
        self._backlog.take(rows, until)
        fresh = [Kept.of_row(self, row) for row in rows]
        self._hand_out([one for one in fresh if not self._is_spent(one)])

    def has_ended(self, seq: int) -> bool:
        """Tell whether a message came to its turn here, and its handler has ended."""
        parcel = self._delivered.get(seq)
        return self._backlog.cursor >= seq and (parcel is None or parcel.attempts > parcel.found)

    def stay(self) -> None:
        """Note that the file could not be read: it is read when mail can be kept again."""
        self._backlog.is_reading = False

    @property
    def expects(self) -> bool:
        """Tell whether its actor is going to handle mail by itself."""
        return self._inlet is not None and self._inlet.is_up

    def fail(self, error: Exception) -> None:
        """Tell the cell that there will be no more."""
        if self._inlet is not None:
            self._inlet.failed(error)

    def go_on(self) -> None:
        """Deliver what may be delivered now."""
        self._hand_out(())

    def row(self) -> BoxRow:
        """Return the figures for people."""
        age, size = self._oldest_s(), self._bytes
        return BoxRow(self.address, self._messages, size, age, self._retrying, self.has_actor)

    # ---- delivering ----------------------------------------------------------------------

    def _may_deliver(self, more: int) -> bool:
        return self._inlet is not None and self._credit > more and self._ending < MOST_OUTCOMES

    def _hand_out(self, fresh: list[Kept] | tuple[()]) -> None:
        """Deliver `fresh`, and the requests whose place has come; then ask the file for more."""
        if self._inlet is None:
            return
        for kept in fresh:
            self._hand(kept)
        if self._asides:
            self._deliver(self._asides.merge(fresh, self._credit, self._first_missing()))
        elif fresh:
            self._deliver([kept.parcel for kept in fresh])
        backlog = self._backlog
        is_behind = backlog.count and backlog.cursor < self._engine.reach(self)
        has_ended = backlog.cursor or not self._ending  # else what is over would be read again
        if is_behind and has_ended and not backlog.is_reading and self._may_deliver(0):
            backlog.is_reading = True
            room = max(1, self._credit - len(self._asides))
            self._engine.read(self, backlog.cursor, min(room, PREFETCH))

    def _first_missing(self) -> int | None:
        """Return the least number that the next message not delivered can have; None for none."""
        if self._backlog.count:
            return self._backlog.cursor + 1
        return next(iter(self._coming), None)

    def _hand(self, kept: Kept) -> None:
        """Note that a message is the cell's from now on."""
        self._delivered[kept.seq] = kept
        if kept.attempts:
            self._retrying += 1

    def _deliver(self, line: list[Parcel]) -> None:
        if line:
            assert self._inlet is not None
            self._credit = max(0, self._credit - len(line))
            self._inlet.deliver(line)

    def _is_spent(self, kept: Kept) -> bool:
        """Bury a message with which the host has died as often as it may."""
        if kept.crashes < self.options.max_crashes:
            return False
        assert self._inlet is not None
        self._messages -= 1
        self._bytes -= len(kept.record)
        letter = self._letter(kept, "crashed", None)
        self._submit(Ending(self, done=kept.seq, letter=letter))
        self._inlet.dead(kept.parcel, "crashed", None)
        return True

    # ---- small parts ---------------------------------------------------------------------

    def _submit(self, ending: Ending) -> None:
        self._ending += 1
        self._engine.link.submit(ending)

    def _forget(self, kept: Kept) -> None:
        self._delivered.pop(kept.seq, None)
        if kept.attempts:
            self._retrying -= 1
        self._messages -= 1
        self._bytes -= len(kept.record)

    def _letter(self, kept: Kept, reason: str, error: BaseException | None) -> Letter:
        return kept.letter(reason, error, self._engine.codec.label(kept.record))

    def _oldest_s(self) -> float:
        if not self._messages:
            return 0.0
        first = next(iter(self._delivered.values()), None)
        if first is None and self._backlog.count:
            return _seconds_since(self._backlog.oldest)
        first = first or next(iter(self._coming.values()), None)
        return 0.0 if first is None else _seconds_since(first.at)


def _seconds_since(at: int) -> float:
    return max(0.0, (now_ms() - at) / 1000)
