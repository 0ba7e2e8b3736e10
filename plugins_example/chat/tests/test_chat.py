import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from chat.room import BAD_NAME, Room
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from aplay_host import ActorRef, ActorSystem

pytestmark = pytest.mark.real_time  # the library's time-outs would win against the sockets


class Party:
    """A room on a port of its own, and those who come to it."""

    def __init__(self, system: ActorSystem, room: ActorRef) -> None:
        self.system = system
        self.room = room
        self._guests: list[ClientConnection] = []

    async def enter(self, name: str) -> ClientConnection:
        """Connect, and return when the room knows it."""
        guest = await connect(f"{await self.room.ask({'get': 'url'})}/{name}", proxy=None)
        self._guests.append(guest)
        while (await self.users()).get(name) != "here":
            pass
        return guest

    async def users(self) -> dict[str, str]:
        users: dict[str, str] = await self.room.ask({"get": "users"})
        return users

    async def leave(self, name: str, guest: ClientConnection) -> None:
        """Close the connection, and return when the room has noticed."""
        await guest.close()
        while (await self.users())[name] != "away":
            pass

    async def waiting(self, name: str, count: int) -> None:
        """Return when so many messages wait for a user."""
        while self.system.ref(f"{self.room.address}/{name}").status().pending != count:
            await self.users()

    async def close(self) -> None:
        for guest in self._guests:
            await guest.close()


@pytest.fixture
async def party() -> AsyncIterator[Party]:
    async with ActorSystem("test") as system:
        room = await system.spawn(Room, "room", options=Room.Options(port=0))
        party = Party(system, room)
        yield party
        await party.close()


async def say(guest: ClientConnection, text: str, **to: str) -> None:
    await guest.send(json.dumps({"text": text, **to}))


async def hear(guest: ClientConnection) -> Any:
    return json.loads(await guest.recv())


async def test_what_is_said_to_all_reaches_all_others(party: Party) -> None:
    ann, bob, cleo = [await party.enter(name) for name in ("ann", "bob", "cleo")]
    await say(ann, "hello")
    assert await hear(bob) == await hear(cleo) == {"from": "ann", "text": "hello"}
    await say(bob, "only you", to="ann")
    assert await hear(ann) == {"from": "bob", "text": "only you"}


async def test_mail_for_a_user_who_is_away_arrives_in_order(party: Party) -> None:
    ann, bob = await party.enter("ann"), await party.enter("bob")
    await party.leave("bob", bob)
    for number in range(20):
        await say(ann, str(number), to="bob")
    await party.waiting("bob", 20)
    assert await party.users() == {"ann": "here", "bob": "away"}
    bob = await party.enter("bob")
    assert [(await hear(bob))["text"] for _ in range(20)] == [str(one) for one in range(20)]
    assert party.system.ref("/room/bob").status().pending == 0


async def test_second_connection_takes_the_place_of_the_first(party: Party) -> None:
    ann, first = await party.enter("ann"), await party.enter("bob")
    second = await party.enter("bob")
    with pytest.raises(ConnectionClosed):
        await first.recv()
    await say(ann, "hello", to="bob")
    assert (await hear(second))["text"] == "hello"


async def test_mistakes_are_told_to_whoever_made_them(party: Party) -> None:
    ann = await party.enter("ann")
    await ann.send("hello?")
    assert "want" in (await hear(ann))["error"]
    await say(ann, "anybody?", to="nobody")
    assert await hear(ann) == {"error": "nobody has never been here"}


async def test_a_full_mailbox_is_told_to_whoever_writes(party: Party) -> None:
    ann, bob = await party.enter("ann"), await party.enter("bob")
    await party.leave("bob", bob)
    for _ in range(1001):
        await say(ann, "hello?", to="bob")
    assert "mailbox of /room/bob is full" in (await hear(ann))["error"]


async def test_a_path_that_is_no_name_is_closed_with_a_reason(party: Party) -> None:
    async with connect(f"{await party.room.ask({'get': 'url'})}/a/b", proxy=None) as guest:
        with pytest.raises(ConnectionClosed) as closed:
            await guest.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, "want a name" in closed.value.rcvd.reason) == (BAD_NAME, True)
    assert await party.users() == {}


async def test_stop_closes_the_connections_and_keeps_the_mail(party: Party) -> None:
    ann, bob = await party.enter("ann"), await party.enter("bob")
    await party.leave("bob", bob)
    await say(ann, "later", to="bob")
    await party.waiting("bob", 1)
    await party.room.stop()
    with pytest.raises(ConnectionClosed):
        await ann.recv()
    await party.room.human_start()
    bob = await party.enter("bob")
    assert (await hear(bob))["text"] == "later"


async def test_an_unknown_message_raises(party: Party) -> None:
    with pytest.raises(ValueError, match="Room understands"):
        await party.room.ask("hello")
