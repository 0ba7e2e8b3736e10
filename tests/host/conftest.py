from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from aplay_host.config import Setting, load_config
from aplay_host.host import Host, Ready

from .guests import TREE, Guest

Make = Callable[..., Host]
Serve = Callable[..., Awaitable["Served"]]


async def life_of(host: Host) -> int:
    """Run a host from start to stop; virtual time keeps one that does not stop from hanging."""
    async with asyncio.timeout(3600):
        return await host.run()


class Served:
    """A host that runs in a task of the test."""

    def __init__(self, host: Host, running: asyncio.Task[int], ready: Ready) -> None:
        self.host = host
        self.running = running
        self.ready = ready

    async def stop(self) -> int:
        """End the host in order and return its exit code."""
        self.host.stop("the test is over")
        return await self.running


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for an aplay.toml, with a path short enough for a socket."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path_factory.mktemp("h")


@pytest.fixture
def plugin(folder: Path) -> Iterator[Guest]:
    """A package in that folder, whose modules are gone after the test."""
    yield Guest(folder)
    for name in [one for one in sys.modules if one.startswith("guest")]:
        del sys.modules[name]


@pytest.fixture
def make(folder: Path) -> Make:
    def make(text: str, *, reload: bool = False, **options: Any) -> Host:
        file = folder / "aplay.toml"
        file.write_text(dedent(text), "utf-8")
        flag = Setting(("reload", "enabled"), "true", "flag --reload")
        return Host(load_config(file, settings=(flag,) if reload else ()), **options)

    return make


@pytest.fixture
async def serve(make: Make) -> AsyncIterator[Serve]:
    """Serve a configuration until the test ends; returns when the host is ready."""
    all_served: list[Served] = []

    async def serve(text: str, **options: Any) -> Served:
        host = make(text, **options)
        told: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
        host._on_ready = told.set_result
        running = asyncio.create_task(life_of(host))
        either: set[asyncio.Future[Any]] = {running, told}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        assert told.done(), running.exception()
        all_served.append(Served(host, running, told.result()))
        return all_served[-1]

    yield serve
    for served in all_served:
        if not served.running.done():
            served.host.system.abort()
            await served.stop()


@pytest.fixture
async def served(plugin: Guest, serve: Serve, folder: Path) -> Served:
    """A host whose actors /tail and /plain run the package `plugin`."""
    return await serve(TREE.format(folder=folder))
