"""The listener of the control API: HTTP on a Unix socket, inside the host's own loop."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from .order import PEER

BACKLOG = 64
LAST_ANSWERS_SECONDS = 2


class PeerProtocol(H11Protocol):
    """Knows who is at the other end: ``scope["client"]`` is (``unix:uid=…``, pid)."""

    def connection_made(self, transport: Any) -> None:
        """Read the peer's identity, which is that of the moment it connected."""
        super().connection_made(transport)
        peer = transport.get_extra_info("socket")
        credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        pid, uid, _ = struct.unpack("3i", credentials)
        self.client = (f"{PEER}{uid}", pid)


class ControlServer(uvicorn.Server):
    """uvicorn's server, which leaves the process's signals alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: signals are the host's business."""
        yield


@asynccontextmanager
async def serve_control(app: ASGIApp, path: Path) -> AsyncIterator[None]:
    """Answer requests at the socket `path` for the block, then end and remove the socket."""
    listener = bind_socket(path)
    server = ControlServer(
        uvicorn.Config(
            app,
            http=PeerProtocol,
            ws="none",
            lifespan="off",
            proxy_headers=False,  # who is there is what the socket says, not what they say
            log_config=None,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=LAST_ANSWERS_SECONDS,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="control server")
    try:
        yield
    finally:
        server.should_exit = True
        await serving
        with suppress(OSError):
            path.unlink()


def bind_socket(path: Path) -> socket.socket:
    """Listen at `path` with access for us alone, from the first moment on.

    The caller holds the lock of the state directory, so what lies at `path` is left over.
    """
    with suppress(FileNotFoundError):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o177)  # between bind and chmod the socket would be open to others
    try:
        listener.bind(os.fspath(path))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(mask)
    return listener
