"""What every mailbox has to do, as tests that one for a new kind of mailbox derives from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any

from ..kernel import (
    FINAL,
    HANDLED,
    RELEASED,
    Envelope,
    Failed,
    Mailbox,
    MailboxSpec,
    Parcel,
)


class Held(Envelope):
    """Stands for a request, or a tick, that has its place in line and is not kept."""

    def __init__(self, message: Any, *, exempt: bool = False) -> None:
        self.message = message
        self.exempt = exempt


class Cell:
    """Stands for the cell: takes note of all that the box says."""

    is_up = True

    def __init__(self) -> None:
        self.delivered: list[Parcel] = []
        self.given_up: list[tuple[Any, str]] = []
        self.failures: list[BaseException] = []
        self.tasks: set[asyncio.Task[None]] = set()

    def deliver(self, parcels: Iterable[Parcel]) -> None:
        """Take parcels in line."""
        self.delivered.extend(parcels)

    def dead(self, parcel: Parcel, reason: str, error: BaseException | None = None) -> None:
        """Take note of a parcel that was given up."""
        self.given_up.append((parcel.message, reason))

    def failed(self, error: BaseException) -> None:
        """Take note that the box cannot go on."""
        self.failures.append(error)

    def run(self, coro: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a task of the box."""
        task = asyncio.Task(coro, loop=asyncio.get_running_loop())  # never an eager one
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def has(self, count: int) -> list[Any]:
        """Return the messages delivered, as soon as there are so many, and see that it is so."""
        for _ in range(1_000):
            if len(self.delivered) >= count:
                break
            await asyncio.sleep(0)
        await quiet()
        messages = [parcel.message for parcel in self.delivered]
        assert len(messages) == count, messages
        return messages


class MailboxContract:
    """Derive ``class TestMine(MailboxContract)`` and say in `make` how to make one.

    Each test opens a box of its own at ``/box``; `make` is called once for each.
    """

    def make(self, spec: MailboxSpec) -> Mailbox:
        """Return an unopened, empty box."""
        raise NotImplementedError

    @asynccontextmanager
    async def opened(self, removed: bool = True) -> AsyncIterator[tuple[Mailbox, Cell]]:
        """Open a box for the block, and close it."""
        box, cell = self.make(MailboxSpec()), Cell()
        assert await box.open(cell) == 0
        try:
            yield box, cell
        finally:
            await box.close(removed)
            assert all(task.done() for task in cell.tasks)

    async def test_messages_come_in_the_order_in_which_they_were_put(self) -> None:
        async with self.opened() as (box, cell):
            for n in range(5):
                box.put(Parcel(n))
            box.demand(5)
            assert await delivered(box, cell, 5) == [0, 1, 2, 3, 4]

    async def test_put_may_be_awaited_or_left_alone(self) -> None:
        async with self.opened() as (box, cell):
            await put(box, Parcel(1))
            box.put(Parcel(2))
            await put(box, Parcel(Held(3)))
            box.demand(3)
            assert await delivered(box, cell, 3) == [1, 2, 3]

    async def test_nothing_is_delivered_that_was_not_demanded(self) -> None:
        async with self.opened() as (box, cell):
            for n in range(3):
                await put(box, Parcel(n))
            await cell.has(0)
            box.demand(1)
            assert await delivered(box, cell, 1) == [0]
            await cell.has(1)
            box.demand(1)
            box.demand(1)
            assert await delivered(box, cell, 3) == [0, 1, 2]

    async def test_credit_waits_for_messages(self) -> None:
        async with self.opened() as (box, cell):
            box.demand(2)
            box.put(Parcel(1))
            assert await delivered(box, cell, 1) == [1]
            box.put(Parcel(2))
            box.put(Parcel(3))
            assert await delivered(box, cell, 2) == [1, 2]

    async def test_requests_and_ticks_keep_their_place_between_messages(self) -> None:
        async with self.opened() as (box, cell):
            box.put(Parcel(1))
            box.put(Parcel(Held("request")))
            box.put(Parcel(2))
            box.put(Parcel(Held("tick", exempt=True)))
            box.demand(4)
            assert await delivered(box, cell, 4) == [1, "request", 2, "tick"]

    async def test_a_request_alone_comes_at_once(self) -> None:
        async with self.opened() as (box, cell):
            box.demand(1)
            box.put(Parcel(Held("request")))
            assert await delivered(box, cell, 1) == ["request"]

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
            box.settle(cell.delivered[0], HANDLED)
            assert box.depth().messages == 1
            await delivered(box, cell, 3, settled=1)
            assert box.depth().messages == 0

    async def test_what_was_released_or_failed_is_final_for_what_is_not_kept(self) -> None:
        async with self.opened() as (box, cell):
            for outcome in (HANDLED, RELEASED, Failed(ValueError())):
                box.put(Parcel(Held(1)))
                box.demand(1)
                await cell.has(1)
                assert box.settle(cell.delivered.pop(), outcome) == FINAL

    async def test_a_closed_box_gives_up_nothing_that_was_settled(self) -> None:
        async with self.opened(removed=False) as (box, cell):
            box.put(Parcel(1))
            box.demand(1)
            await delivered(box, cell, 1)
        assert cell.given_up == []

    async def test_a_closed_box_that_was_removed_has_given_up_its_messages(self) -> None:
        async with self.opened() as (box, cell):
            await put(box, Parcel(1))
            box.put(Parcel(Held("request")))
        assert cell.given_up == [(1, "removed"), ("request", "removed")]
        assert cell.delivered == []


async def delivered(box: Mailbox, cell: Cell, count: int, *, settled: int = 0) -> list[Any]:
    """Settle whatever comes until there are `count`, and return all that came, in order."""
    for _ in range(2_000):
        for parcel in cell.delivered[settled:]:
            settled += 1
            if parcel.kept:
                assert box.begin(parcel) == parcel.message
            box.settle(parcel, HANDLED)
        if settled >= count:
            break
        await asyncio.sleep(0)
    return await cell.has(count)


async def put(box: Mailbox, parcel: Parcel) -> None:
    """Put `parcel` and wait until it is kept."""
    if (kept := box.put(parcel)) is not None:
        await kept


async def quiet() -> None:
    """Give everything that is ready its turn."""
    for _ in range(50):
        await asyncio.sleep(0)
