"""The listener of the control API: HTTP on a Unix socket, inside the host's own loop."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from .instance import open_to_group
from .peer import PeerProtocol

BACKLOG = 64
"""How many connections may wait to be accepted; who comes last waits for them all."""
AT_ONCE = 8
"""How many are accepted in one go; those are read before so many more have come that they yield."""
LAST_ANSWERS_SECONDS = 2


class ControlServer(uvicorn.Server):
    """uvicorn's server, which leaves the process's signals alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: signals are the host's business."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen; more may wait to be accepted than are accepted in one go."""
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(BACKLOG)


class ControlConfig(uvicorn.Config):
    """uvicorn's configuration; `for_group` admits whoever can open the socket."""

    for_group = False


@asynccontextmanager
async def serve_control(app: ASGIApp, path: Path, group: int | None = None) -> AsyncIterator[None]:
    """Answer requests at the socket `path` for the block, then end and remove the socket.

    It is for us alone, and for the `group` of that id where one is given.
    """
    listener = bind_socket(path, group)
    server = ControlServer(
        config := ControlConfig(
            app,
            http=PeerProtocol,
            ws="none",
            lifespan="off",
            proxy_headers=False,  # who is there is what the socket says, not what they say
            log_config=None,
            log_level="error",  # what a client does wrong is its own business
            access_log=False,
            backlog=AT_ONCE,
            timeout_graceful_shutdown=LAST_ANSWERS_SECONDS,
        )
    )
    config.for_group = group is not None
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="control server")
    try:
        yield
    finally:
        server.should_exit = True
        await serving
        with suppress(OSError):
            path.unlink()


def bind_socket(path: Path, group: int | None = None) -> socket.socket:
    """Listen at `path` with access for us, and `group`, alone, from the first moment on.

    The caller holds the lock of the state directory, so what lies at `path` is left over.
    Raises `OSError` where that cannot be.
    """
    with suppress(FileNotFoundError):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o177)  # between bind and chmod the socket would be open to others
    try:
        listener.bind(os.fspath(path))
        open_to_group(path, group, 0o660)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(mask)
    return listener
