"""Streams of events over a real socket: what comes, after what, and how it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aplay_host.control import ControlApi, EventRing, serve_control
from aplay_host.control import peer as peer_module
from aplay_host.control import sse as sse_module
from aplay_host.control.routes import MOST_STREAMS

from .wire import FakePort, stop_reading

if TYPE_CHECKING:
    from tests.control.conftest import Api

EVENT = "text/event-stream"


class Stream:
    """A stream as its client reads it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self.head = b""

    async def open(self, target: str, *headers: str) -> int:
        lines = [f"GET {target} HTTP/1.1", "Host: x", f"Accept: {EVENT}", *headers, "", ""]
        self.writer.write("\r\n".join(lines).encode())
        self.head = await self._reader.readuntil(b"\r\n\r\n")
        return int(self.head.split()[1])

    async def block(self) -> str:
        """Return the next message, or the next comment, of the chunked body."""
        text = b""
        while not text.endswith(b"\n\n"):
            size = int(await self._reader.readuntil(b"\r\n"), 16)
            assert size, "the stream has ended"
            text += (await self._reader.readexactly(size + 2))[:-2]
        return text.decode()

    async def next(self) -> tuple[str, str, Any]:
        """Return name, id and data of the next message; each is a chunk of its own here."""
        fields = dict(line.split(": ", 1) for line in (await self.block()).splitlines() if line)
        return fields.get("event", ""), fields.get("id", ""), json.loads(fields["data"])

    async def rest(self) -> bytes:
        return await self._reader.read()


