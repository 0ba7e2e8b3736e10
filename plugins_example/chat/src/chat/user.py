"""The actor of one user: it holds mail while nobody is there to read it."""

import json
from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from aplay_host import Actor

Connections = Mapping[str, ServerConnection]
"""The newest connection of each user, also one that is closed by now."""
AGAIN: Final = {"again": None}


class User(Actor):
    """Sends what comes, dicts, to the user's connection, in order.

    While the user is away, mail waits in the mailbox; the room starts this actor when the
    user is back. What was in hand when the connection broke is sent first then, for which
    a message to itself waits in the mailbox too.
    """

    mailbox: ClassVar = {"capacity": 1000}

    def __init__(self, connections: Connections) -> None:
        super().__init__()
        self._connections = connections
        self._unsent: deque[dict[str, str]] = deque()

    def decide_to_start(self) -> bool:
        """Say whether the user is there: else the mail is kept."""
        return is_open(self._connections.get(self.name))

    async def msg_handler(self, msg: Any) -> None:
        """Send what could not be sent, then `msg`; keep what cannot be sent now."""
        if msg != AGAIN:
            self._unsent.append(msg)
        connection = self._connections[self.name]
        while self._unsent:
            try:
                await connection.send(json.dumps(self._unsent[0]))
            except ConnectionClosed:
                self.send_after(0, AGAIN, key="again")
                return
            self._unsent.popleft()


def is_open(connection: ServerConnection | None) -> bool:
    """Tell whether something can be sent there."""
    return connection is not None and connection.state is State.OPEN
