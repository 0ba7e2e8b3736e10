"""The listener: who may connect, from which moment on, and how it ends."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aplay_host.control import ControlApi, serve_control
from aplay_host.control import server as server_module
from aplay_host.control.server import bind_socket

from .wire import FakePort, call

if TYPE_CHECKING:
    from tests.control.conftest import Api


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_socket_is_for_us_alone_whatever_the_umask(socket_file: Path) -> None:
    before = os.umask(0)
    try:
        bind_socket(socket_file).close()
    finally:
        assert os.umask(before) == 0
    assert mode(socket_file) == 0o600


def test_a_socket_is_never_wider_than_that_also_while_it_is_bound(socket_file: Path) -> None:
    seen: set[int] = set()
    bound = threading.Event()

    def watch() -> None:
        while not bound.is_set():
            try:
                seen.add(mode(socket_file))
            except FileNotFoundError:
                pass

    watcher = threading.Thread(target=watch)
    watcher.start()
    before = os.umask(0)
    try:
        for _ in range(300):
            bind_socket(socket_file).close()
    finally:
        os.umask(before)
        bound.set()
        watcher.join()
    assert seen == {0o600}


def test_a_socket_for_a_group_is_for_nobody_else(socket_file: Path) -> None:
    bind_socket(socket_file, os.getegid()).close()
    assert mode(socket_file) == 0o660


def test_what_a_host_left_behind_is_bound_anew(socket_file: Path) -> None:
    bind_socket(socket_file).close()
    bind_socket(socket_file).close()


def test_a_socket_that_cannot_be_bound_leaves_umask_and_descriptors_as_they_were(
    tmp_path: Path,
) -> None:
    before, open_before = os.umask(0o22), os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="too long"):
        bind_socket(tmp_path / ("x" * 200))
    assert os.umask(before) == 0o22
    assert len(os.listdir("/proc/self/fd")) == len(open_before)


async def test_nobody_is_somebody_else_by_saying_so(
    socket_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    async with serve_control(ControlApi(FakePort()).app(), socket_file):
        got = await call(socket_file, "GET", "/v1/host", b"", "X-Forwarded-For: unix:uid=7")
    assert got.status == 200


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_the_peer_is_whoever_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        path = Path(folder) / "control.sock"
        async with serve_control(ControlApi(FakePort()).app(), path):
            path.chmod(0o666)
            Path(folder).chmod(0o755)
            os.seteuid(65534)
            try:
                reader, writer = await asyncio.open_unix_connection(path)
            finally:
                os.seteuid(0)
            writer.write(b"GET /v1/host HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"unix:uid=65534 may not steer this host" in answer


@contextmanager
def a_stranger(groups: list[int]) -> Iterator[None]:
    """Be nobody, who is in `groups` besides, for the block."""
    before = os.getgroups()
    os.setgroups(groups)
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(before)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_a_socket_of_a_group_is_open_to_its_members_and_to_no_other_stranger() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        path = Path(folder) / "control.sock"
        Path(folder).chmod(0o755)
        async with serve_control(ControlApi(FakePort()).app(), path, 65533):
            with socket.socket(socket.AF_UNIX) as peer:
                with a_stranger(groups=[]), pytest.raises(PermissionError):
                    peer.connect(str(path))
                with a_stranger(groups=[65533]):
                    peer.connect(str(path))
                reader, writer = await asyncio.open_unix_connection(sock=peer)
                writer.write(b"GET /v1/host HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                answer = await reader.read()
                writer.close()
                await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_nothing_is_left_when_the_block_ends(socket_file: Path) -> None:
    async with serve_control(ControlApi(FakePort()).app(), socket_file):
        assert socket_file.is_socket()
    assert not socket_file.exists()
    with pytest.raises(FileNotFoundError):
        await asyncio.open_unix_connection(socket_file)


async def test_an_error_in_the_block_passes_and_the_socket_goes(socket_file: Path) -> None:
    with pytest.raises(KeyError):
        async with serve_control(ControlApi(FakePort()).app(), socket_file):
            raise KeyError
    assert not socket_file.exists()


async def test_what_is_no_http_is_answered_and_harms_nobody(api: Api) -> None:
    reader, writer = await asyncio.open_unix_connection(api.path)
    writer.write(b"\x16\x03\x01 what is this\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 400")
    writer.close()
    await writer.wait_closed()
    assert (await api.get("/livez")).status == 200


async def test_a_client_that_goes_in_the_middle_of_its_body_harms_nobody(api: Api) -> None:
    _, writer = await asyncio.open_unix_connection(api.path)
    writer.write(b"POST /v1/actors:send HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{")
    await writer.drain()
    assert (await api.get("/livez")).status == 200  # so the other one has been read
    writer.close()
    await writer.wait_closed()
    assert (await api.get("/livez")).status == 200
    assert api.port.asked == []


@asynccontextmanager
async def connected(path: Path, sent: bytes) -> AsyncIterator[None]:
    _, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(sent)
        await writer.drain()
        yield
    finally:
        writer.close()


WAITING = b'{"addresses": ["/a"], "message": "wait"}'


@pytest.mark.real_time
@pytest.mark.parametrize(
    ("sent", "most"),
    [
        pytest.param(b"", 0.9, id="says nothing"),
        pytest.param(b"GET /liv", 0.9, id="is in the middle of a line"),
        pytest.param(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", 0.9, id="keeps its connection"),
        pytest.param(
            b"POST /v1/actors:ask HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{",
            1.2,
            id="is in the middle of its body",
        ),
        pytest.param(
            b"POST /v1/actors:ask HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
            % (len(WAITING), WAITING),
            1.2,
            id="waits for a reply",
        ),
    ],
)
async def test_a_slow_client_does_not_keep_the_server_from_its_end(
    socket_file: Path, sent: bytes, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server_module.LAST_ANSWERS_SECONDS <= 2
    monkeypatch.setattr(server_module, "LAST_ANSWERS_SECONDS", 0.3)
    async with serve_control(ControlApi(FakePort()).app(), socket_file):
        client = connected(socket_file, sent)
        await client.__aenter__()
        await call(socket_file, "GET", "/livez")
        began = time.monotonic()
    assert time.monotonic() - began < most
    await client.__aexit__(None, None, None)
