from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aplay_host.control import ControlApi, serve_control
from tests.control.wire import FakePort, Got, call


@dataclass(frozen=True, slots=True)
class Api:
    """The control API of a fake host, and what that host was asked."""

    path: Path
    port: FakePort

    async def get(self, target: str, *headers: str) -> Got:
        return await call(self.path, "GET", target, b"", *headers)

    async def post(self, target: str, body: bytes, *headers: str) -> Got:
        return await call(self.path, "POST", target, body, *headers)


@pytest.fixture
def socket_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A path short enough for a socket."""
    return tmp_path_factory.mktemp("s") / "control.sock"


@pytest.fixture
async def api(socket_file: Path) -> AsyncIterator[Api]:
    port = FakePort()
    async with serve_control(ControlApi(port).app(), socket_file):
        yield Api(socket_file, port)
