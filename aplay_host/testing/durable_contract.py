"""What a mailbox has to do whose mail is there at the next start, and one that commits turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import pytest

from ..kernel import HANDLED, RELEASED, Again, Handled, MakeMailbox, Outcome, Parcel, TurnMailbox
from ..mailboxes import message
from .cell import PATIENCE, Cell, Held, put
from .mailbox_contract import MailboxContract, box_at, failure_of


class DurableContract(MailboxContract):
    """Derive from it for a box that is `durable`; say in `running` how its store is opened.

    `running` is entered several times in a test, one after another, and finds what the time
    before has left; `kill` decides what that is. Second tries are to come at once.
    """

    def running(self) -> AbstractAsyncContextManager[MakeMailbox]:
        """Open the test's one store for a block, which is given what makes its boxes."""
        raise NotImplementedError

    def kill(self) -> None:
        """Have the next `running` find what a kill -9 would leave now, as in a copy of the files.

        The store that is open goes on, and is closed as ever.
        """
        raise NotImplementedError

    @asynccontextmanager
    async def there(self, found: int) -> AsyncIterator[tuple[Any, Cell]]:
        """Open the box again, which finds so many messages and may deliver them."""
        async with self.opened(found) as (box, cell):
            box.demand(found + 1)
            yield box, cell

    async def test_it_says_that_it_is_durable(self) -> None:
        async with self.running() as make:
            assert box_at(make).durable is True

    async def test_what_is_put_before_it_opens_is_kept_and_not_counted_as_found(self) -> None:
        async with self.running() as make:
            box = box_at(make)
            await put(box, Parcel(1))
            box.put(Parcel(Held("request")))
            cell = Cell(box)
            assert await box.open(cell) == 0
            box.put(Parcel(2))
            box.demand(3)
            assert await cell.handle(3) == [1, "request", 2]
            await box.close(False)

    async def test_what_was_not_settled_is_found_in_order_and_nothing_else(self) -> None:
        async with self.opened() as (box, cell):
            for number in range(6):
                box.put(Parcel(number))
            box.demand(4)
            assert await cell.handle(1) == [0]
            assert await cell.handle(1, RELEASED) == [1]
            await cell.has(4)  # of which two are left as they are
        async with self.there(5) as (box, cell):
            assert await cell.handle(5) == [1, 2, 3, 4, 5]
            await cell.has(5)
        async with self.there(0) as (box, cell):
            await cell.has(0)

    async def test_what_was_found_comes_before_what_is_new(self) -> None:
        async with self.opened() as (box, cell):
            await put(box, Parcel("old"))
        async with self.running() as make:
            box = box_at(make)
            await put(box, Parcel("before"))
            cell = Cell(box)
            assert await box.open(cell) == 1
            await put(box, Parcel("after"))
            box.demand(3)
            assert await cell.handle(3) == ["old", "before", "after"]
            await box.close(False)

    async def test_found_mail_counts_as_not_settled(self) -> None:
        async with self.opened() as (box, cell):
            await put(box, Parcel(1))
            assert box.depth().messages == 1
        async with self.there(1) as (box, cell):
            assert box.depth().messages == 1
            await cell.handle(1)
            assert box.depth().messages == 0

    async def test_requests_and_ticks_are_gone_at_the_next_start(self) -> None:
        async with self.opened() as (box, cell):
            box.put(Parcel(Held("request")))
            await put(box, Parcel(1))
            box.put(Parcel(Held("tick", exempt=True)))
        async with self.there(1) as (box, cell):
            assert await cell.handle(1) == [1]
            await cell.has(1)

    async def test_what_is_handled_is_what_was_told_and_not_what_became_of_it(self) -> None:
        async with self.opened() as (box, cell):
            told = ["told"]
            box.put(Parcel(told))
            told.append("later")
            box.demand(1)
            assert await cell.handle(1) == [["told"]]

    async def test_what_cannot_be_kept_is_refused_at_once_and_takes_no_room(self) -> None:
        async with self.opened() as (box, _):
            with pytest.raises(Exception):  # noqa: B017, PT011 - which one is the store's own
                box.put(Parcel(object()))
            assert box.depth().messages == 0

    async def test_being_released_is_never_an_attempt(self) -> None:
        async with self.opened() as (box, cell):
            box.put(Parcel(1))
            box.demand(1)
            parcel = await cell.begin()
            for _ in range(50):
                assert cell.read(parcel) == 1
                assert cell.settle(parcel, RELEASED) == Again(0.0)
        async with self.there(1) as (box, cell):
            assert await cell.handle(1) == [1]

    async def test_what_put_waited_for_survives_a_kill(self) -> None:
        async with self.opened() as (box, cell):
            for number in range(3):
                await put(box, Parcel(number))
            self.kill()
        async with self.there(3) as (box, cell):
            assert await cell.handle(3) == [0, 1, 2]

    async def test_what_is_put_after_its_end_is_kept_for_the_next_start(self) -> None:
        async with self.running() as make:
            box = box_at(make)
            await box.open(Cell(box))
            await box.close(False)
            await put(box, Parcel("late"))
        async with self.there(1) as (box, cell):
            assert await cell.handle(1) == ["late"]

    async def test_what_is_settled_is_over_only_when_it_was(self) -> None:
        """A message in hand is there after a kill: it may not be gone before it was handled."""
        async with self.opened() as (box, cell):
            await put(box, Parcel(1))
            box.demand(1)
            cell.read(await cell.begin())
            self.kill()
        async with self.there(1) as (box, cell):
            assert await cell.handle(1) == [1]

    async def test_what_was_settled_before_the_end_is_over_after_a_kill(self) -> None:
        async with self.opened() as (box, cell):
            await put(box, Parcel(1))
            box.demand(1)
            await cell.handle(1)
        self.kill()
        async with self.there(0) as (box, cell):
            await cell.has(0)

    async def test_a_box_whose_actor_is_removed_gives_up_what_waits_in_order(self) -> None:
        """Its store has the dead letters; the next actor at the address begins with nothing."""
        async with self.opened(removed=True) as (box, cell):
            await put(box, Parcel(1))
        async with self.there(0) as (box, cell):
            await put(box, Parcel(2))
            assert await cell.handle(1) == [2]


