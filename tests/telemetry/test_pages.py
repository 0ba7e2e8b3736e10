"""Pages over TCP, to whoever asks and however they ask."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from aplay_host.telemetry import Page, serve_pages
from aplay_host.telemetry import pages as pages_module

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async def page() -> Page:
        return Page(200, b"fine")

    async def broken() -> Page:
        raise ValueError("boom")

    async with serve_pages("127.0.0.1", 0, {"/x": page, "/broken": broken}) as port:
        yield port


async def said(port: int, request: bytes, *, shut: bool = False) -> bytes:
    """Return all that is answered until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    if shut:
        writer.write_eof()
    try:
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_a_page_is_answered_and_the_connection_closed(port: int) -> None:
    head, _, body = (await said(port, GET)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Length: 5\r\n" in head
    assert b"Connection: close" in head
    assert body == b"fine\n"


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /x?query=1 HTTP/1.0", b"200 OK"),
        (b"GET / HTTP/1.1", b"404 Not Found"),
        (b"GET /x/../y HTTP/1.1", b"404 Not Found"),
        (b"GET /v1/host HTTP/1.1", b"404 Not Found"),
        (b"POST /x HTTP/1.1", b"405 Method Not Allowed"),
        (b"HEAD /x HTTP/1.1", b"405 Method Not Allowed"),
        (b"GET /x", b"400 Bad Request"),
        (b"GET  /x HTTP/1.1", b"400 Bad Request"),
        (b"\xff\x00", b"400 Bad Request"),
        (b"PRI * HTTP/2.0", b"400 Bad Request"),
    ],
)
async def test_there_is_nothing_else(port: int, request_line: bytes, status: bytes) -> None:
    answer = await said(port, request_line + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 " + status + b"\r\n")


async def test_a_page_that_cannot_be_made_is_an_error_without_its_text(port: int) -> None:
    answer = await said(port, GET.replace(b"/x", b"/broken"))
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"boom" not in answer


async def test_whatever_comes_the_next_one_is_answered(port: int) -> None:
    chance = random.Random(4)
    for _ in range(100):
        await said(port, chance.randbytes(chance.randrange(200)), shut=True)
    assert await said(port, b"A" * 100_000) == b""
    assert await said(port, GET[:20], shut=True) == b""
    assert (await said(port, GET)).endswith(b"fine\n")


async def test_who_says_nothing_is_left(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages_module, "READ_SECONDS", 0.1)
    async with asyncio.timeout(5):
        assert await said(port, b"GET") == b""


async def test_no_more_than_so_many_are_served_at_once(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages_module, "MOST_CLIENTS", 2)
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
    assert await said(port, GET) == b""
    for reader, writer in silent:
        writer.write(GET)
        assert (await reader.read()).endswith(b"fine\n")
        writer.close()
    assert (await said(port, GET)).endswith(b"fine\n")


async def test_the_end_waits_for_nobody() -> None:
    async with serve_pages("localhost", 0, {}) as port:
        reader, writer = await asyncio.open_connection("localhost", port)
    assert await reader.read() == b""
    writer.close()


async def test_a_port_that_is_taken_is_an_error(port: int) -> None:
    with pytest.raises(OSError, match="in use"):
        async with serve_pages("127.0.0.1", port, {}):
            pass
