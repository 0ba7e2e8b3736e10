"""A few pages over TCP for whoever asks: no API, no names and no state of a connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus

READ_SECONDS, WRITE_SECONDS = 5.0, 10.0
LONGEST_HEAD = 16 * 1024
MOST_CLIENTS = 64

_log = logging.getLogger("aplay_host.telemetry")


@dataclass(frozen=True, slots=True)
class Page:
    """What is answered."""

    status: int
    body: bytes
    media_type: str = "text/plain; charset=utf-8"


Pages = Mapping[str, Callable[[], Awaitable[Page]]]
"""What makes the page of each path."""


@asynccontextmanager
async def serve_pages(host: str, port: int, pages: Pages) -> AsyncIterator[int]:
    """Answer ``GET`` of these paths for the block, and yield the real port.

    Each connection has one request, which has to come within 5 s; 64 at most are open, and one
    more is closed at once. Raises `OSError` where it cannot listen.
    """
    answering = _PageServer(pages)
    server = await asyncio.start_server(answering.serve, host, port, limit=LONGEST_HEAD)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await answering.close()


class _PageServer:
    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._clients: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        clients = tuple(self._clients)
        for task in clients:
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            if len(self._clients) < MOST_CLIENTS:
                self._clients.add(task)
                await self._serve(reader, writer)
        finally:
            self._clients.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(READ_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            page = await self._page(head)
            async with asyncio.timeout(WRITE_SECONDS):
                writer.write(_encoded(page))
                await writer.drain()

    async def _page(self, head: bytes) -> Page:
        parts = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            return _told(400)
        make = self._pages.get(parts[1].partition("?")[0])
        if make is None:
            return _told(404)
        if parts[0] != "GET":
            return _told(405)
        try:
            return await make()
        except Exception:
            _log.exception("GET %s", parts[1])
            return _told(500)


def _told(status: int) -> Page:
    return Page(status, HTTPStatus(status).phrase.lower().encode())


def _encoded(page: Page) -> bytes:
    """Return the page as an answer, whose body ends with a line end."""
    body = page.body if page.body.endswith(b"\n") else page.body + b"\n"
    head = (
        f"HTTP/1.1 {page.status} {HTTPStatus(page.status).phrase}",
        f"Content-Type: {page.media_type}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        *(["Allow: GET"] if page.status == 405 else []),
        "Connection: close",
    )
    return "\r\n".join((*head, "", "")).encode("latin-1") + body
