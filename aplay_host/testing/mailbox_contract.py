"""What every mailbox has to do, as tests that one for a new kind of mailbox derives from."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any

import pytest

from ..kernel import (
    FINAL,
    HANDLED,
    RELEASED,
    Address,
    Again,
    Dead,
    Failed,
    Final,
    Mailbox,
    MailboxSpec,
    MakeMailbox,
    Outcome,
    Parcel,
)
from .cell import Cell, Held, put, quiet
from .mail_contract import MailContract


class Untellable(Exception):
    """What some guest may raise: there is nothing to be had of it but its type."""

    def __str__(self) -> str:
        raise RuntimeError("nothing to tell")


class MailboxContract(MailContract):
    """Derive ``class TestMine(MailboxContract)`` and say in `make` how to make one.

    Each test opens boxes of its own, empty ones; most have one at ``/box``. Say also how yours
    comes to fail, if it can: `failing_puts` and `failing_reads`.
    """

    def failing_puts(self) -> AbstractContextManager[object] | None:
        """Return a block within which nothing can be kept; None where that does not happen."""
        return None

    def failing_reads(self) -> AbstractContextManager[object] | None:
        """Return a block within which nothing can be delivered; None where that does not happen.

        It is begun before anything is put.
        """
        return None

    @asynccontextmanager
    async def opened(
        self, found: int = 0, *, removed: bool = False
    ) -> AsyncIterator[tuple[Mailbox, Cell]]:
        """Open a box that finds so many messages for the block, and close it."""
        async with self.running() as make:
            box = box_at(make)
            cell = Cell(box)
            assert await box.open(cell) == found
            yield box, cell
            await box.close(removed)
            assert all(task.done() for task in cell.tasks), "a task of the box outlives it"
            came = len(cell.delivered)
            await quiet()
            assert len(cell.delivered) == came, "delivered after its end"

    # ---- its place ---------------------------------------------------------------------------

    async def test_messages_come_in_the_order_in_which_they_were_put(self) -> None:
        async with self.opened() as (box, cell):
            for n in range(5):
                box.put(Parcel(n))
            box.demand(5)
            assert await cell.handle(5) == [0, 1, 2, 3, 4]

    async def test_put_may_be_awaited_or_left_alone(self) -> None:
        async with self.opened() as (box, cell):
            await put(box, Parcel(1))
            left = box.put(Parcel(2))
            assert not inspect.iscoroutine(left), "nobody may run it"
            await put(box, Parcel(Held(3)))
            box.demand(3)
            assert await cell.handle(3) == [1, 2, 3]

    async def test_requests_and_ticks_keep_their_place_between_messages(self) -> None:
        async with self.opened() as (box, cell):
            box.put(Parcel(1))
            box.put(Parcel(Held("request")))
            box.put(Parcel(2))
            box.put(Parcel(Held("tick", exempt=True)))
            box.demand(4)
            assert await cell.handle(4) == [1, "request", 2, "tick"]

    async def test_a_request_alone_comes_at_once(self) -> None:
        async with self.opened() as (box, cell):
            box.demand(1)
            box.put(Parcel(Held("request")))
            assert await cell.handle(1) == ["request"]

    async def test_equal_messages_are_all_delivered(self) -> None:
        async with self.opened() as (box, cell):
            for _ in range(3):
                box.put(Parcel("same"))
            box.demand(3)
            assert await cell.handle(3) == ["same"] * 3
            await cell.has(3)

    # ---- credit ------------------------------------------------------------------------------

    async def test_nothing_is_delivered_that_was_not_demanded(self) -> None:
        async with self.opened() as (box, cell):
            for n in range(3):
                await put(box, Parcel(n))
            box.put(Parcel(Held("request")))
            await cell.has(0)
            box.demand(1)
            assert await cell.handle(1) == [0]
            await cell.has(1)
            box.demand(1)
            box.demand(2)
            assert await cell.handle(3) == [1, 2, "request"]

    async def test_credit_waits_for_messages(self) -> None:
        async with self.opened() as (box, cell):
            box.demand(2)
            box.put(Parcel(1))
            assert await cell.handle(1) == [1]
            box.put(Parcel(2))
            box.put(Parcel(3))
            assert await cell.handle(1) == [2]
            await cell.has(2)

    async def test_more_is_delivered_before_what_came_is_settled(self) -> None:
        async with self.opened() as (box, cell):
            for n in range(2):
                box.put(Parcel(n))
            box.demand(2)
            first, second = list(await cell.has(2))
            assert (cell.read(first), cell.read(second)) == (0, 1)
            cell.settle(second, HANDLED)
            cell.settle(first, HANDLED)

    # ---- depth and settle --------------------------------------------------------------------

    async def test_depth_counts_what_is_not_settled_but_for_ticks(self) -> None:
        async with self.opened() as (box, cell):
            assert box.depth().messages == 0
            box.put(Parcel(1))
            box.put(Parcel(Held(2)))
            box.put(Parcel(Held("tick", exempt=True)))
            assert box.depth().messages == 2
            box.demand(3)
            await cell.has(3)
            assert box.depth().messages == 2
            await cell.handle(1)
            assert box.depth().messages == 1
            await cell.handle(2)
            assert box.depth().messages == 0

    async def test_what_was_not_kept_is_final_however_it_ended(self) -> None:
        async with self.opened() as (box, cell):
            for outcome in ALL_OUTCOMES:
                box.put(Parcel(Held(1)))
                box.demand(1)
                assert cell.settle(await cell.begin(), outcome) == FINAL

    async def test_a_handled_message_is_final(self) -> None:
        async with self.opened() as (box, cell):
            box.put(Parcel(1))
            box.demand(1)
            parcel = await cell.begin()
            cell.read(parcel)
            assert cell.settle(parcel, HANDLED) == FINAL

    async def test_settle_never_raises_and_a_message_takes_room_until_it_is_over(self) -> None:
        async with self.opened() as (box, cell):
            for outcome in ALL_OUTCOMES:
                box.put(Parcel(1))
                box.demand(1)
                parcel = await cell.begin()
                cell.read(parcel)
                for _ in range(100):
                    verdict = cell.settle(parcel, outcome)
                    assert isinstance(verdict, Final | Again | Dead)
                    assert box.depth().messages == isinstance(verdict, Again)
                    if not isinstance(verdict, Again):
                        break
                    assert verdict.after >= 0
                    cell.read(parcel)
                else:
                    cell.settle(parcel, HANDLED)
            assert box.depth().messages == 0

    # ---- the end -----------------------------------------------------------------------------

    async def test_a_closed_box_gives_up_nothing_that_was_settled(self) -> None:
        async with self.opened() as (box, cell):
            box.put(Parcel(1))
            box.demand(1)
            assert await cell.handle(1) == [1]
        assert cell.given_up == []

    async def test_a_box_whose_actor_is_removed_gives_up_what_waits_in_order(self) -> None:
        async with self.opened(removed=True) as (box, cell):
            await put(box, Parcel(1))
            box.put(Parcel(Held("request")))
        assert cell.given_up == [(1, "removed"), ("request", "removed")]
        assert cell.delivered == []

    # ---- faults ------------------------------------------------------------------------------

    async def test_a_put_that_fails_is_told_and_takes_no_room(self) -> None:
        failing = self.failing_puts()
        if failing is None:
            pytest.skip("no put fails")
        async with self.opened() as (box, cell):
            with failing:
                error = await failure_of(box, "lost")
                assert error is not None, "nobody heard of it"
                assert box.depth().messages == 0
            await put(box, Parcel("kept"))
            box.demand(1)
            assert await cell.handle(1) == ["kept"]
            assert cell.given_up in ([], [("lost", "store_failed")])

    async def test_a_box_that_could_not_deliver_says_so_and_goes_on_when_asked_anew(self) -> None:
        failing = self.failing_reads()
        if failing is None:
            pytest.skip("no delivery fails")
        async with self.opened() as (box, cell):
            with failing:
                for n in range(2):
                    box.put(Parcel(n))
                box.demand(2)
                await cell.until(lambda: bool(cell.failures), "`failed` to be called")
                await cell.has(0)
            box.demand(2)
            assert await cell.handle(2) == [0, 1]


ALL_OUTCOMES: tuple[Outcome, ...] = (HANDLED, RELEASED, Failed(ValueError()), Failed(Untellable()))


def box_at(make: MakeMailbox, address: str = "/box") -> Any:
    """Return the box of an address."""
    box = make(Address(address), MailboxSpec())
    assert box is not None
    return box


async def failure_of(box: Mailbox, message: Any) -> BaseException | None:
    """Return what a put raised, or what it returned ended with."""
    try:
        await put(box, Parcel(message))
    except Exception as error:
        return error
    return None
