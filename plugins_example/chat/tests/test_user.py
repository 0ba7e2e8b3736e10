import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from chat.user import User
from websockets.exceptions import ConnectionClosedError
from websockets.protocol import State

from aplay_host import ActorRef, ActorSystem


class Wire:
    """A connection that breaks after so many messages."""

    def __init__(self, breaks_after: int) -> None:
        self.state = State.OPEN
        self.left = breaks_after
        self.sent: list[Any] = []
        self.changed = asyncio.Event()

    async def send(self, text: str) -> None:
        self.changed.set()
        if self.left == 0:
            self.state = State.CLOSED
            raise ConnectionClosedError(None, None)
        self.left -= 1
        self.sent.append(json.loads(text))

    async def has_sent(self, *want: object) -> None:
        while self.sent != list(want):
            self.changed.clear()
            await self.changed.wait()


@pytest.fixture
async def system() -> AsyncIterator[ActorSystem]:
    async with ActorSystem("test") as system:
        yield system


async def user(system: ActorSystem, wires: dict[str, Wire]) -> ActorRef:
    return await system.spawn(User, "bob", kwargs={"connections": wires})


async def test_what_a_broken_connection_did_not_take_comes_first_over_the_next(
    system: ActorSystem,
) -> None:
    wires = {"bob": Wire(breaks_after=2)}
    bob = await user(system, wires)
    for number in range(4):
        bob.tell_nowait({"text": str(number)})
    await asyncio.sleep(1)  # virtual: nothing more happens by itself
    assert [line["text"] for line in wires["bob"].sent] == ["0", "1"]
    bob.tell_nowait({"text": "4"})
    wires["bob"] = Wire(breaks_after=9)
    await bob.start()
    await wires["bob"].has_sent(*({"text": str(number)} for number in (2, 3, 4)))


async def test_the_last_one_is_not_left_behind_either(system: ActorSystem) -> None:
    wires = {"bob": Wire(breaks_after=0)}
    bob = await user(system, wires)
    bob.tell_nowait({"text": "only"})
    await asyncio.sleep(1)
    wires["bob"] = Wire(breaks_after=9)
    await bob.start()
    await wires["bob"].has_sent({"text": "only"})
    assert (bob.status().pending, bob.status().failed) == (0, 0)
