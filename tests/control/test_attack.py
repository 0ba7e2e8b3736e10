"""Whatever comes over the socket: nothing breaks, nobody gets in, and others are answered.

``APLAY_ATTACK_REQUESTS`` is how many malformed requests there are, 100000 for a release, on a
machine that does nothing else: then a valid request has a tenth of a second, else a whole one.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aplay_host.cli.connection import UnixConnection
from aplay_host.control import ControlApi, serve_control
from aplay_host.control import peer as peer_module
from aplay_host.control.peer import MOST_CONNECTIONS

from .wire import FakePort, call, stop_reading

if TYPE_CHECKING:
    from tests.control.conftest import Api

REQUESTS = int(os.environ.get("APLAY_ATTACK_REQUESTS", "400"))
AT_ONCE = 8
LONGEST_ANSWER = 0.1 if "APLAY_ATTACK_REQUESTS" in os.environ else 1.0
WHOLE = b"GET /v1/actors HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /v1/actors:stop HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
ASK = POST.replace(b"stop", b"ask") % (40, b'{"addresses": ["/a"], "message": "wait"}')
SAID = [  # what some attack has been made of; each is mutated further
    WHOLE,
    WHOLE * 3,
    b"",
    b"\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET " + b"/a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /v1/host HTTP/1.1\r\n" + b"X: y\r\n" * 4000 + b"\r\n",
    b"GET /v1/host HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
    b"GET /v1/host HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"GET /v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /v1/reload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffff\r\n",
    b"POST /v1/rollback HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    b"GET /v1/host HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"GET /v1/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /v1/actors/__class__/__init__ HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /%00%ff%2e%2e/v1 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    POST % (2, b"[]"),
    POST % (99, b"{"),
    POST % (20_000, b"[" * 20_000),
    POST % (27, b'{"addresses": ["\xff\xfe\x00"]}'),
]


def mutated(chance: random.Random) -> bytes:
    """Return one of the attacks with some bytes changed, cut off or doubled."""
    said = bytearray(chance.choice(SAID))
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(said) + 1)
        match chance.randrange(4):
            case 0:
                said[at:at] = bytes([chance.randrange(256)])
            case 1:
                del said[at : at + chance.randrange(1, 20)]
            case 2:
                said[at:at] = said[: chance.randrange(40)]
            case _:
                said[at : at + 1] = b"\r\n"
    return bytes(said)


async def attack(path: Path, seed: int, count: int) -> None:
    """Send malformed requests one after another; read a little, and go away."""
    chance = random.Random(seed)
    for _ in range(count):
        with suppress(OSError, asyncio.TimeoutError):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                writer.write(mutated(chance))
                if chance.randrange(2):
                    async with asyncio.timeout(0.01):
                        await reader.read(100)
            finally:
                writer.close()


async def answer_times(path: Path, until: asyncio.Future[Any]) -> list[float]:
    """Make a valid request again and again until that is done; return what each took."""
    took = []
    while not until.done():
        took.append(await asyncio.to_thread(answer_time, path))
        await asyncio.sleep(0.01)
    return took


def answer_time(path: Path) -> float:
    began = time.perf_counter()
    connection = UnixConnection(path, 10.0)
    connection.request("GET", "/livez")
    assert connection.getresponse().status == 200
    connection.close()
    return time.perf_counter() - began


async def attacks(path: Path) -> None:
    each = REQUESTS // AT_ONCE
    await asyncio.gather(*(attack(path, seed, each) for seed in range(AT_ONCE)))


@pytest.mark.real_time
async def test_malformed_requests_break_nothing_and_others_are_answered_meanwhile(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    attacking = asyncio.ensure_future(attacks(api.path))
    took = await answer_times(api.path, attacking)
    await attacking
    assert statistics.median(took) < LONGEST_ANSWER
    assert {verb for verb, *_ in api.port.asked} <= {"actors", "show", "rollback"}
    assert [one for one in caplog.records if one.name != "asyncio"] == []
    assert (await call(api.path, "GET", "/v1/host")).status == 200


@asynccontextmanager
async def clients(path: Path, count: int, said: bytes) -> AsyncIterator[None]:
    """Have so many clients that have said that and do no more."""
    with ExitStack() as sockets:
        for _ in range(count):
            client = sockets.enter_context(socket.socket(socket.AF_UNIX))
            await asyncio.to_thread(client.connect, os.fspath(path))
            client.sendall(said)
        yield


@pytest.mark.real_time
async def test_any_number_of_slow_clients_leaves_room_for_one_that_is_not(api: Api) -> None:
    async with clients(api.path, 3 * MOST_CONNECTIONS, b"GET /v1/ac"):
        await call(api.path, "GET", "/livez")  # so that all of them have been accepted
        began = time.perf_counter()
        assert (await call(api.path, "GET", "/livez")).status == 200
        assert time.perf_counter() - began < LONGEST_ANSWER


async def test_who_sends_a_byte_now_and_then_has_ten_seconds_for_a_request(api: Api) -> None:
    loop = asyncio.get_running_loop()
    for sent in (
        b"GET /liv",
        b"POST /v1/rollback HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{",
    ):
        reader, writer = await asyncio.open_unix_connection(api.path)
        began = loop.time()
        ended = asyncio.ensure_future(reader.read())
        writer.write(sent)
        while not ended.done():
            await asyncio.sleep(1.0)
            with suppress(OSError):
                writer.write(b"x")
        assert peer_module.REQUEST_SECONDS <= loop.time() - began < peer_module.REQUEST_SECONDS + 3
        await asyncio.gather(ended, return_exceptions=True)
        writer.close()
    assert api.port.asked == []


@pytest.mark.real_time
async def test_who_never_reads_an_answer_is_ended(
    socket_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_module, "STALL_SECONDS", 0.05)
    port = FakePort()
    port.reply = "x" * 5_000_000
    async with serve_control(ControlApi(port).app(), socket_file):
        reader, writer = await asyncio.open_unix_connection(socket_file)
        transport = stop_reading(writer)
        writer.write(ASK.replace(b'"wait"', b'"long"'))
        await asyncio.sleep(0.3)
        transport.resume_reading()
        assert len(await reader.read()) < 5_000_000
        writer.close()


async def test_a_client_that_goes_away_cancels_its_ask(api: Api) -> None:
    _, writer = await asyncio.open_unix_connection(api.path)
    writer.write(ASK)
    await api.port.waiting.wait()
    writer.close()
    await api.port.given_up.wait()


@pytest.mark.real_time
async def test_one_request_too_many_is_told_so(api: Api) -> None:
    async with clients(api.path, MOST_CONNECTIONS, ASK):
        for _ in range(20):
            await asyncio.sleep(0)  # so that all of them have been read
        assert len(api.port.asked) == MOST_CONNECTIONS
        got = await call(api.path, "GET", "/livez")
    assert (got.status, got.problem) == (503, "too-many-connections")


@pytest.mark.real_time
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_strangers_get_nothing_but_a_refusal_and_hold_nobody_up() -> None:
    port = FakePort()
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        path = Path(folder) / "control.sock"
        async with serve_control(ControlApi(port).app(), path):
            path.chmod(0o666)
            Path(folder).chmod(0o755)
            speaking = asyncio.ensure_future(strangers(path, REQUESTS // 4))
            took = []
            while not speaking.done():
                began = time.perf_counter()
                assert (await call(path, "GET", "/livez")).status == 200
                took.append(time.perf_counter() - began)
            told = await speaking
    assert told <= {b"HTTP/1.1 403", b""}
    assert b"HTTP/1.1 403" in told
    assert port.asked == []
    assert statistics.median(took) < LONGEST_ANSWER


async def strangers(path: Path, count: int) -> set[bytes]:
    """Connect as somebody else; return what they were told who said anything."""
    told = set()
    for number in range(count):
        client = socket.socket(socket.AF_UNIX)
        os.seteuid(65534)
        try:
            client.connect(os.fspath(path))
        finally:
            os.seteuid(0)
        reader, writer = await asyncio.open_unix_connection(sock=client)
        if number % 2:
            writer.write(POST % (2, b"{}"))
            with suppress(OSError):
                told.add(await reader.read(12))
        writer.close()
        await writer.wait_closed()
    return told