@asynccontextmanager
async def streaming(path: Path) -> AsyncIterator[Stream]:
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        yield Stream(reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()


def add(ring: EventRing, *numbers: int, type: str = "tick", address: str = "/a") -> None:
    for number in numbers:
        ring.append(type, address, None, {"n": number})


async def test_a_stream_begins_with_hello_and_tells_each_event_that_comes(api: Api) -> None:
    add(api.port.events, 1, 2)
    async with streaming(api.path) as stream:
        assert await stream.open("/v1/events") == 200
        assert b"content-type: text/event-stream" in stream.head
        assert b"aplay-api: 1.0" in stream.head
        hello = {"boot": "b007", "seq": 2, "api": "1.0"}
        assert await stream.next() == ("hello", "", hello)
        for number in (3, 4):
            add(api.port.events, number)
            name, id_, row = await stream.next()
            assert (name, id_, row["seq"]) == ("", f"b007-{number}", number)
            assert row["data"] == {"n": number}
        assert set(row) == {"seq", "boot", "at", "type", "address", "who", "data"}


@pytest.mark.parametrize(
    ("target", "header", "first"),
    [
        ("/v1/events?since=0", None, ("", "b007-1")),
        ("/v1/events?since=2", None, ("", "b007-3")),
        ("/v1/events", "b007-1", ("", "b007-2")),
        ("/v1/events?since=0", "b007-2", ("", "b007-3")),
        ("/v1/events", "beef-3", ("gap", "")),
        ("/v1/events", "b007-99", ("gap", "")),
        ("/v1/events", "nonsense", ("gap", "")),
        ("/v1/events", "b007--1", ("gap", "")),
        ("/v1/events", "b007-٣", ("gap", "")),
    ],
)
async def test_a_stream_goes_on_from_where_its_reader_was(
    api: Api, target: str, header: str | None, first: tuple[str, str]
) -> None:
    add(api.port.events, 1, 2, 3)
    async with streaming(api.path) as stream:
        await stream.open(target, *([f"Last-Event-ID: {header}"] if header else []))
        await stream.next()
        block = (await stream.block()).split("\n\n")[0]
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        assert (fields.get("event", ""), fields.get("id", "")) == first


async def test_who_comes_from_another_boot_is_told_of_the_gap_and_gets_all_there_is(
    api: Api,
) -> None:
    add(api.port.events, 1, 2)
    async with streaming(api.path) as stream:
        await stream.open("/v1/events", "Last-Event-ID: beef-77")
        await stream.next()
        assert await stream.next() == ("gap", "", {"from": 0, "to": 0})
        assert (await stream.block()).count("\ndata: ") == 2


async def test_who_falls_off_the_ring_is_told_which_events_are_gone(socket_file: Path) -> None:
    port = FakePort()
    port.events = EventRing("b007", 3)
    add(port.events, *range(1, 8))
    app = ControlApi(port).app()
    async with serve_control(app, socket_file), streaming(socket_file) as stream:
        await stream.open("/v1/events?since=2")
        await stream.next()
        assert await stream.next() == ("gap", "", {"from": 3, "to": 4})
        assert (await stream.block()).startswith("id: b007-5\n")


async def test_a_stream_has_only_what_is_wanted(api: Api) -> None:
    async with streaming(api.path) as stream:
        await stream.open("/v1/events?type=reload.*&type=audit&address=/w/**")
        await stream.next()
        add(api.port.events, 1, type="tick", address="/w/x")
        add(api.port.events, 2, type="audit", address="/a")
        add(api.port.events, 3, type="reload.committed", address="/w/x")
        assert (await stream.next())[1] == "b007-3"


async def test_a_list_has_the_events_after_a_number_and_says_where_it_goes_on(api: Api) -> None:
    add(api.port.events, 1, 2, 3, type="audit")
    add(api.port.events, 4)
    got = (await api.get("/v1/events?since=1&type=a*&limit=1")).document
    assert (got["schema"], [row["seq"] for row in got["data"]], got["next"]) == (
        "aplay.events/1",
        [2],
        "3",
    )
    got = (await api.get("/v1/events?type=a*&limit=5&from=3")).document
    assert ([row["seq"] for row in got["data"]], got["next"]) == ([3], None)
    assert [row["seq"] for row in (await api.get("/v1/events")).document["data"]] == [1, 2, 3, 4]


@pytest.mark.parametrize("query", ["since=-1", "since=x", "address=a", "limit=x"])
async def test_a_question_that_makes_no_sense_is_a_bad_request(api: Api, query: str) -> None:
    assert (await api.get(f"/v1/events?{query}")).problem == "bad-request"


async def test_silence_is_broken_by_a_comment(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sse_module.HEARTBEAT == 15.0
    async with streaming(api.path) as stream:
        await stream.open("/v1/events")
        await stream.next()
        assert await stream.block() == ":\n\n"


async def test_a_stream_ends_with_bye_after_what_there_was_to_tell(api: Api) -> None:
    async with streaming(api.path) as stream:
        await stream.open("/v1/events")
        await stream.next()
        add(api.port.events, 1)
        api.port.events.end_streams("SIGTERM")
        assert (await stream.next())[1] == "b007-1"
        assert await stream.next() == ("bye", "", {"reason": "SIGTERM"})
        await stream.rest()
    got = await api.get("/v1/events", f"Accept: {EVENT}")
    assert got.problem == "stopping"
    assert (await api.get("/v1/events")).status == 200


async def test_so_many_streams_and_no_more_and_one_that_ends_makes_room(api: Api) -> None:
    async with AsyncExitStack() as others:
        for _ in range(MOST_STREAMS - 1):
            stream = await others.enter_async_context(streaming(api.path))
            assert await stream.open("/v1/events") == 200
        async with streaming(api.path) as last:
            assert await last.open("/v1/events") == 200
            got = await api.get("/v1/events", f"Accept: {EVENT}")
            assert (got.status, got.problem) == (503, "too-many-streams")
        answered = 0
        while answered != 200:  # once the host has seen that the last one has gone
            async with streaming(api.path) as late:
                answered = await late.open("/v1/events")
        api.port.events.end_streams("the test is over")


@pytest.mark.real_time
async def test_a_reader_that_does_not_read_gets_a_gap_and_holds_no_memory(
    socket_file: Path,
) -> None:
    port = FakePort()
    app = ControlApi(port).app()
    async with serve_control(app, socket_file), streaming(socket_file) as stream:
        await stream.open("/v1/events")
        for number in range(100):
            for _ in range(100):
                port.events.append("tick", "/a", None, {"n": number, "text": "x" * 500})
            await asyncio.sleep(0)
        while "event: gap" not in await stream.block():
            pass


@pytest.mark.real_time
async def test_a_reader_that_makes_no_progress_is_ended(
    socket_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert peer_module.STALL_SECONDS == 30.0
    monkeypatch.setattr(peer_module, "STALL_SECONDS", 0.05)
    port = FakePort()
    api = ControlApi(port)
    async with serve_control(api.app(), socket_file), streaming(socket_file) as stream:
        await stream.open("/v1/events")
        stop_reading(stream.writer)
        while api.streams:
            port.events.append("tick", "/a", None, {"text": "x" * 5000})
            await asyncio.sleep(0.001)


@pytest.mark.real_time
async def test_streams_do_not_delay_the_end_even_where_nobody_reads_them(
    socket_file: Path,
) -> None:
    port = FakePort()
    loop = asyncio.get_running_loop()
    open_streams = [streaming(socket_file) for _ in range(3)]
    async with serve_control(ControlApi(port).app(), socket_file):
        for one in open_streams:
            stream = await one.__aenter__()
            await stream.open("/v1/events")
            stop_reading(stream.writer)
        for _ in range(200):
            port.events.append("tick", "/a", None, {"text": "x" * 5000})
            await asyncio.sleep(0)
        began = loop.time()
        port.events.end_streams("over")
    assert loop.time() - began < 1.0
    for one in open_streams:
        await one.__aexit__(None, None, None)
