"""What stands for the cell while a mailbox is tested by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from ..kernel import HANDLED, Envelope, Mailbox, Outcome, Parcel, Verdict

PATIENCE = 5.0
"""Seconds for which a box may take its time; on a `VirtualTimeLoop` they are none."""


class Held(Envelope):
    """Stands for a request, or a tick, that has its place in line and is not kept."""

    def __init__(self, message: Any, *, exempt: bool = False) -> None:
        self.message = message
        self.exempt = exempt


class Cell:
    """The `Inlet` of one box: takes note of all that the box says, and handles mail when told."""

    is_up = True

    def __init__(self, box: Mailbox) -> None:
        self.box = box
        self.delivered: list[Parcel] = []
        self.given_up: list[tuple[Any, str]] = []
        self.failures: list[BaseException] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._begun = 0

    # ---- what the box says -----------------------------------------------------------------

    def deliver(self, parcels: Iterable[Parcel]) -> None:
        """Take parcels in line."""
        self.delivered.extend(parcels)
        self._news.set()

    def dead(self, parcel: Parcel, reason: str, error: BaseException | None = None) -> None:
        """Take note of a parcel that was given up."""
        self.given_up.append((parcel.message, reason))
        self._news.set()

    def failed(self, error: BaseException) -> None:
        """Take note that the box cannot go on."""
        self.failures.append(error)
        self._news.set()

    def run(self, coro: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a task of the box."""
        task = asyncio.Task(coro, loop=asyncio.get_running_loop())  # never an eager one
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    # ---- what a test does ------------------------------------------------------------------

    async def has(self, count: int) -> list[Parcel]:
        """Return what was delivered, as soon as it is so many, and see that it is no more."""
        await self.until(lambda: len(self.delivered) >= count, f"{count} messages to come")
        await quiet()
        assert len(self.delivered) == count, f"{count} were due, {len(self.delivered)} came"
        return self.delivered

    async def handle(self, count: int, outcome: Outcome = HANDLED) -> list[Any]:
        """Return the next messages, each settled with `outcome` in its turn."""
        messages = []
        for _ in range(count):
            parcel = await self.begin()
            messages.append(self.read(parcel))
            self.settle(parcel, outcome)
        return messages

    async def begin(self) -> Parcel:
        """Return the next in line, whose turn has come."""
        place = self._begun
        await self.until(lambda: len(self.delivered) > place, f"message {place + 1} to come")
        self._begun += 1
        return self.delivered[place]

    def read(self, parcel: Parcel) -> Any:
        """Return what its handler gets."""
        return self.box.begin(parcel) if parcel.kept else parcel.message

    def settle(self, parcel: Parcel, outcome: Outcome) -> Verdict:
        """Tell the box how its handler has ended."""
        return self.box.settle(parcel, outcome)

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until `holds` is true, which nothing but what the box says can make it."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not holds():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"waited in vain for {what}") from None


async def put(box: Mailbox, parcel: Parcel) -> None:
    """Put `parcel` and wait until it is kept."""
    if (kept := box.put(parcel)) is not None:
        try:
            await asyncio.wait_for(kept, PATIENCE)
        except TimeoutError:
            raise AssertionError("what `put` returned never ended") from None


async def quiet() -> None:
    """Give everything that is ready its turn."""
    for _ in range(50):
        await asyncio.sleep(0)
