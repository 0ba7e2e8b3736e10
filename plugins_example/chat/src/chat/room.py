"""The actor that serves WebSockets and passes on what is said."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from websockets.asyncio.server import Server, ServerConnection, serve

from aplay_host import Actor, ActorRef, AplayError

from .line import BadFrame, name_in, read_frame
from .user import User, is_open

BAD_NAME = 1008
"""The code with which a connection is closed whose path is no name."""


class Room(Actor):
    """Serves ``ws://HOST:PORT/NAME``; whoever has been here once is known and gets mail.

    A frame ``{"text": "hi"}`` goes to all others, with ``"to": "bob"`` to one. What comes is
    ``{"from": "ann", "text": "hi"}``, or ``{"error": …}``. A second connection of a user
    takes the place of the first.

    ======================================  ==============================================
    message                                 what it does
    ======================================  ==============================================
    ``{"joined": name, "connection": …}``   makes the user's actor, and wakes it
    ``{"said": frame, "by": name}``         passes it on
    ``{"get": "users"}``                    answers ``{"ann": "here", "bob": "away"}``
    ``{"get": "url"}``                      answers with where it listens
    anything else                           raises `ValueError`
    ======================================  ==============================================
    """

    mailbox: ClassVar = {"overflow": "wait"}  # those who talk too fast wait

    @dataclass(frozen=True, slots=True)
    class Options:
        """Where to listen; port 0 means any that is free."""

        host: str = "127.0.0.1"
        port: int = 8765

    options: Options

    def __init__(self) -> None:
        super().__init__()
        self._connections: dict[str, ServerConnection] = {}
        self._server: Server | None = None

    async def on_start(self) -> None:
        """Listen."""
        attending = partial(attend, self.ref())
        self._server = await serve(attending, self.options.host, self.options.port)

    async def on_stop(self, reason: str) -> None:
        """Close all connections; whoever comes back finds the mail."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def msg_handler(self, msg: Any) -> dict[str, str] | str | None:
        """Act on what the connections tell, or answer."""
        match msg:
            case {"joined": str(name), "connection": ServerConnection() as connection}:
                await self._welcome(name, connection)
            case {"said": str() | bytes() as frame, "by": str(name)}:
                self._pass_on(name, frame)
            case {"get": "users"}:
                there = {name: is_open(self._connections.get(name)) for name in self.children}
                return {name: "here" if here else "away" for name, here in there.items()}
            case {"get": "url"} if self._server is not None:
                host, port = self._server.sockets[0].getsockname()[:2]
                return f"ws://{host}:{port}"
            case _:
                raise ValueError(f'Room understands {{"get": "users"}}, got {msg!r:.100}')
        return None

    async def _welcome(self, name: str, connection: ServerConnection) -> None:
        before = self._connections.get(name)
        self._connections[name] = connection
        if before is not None:
            self.create_task(before.close(), name=f"close the other connection of {name}")
        if name in self.children:
            self.children[name].start()  # it takes up the mail that waits
        else:
            await self.spawn(User, name, kwargs={"connections": self._connections})

    def _pass_on(self, name: str, frame: str | bytes) -> None:
        try:
            to, text = read_frame(frame)
            others = [other for other in self.children if other != name]
            if to is not None and to not in self.children:
                raise BadFrame(f"{to} has never been here")
            self._tell(others if to is None else [to], {"from": name, "text": text})
        except (BadFrame, AplayError) as error:
            self._tell([name], {"error": str(error)})

    def _tell(self, names: Iterable[str], line: dict[str, str]) -> None:
        for name in names:
            self.children[name].tell_nowait(line)


async def attend(room: ActorRef, connection: ServerConnection) -> None:
    """Tell `room` of a connection and of all that comes through it, until it is closed.

    It knows the room by its ref, and all it says are dicts. So it goes on when the room's
    class is another one after an edit, and no connection is dropped.
    """
    assert connection.request is not None
    name = name_in(connection.request.path)
    if name is None:
        await connection.close(BAD_NAME, "want a name as path: letters, digits, _ and -")
        return
    await room.tell({"joined": name, "connection": connection})
    async for frame in connection:
        await room.tell({"said": frame, "by": name})
