"""A plugin edited while it runs: what its author tests live change with."""

from __future__ import annotations

import asyncio
import importlib
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent
from typing import Any

from ..config import HostConfig, load_config
from ..host import Host, Ready
from ..kernel import ActorRef
from ..reload import ReloadReport, Request

DRAIN_SECONDS = 1.0
"""How long waiting mail may be handled at the end."""


class ReloadHarness:
    """A host that runs a copy of some sources, which is in `folder`, and edits it.

    Each edit is followed by one reload, whose report says what became of it: its `outcome`
    is ``committed``, ``refused`` (then `error` says why, and nothing has changed), ``waiting``
    or ``nothing``.
    """

    def __init__(self, host: Host, folder: Path) -> None:
        self.folder = folder
        self._host = host

    def ref(self, address: str) -> ActorRef:
        """Return the ref of an actor."""
        return self._host.system.ref(address)

    async def ask(self, address: str, message: Any) -> Any:
        """Ask an actor, and return its reply."""
        return await self.ref(address).ask(message)

    async def edit(self, file: str, old: str, new: str) -> ReloadReport:
        """Replace `old`, which must be in `file`, everywhere by `new`, and reload.

        Raises `ValueError` where it is not in there.
        """
        text = (self.folder / file).read_text("utf-8")
        if old not in text:
            raise ValueError(f"{old!r} is not in {file}: want a text to replace")
        return await self.write(file, text.replace(old, new))

    async def write(self, file: str, text: str) -> ReloadReport:
        """Write `file`, whose text may be indented, and reload."""
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), "utf-8")
        return await self.reload()

    async def reload(self) -> ReloadReport:
        """Make run what is in `folder` now, and in aplay.toml."""
        return await self._host.reloads.reload(Request("harness"))

    async def rollback(self) -> ReloadReport:
        """Go back to the code before the newest commit; the files stay as they are."""
        return await self._host.reloads.rollback()


@asynccontextmanager
async def reload_harness(source: Path, aplay_toml: str) -> AsyncIterator[ReloadHarness]:
    """Serve a copy of `source`, the folder that packages and modules are in, for the block.

    `aplay_toml` names the actors. All of them have started, or are failed, when the block
    begins. For the block the copy comes before everything else that Python would import under
    these names; what was imported before is there again after it. A plugin that is installed
    must be so as an editable one. Raises what a start raises, such as `ConfigError`.
    """
    with TemporaryDirectory(prefix="aplay-") as place:
        folder, file = Path(place).resolve() / "source", Path(place).resolve() / "aplay.toml"
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__"))
        file.write_text(dedent(aplay_toml), "utf-8")
        config = load_config(file)
        drain = config.host.model_copy(update={"drain_timeout": DRAIN_SECONDS})
        with _first_on_the_path(folder):
            async with _running(replace(config, host=drain)) as host:
                yield ReloadHarness(host, folder)


@asynccontextmanager
async def _running(config: HostConfig) -> AsyncIterator[Host]:
    ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
    host = Host(config, on_ready=ready.set_result)
    running = asyncio.create_task(host.run(), name="the host of a test")
    either: set[asyncio.Future[Any]] = {ready, running}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    try:
        if ready.done():
            yield host
    finally:
        host.stop("the test is over")
        await running


@contextmanager
def _first_on_the_path(folder: Path) -> Iterator[None]:
    """Have `folder` be imported from, and nothing of it be left behind."""
    own = {one.name.removesuffix(".py") for one in folder.iterdir()}
    before, path = _taken_out(own), list(sys.path)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = path
        _taken_out(own)
        sys.modules.update(before)


def _taken_out(packages: set[str]) -> dict[str, Any]:
    """Take the modules of some packages out of those that are loaded, and return them."""
    names = [one for one in sys.modules if one.partition(".")[0] in packages]
    return {name: sys.modules.pop(name) for name in names}
