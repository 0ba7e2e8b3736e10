"""One connection to the control socket: who is there, and how long they may take."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from ..errors import CommandError
from .envelope import API_VERSION, problem
from .jsonable import dump
from .order import PEER

MOST_CONNECTIONS = 64
MOST_STRANGERS = 8
"""Connections of users that are not admitted: they get their answer, and no more than that."""
MOST_HEAD_LINES = 100
BYTES_AT_ONCE = 4096
REQUEST_SECONDS = 10.0
"""How long a client may take for a whole request, its body included."""
STRANGER_SECONDS = 1.0
STALL_SECONDS = 30.0
"""How long a client may take to read anything at all of what was sent to it."""
LAST_BYTES_SECONDS = 0.3
"""How long a client may take at the end of the host to read what was sent to it."""


class PeerProtocol(H11Protocol):
    """Knows who is at the other end: ``scope["client"]`` is (``unix:uid=…``, pid).

    ``scope["state"]`` says whether they are ``admitted``: root, our own user, and whoever the
    file's mode lets in where that is `for_group`; whether it is too ``crowded`` for
    them; and has ``abort``, which ends the connection at once. Nobody holds up the others:

    ==============================================  =========================================
    a client that                                   is ended
    ==============================================  =========================================
    has not sent a whole request                    after 10 s, a stranger after 1 s
    reads nothing of what is sent to it             after 30 s
    sends over 16 KiB or 100 lines of head          at once
    is the oldest that has no request under way,    at once; where all have one, who comes is
    when there is one too many                      told that it is too crowded
    ==============================================  =========================================
    """

    def connection_made(self, transport: Any) -> None:
        """Read the peer's identity, which is that of the moment it connected."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._lines = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        uid, pid = _identity(transport.get_extra_info("socket"))
        self.client = (f"{PEER}{uid}", pid)
        for_group = getattr(self.config, "for_group", False)
        self.admitted = for_group or uid in (0, os.geteuid())
        self.app_state = {"admitted": self.admitted, "crowded": False, "abort": transport.abort}
        self._make_room()
        self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the clocks that run for this connection."""
        self._end_deadline()
        self._end_stall()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come; a request that has begun has to be whole in time."""
        for at in range(0, len(data), BYTES_AT_ONCE):
            if not self.transport.is_closing():
                self._take(data[at : at + BYTES_AT_ONCE])
        if not self._is_answering or self.cycle.more_body:
            self._expect_request()
        elif self.admitted:
            self._end_deadline()

    def _take(self, data: bytes) -> None:
        """Hand over what has come in pieces, or a head in one piece would have no limit."""
        if self.conn.their_state is h11.IDLE:
            head = data.partition(b"\r\n\r\n")[0]
            self._lines += head.count(b"\n")
            if self._lines > MOST_HEAD_LINES:
                self._refuse(CommandError("bad-request", f"over {MOST_HEAD_LINES} lines of head"))
                return
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._lines = 0

    def pause_writing(self) -> None:
        """Note that the client does not read as fast as it is written to."""
        super().pause_writing()
        self._expect_progress()

    def resume_writing(self) -> None:
        """Note that the client has read."""
        super().resume_writing()
        self._end_stall()

    def shutdown(self) -> None:
        """End once the request under way is answered; who does not read is not waited for."""
        super().shutdown()
        if self.transport.get_write_buffer_size():
            self.loop.call_later(LAST_BYTES_SECONDS, self.transport.abort)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP with a problem, as everything else."""
        self._refuse(CommandError("bad-request", msg))

    def _refuse(self, error: CommandError) -> None:
        """Answer in the place of whatever may be answering now."""
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        body = dump(problem(error))
        headers = [
            ("content-type", "application/problem+json"),
            ("content-length", str(len(body))),
            ("aplay-api", API_VERSION),
            ("connection", "close"),
        ]
        response = h11.Response(status_code=error.kind.status, headers=headers)
        try:
            for event in (response, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        except h11.LocalProtocolError:  # in the middle of an answer there is no room for another
            self.transport.abort()
        self.transport.close()

    def _expect_request(self) -> None:
        if self._deadline is None:
            seconds = REQUEST_SECONDS if self.admitted else STRANGER_SECONDS
            self._deadline = self.loop.call_later(seconds, self.transport.abort)

    def _expect_progress(self, before: int | None = None) -> None:
        """End the connection unless the client has read something since it was looked at."""
        unread = self.transport.get_write_buffer_size()
        if before is not None and unread >= before:
            self.transport.abort()
            return
        self._stall = self.loop.call_later(STALL_SECONDS, self._expect_progress, unread)

    def _end_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _make_room(self) -> None:
        """End the connection that is one too many: an idle one, if there is any."""
        most = MOST_CONNECTIONS if self.admitted else MOST_STRANGERS
        every = cast(set[PeerProtocol], self.server_state.connections)
        like = [one for one in every if one.admitted == self.admitted]
        if len(like) <= most:
            return
        idle = [one for one in like if one is not self and not one._is_answering]
        oldest = min(idle, key=lambda one: one._since, default=self)
        if oldest is self and len(like) <= 2 * most:
            self.app_state["crowded"] = True  # it is told so, and nothing else
            return
        every.discard(oldest)
        oldest.transport.abort()


def _identity(peer: socket.socket) -> tuple[int, int]:
    """Return uid and pid; where a system does not tell them, the file's mode has let us in."""
    if not hasattr(socket, "SO_PEERCRED"):
        return os.geteuid(), 0
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    pid, uid, _ = struct.unpack("3i", credentials)
    return uid, pid