@message("aplay-testing:Tally@1")
@dataclass
class Tally:
    """What the actor of a test saves; a store that knows its types by name has to know it."""

    count: int = 0


class TurnContract(DurableContract):
    """Derive from it for a box that commits turns, a `TurnMailbox`.

    The boxes of one `running` are of one store. `Tally` has to be a type that it knows.
    """

    @asynccontextmanager
    async def two(self) -> AsyncIterator[tuple[TurnMailbox, Cell, TurnMailbox]]:
        """Open a box with one message, which is delivered and begun, and one to send to."""
        async with self.running() as make:
            box, other = turn_box(make), turn_box(make, "/other")
            cell, beside = Cell(box), Cell(other)
            assert (await box.open(cell), await other.open(beside)) == (0, 0)
            await put(box, Parcel("told"))
            box.demand(1)
            cell.read(await cell.begin())
            yield box, cell, other
            await box.close(False)
            await other.close(False)

    async def left(self) -> tuple[int, int, int]:
        """Return what the next start finds: the box's messages, its count, the other's messages."""
        async with self.running() as make:
            box, other = turn_box(make), turn_box(make, "/other")
            mail = (await box.open(Cell(box)), await other.open(Cell(other)))
            count = box.recall(Tally).count
            await box.close(False)
            await other.close(False)
        return mail[0], count, mail[1]

    async def test_boxes_of_one_store_say_so(self) -> None:
        async with self.running() as make:
            assert turn_box(make).store is turn_box(make, "/other").store

    async def test_the_state_is_a_new_one_where_there_is_none(self) -> None:
        assert await self.left() == (0, Tally().count, 0)

    async def test_message_state_and_sends_are_there_as_a_whole(self) -> None:
        async with self.two() as (box, cell, other):
            await committed(cell, turn(box, 1, other))
            self.kill()
        assert await self.left() == (0, 1, 1)

    async def test_nothing_of_a_turn_is_there_without_the_rest(self) -> None:
        async with self.two() as (box, cell, other):
            cell.settle(cell.delivered[0], turn(box, 1, other))
            self.kill()  # the commit may be over, or not have begun
        assert await self.left() in [(1, 0, 0), (0, 1, 1)]

    async def test_what_was_drafted_and_not_sent_is_nowhere(self) -> None:
        async with self.two() as (box, cell, other):
            turn(box, 1, other)
            cell.settle(cell.delivered[0], RELEASED)
        assert await self.left() == (1, 0, 0)

    async def test_a_send_comes_in_its_place_after_the_turn(self) -> None:
        async with self.running() as make:
            box, other = turn_box(make), turn_box(make, "/other")
            cell, beside = Cell(box), Cell(other)
            await box.open(cell)
            await other.open(beside)
            outcome = turn(box, 1, other)
            await put(other, Parcel("first"))
            box.put(Parcel("told"))
            box.demand(1)
            cell.read(await cell.begin())
            await committed(cell, outcome)
            await put(other, Parcel("last"))
            other.demand(3)
            assert await beside.handle(3) == ["first", "sent", "last"]
            await box.close(False)
            await other.close(False)

    async def test_the_newest_state_is_recalled_anew_before_it_is_committed(self) -> None:
        async with self.two() as (box, cell, other):
            cell.settle(cell.delivered[0], turn(box, 1, other))
            first, second = box.recall(Tally), box.recall(Tally)
            assert first == second == Tally(1)
            assert first is not second

    async def test_a_state_that_is_kept_already_is_nothing_to_write(self) -> None:
        async with self.two() as (box, cell, other):
            assert box.snapshot(Tally(1)) is not None
            cell.settle(cell.delivered[0], turn(box, 1, other))
            assert box.snapshot(Tally(1)) is None
            assert box.snapshot(Tally(2)) is not None

    async def test_a_turn_of_what_was_never_put_is_committed_as_well(self) -> None:
        async with self.two() as (box, cell, other):
            await committed(cell, turn(box, 1, other), Parcel(Held("notice", exempt=True)))
            self.kill()
        assert await self.left() == (1, 1, 1)

    async def test_the_end_is_told_without_state_and_sends_too(self) -> None:
        async with self.two() as (_, cell, _):
            await committed(cell, Handled())
            self.kill()
        assert await self.left() == (0, 0, 0)

    async def test_a_draft_that_cannot_be_kept_is_refused_as_a_put_is(self) -> None:
        async with self.two() as (box, cell, other):
            refused = await failure_of(box, object())
            assert refused is not None
            with pytest.raises(type(refused)):
                other.draft(Parcel(object()))
            cell.settle(cell.delivered[0], HANDLED)

    async def test_the_state_of_a_removed_actor_is_gone(self) -> None:
        async with self.two() as (box, cell, other):
            await committed(cell, turn(box, 1, other))
        async with self.opened(removed=True):
            pass
        assert await self.left() == (0, 0, 1)


def turn_box(make: MakeMailbox, address: str = "/box") -> TurnMailbox:
    """Return the box of an address."""
    box: Any = box_at(make, address)
    return cast("TurnMailbox", box)


def turn(box: TurnMailbox, count: int, other: TurnMailbox) -> Handled:
    """Return the end of a turn that counted up to `count` and told `other` something."""
    sent = Parcel("sent")
    other.draft(sent)
    return Handled(box.snapshot(Tally(count)), ((other, sent),))


async def committed(cell: Cell, outcome: Handled, parcel: Parcel | None = None) -> None:
    """Settle the first message, or `parcel`, and wait for the commit to be told."""
    told: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
    end: Outcome = Handled(outcome.saved, outcome.sends, told.set_result)
    cell.settle(cell.delivered[0] if parcel is None else parcel, end)
    try:
        error = await asyncio.wait_for(told, PATIENCE)
    except TimeoutError:
        raise AssertionError("`then` of a turn was never called") from None
    assert error is None, f"`then` of a turn was called with {error!r}"
