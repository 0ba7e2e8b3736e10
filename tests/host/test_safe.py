"""Safe mode: a host that loads no guest, and a start that lives beside bad ones."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aplay_host.config import load_config
from aplay_host.errors import ConfigError
from aplay_host.host import Host, load_host_config
from aplay_host.host.port import HostPort
from aplay_host.testing import dist
from tests.host.conftest import life_of

if TYPE_CHECKING:
    from tests.host.conftest import Serve

Read = Callable[[Host], Awaitable[object]]

TREE = """
[actors."/team"]
use = "group"
[actors."/team/deadly"]
use = "deadly"
options = { nonsense = true }
mailbox = { capacity = 3 }
[actors."/unknown"]
use = "offered.by.hooks"
[actors."/mine"]
use = "tests.host.actors:Echo"
"""


@pytest.fixture
def site(folder: Path) -> Path:
    """A site directory with a plugin that must not be imported."""
    path = folder / "site-packages"
    for group, name in (("actors", "deadly"), ("plugins", "deadly_hooks")):
        points = f"[aplay_host.{group}]\n{name} = {name}:A\n"
        dist(path, name, files={f"{name}.py": "import os; os._exit(9)"}, entry_points=points)
    sys.path.append(str(path))
    return path


async def looked_at(folder: Path, look: Read, text: str = TREE, **flags: Any) -> object:
    """Serve `text` until it is ready, look once and stop; return what was seen."""
    (folder / "aplay.toml").write_text(text, "utf-8")
    seen: list[object] = []
    seeing: list[asyncio.Future[None]] = []

    async def see() -> None:
        seen.append(await look(host))
        host.stop("seen")

    def ready(told: object) -> None:
        seeing.append(asyncio.ensure_future(see()))

    host = Host(load_config(folder / "aplay.toml"), on_ready=ready, **flags)
    await life_of(host)
    return seen[0]


@pytest.mark.usefixtures("site")
async def test_safe_start_holds_foreign_actors_and_keeps_their_mail(folder: Path) -> None:
    async def look(host: Host) -> object:
        host.system.ref("/team/deadly").tell_nowait("wait for better times")
        found = [*(await HostPort(host).actors([])).rows]
        rows = [(row.address, row.type, row.state, row.held) for row in found]
        error = next((await HostPort(host).actors(["/team/deadly"])).rows).last_error
        pending = host.system.ref("/team/deadly").status().pending
        plugins = {row.id: (row.state, row.reason) for row in host.plugins.rows()}
        return rows, error and error.text, pending, plugins, host.info.safe

    seen: Any = await looked_at(folder, look, f"plugins.strict = true\n{TREE}", safe=True)
    rows, error, pending, plugins, safe = seen
    assert rows == [
        ("/team", "group", "running", False),
        ("/team/deadly", "deadly/deadly", "stopped", True),
        ("/unknown", "offered.by.hooks", "stopped", True),
        ("/mine", "tests.host.actors:Echo", "stopped", True),
    ]
    assert (error, pending, safe) == ("safe mode", 1, True)
    assert {state for state, _ in plugins.values()} == {"disabled"}
    assert {reason.line() for _, reason in plugins.values()} == {"admission: safe mode"}
    assert not (folder / ".aplay/held.json").exists()


@pytest.mark.usefixtures("site")
async def test_health_of_a_safe_host_says_why_its_actors_do_not_run(serve: Serve) -> None:
    report = await HostPort((await serve(TREE, safe=True)).host).ready()
    assert [check.detail for check in report.checks if not check.ok] == [
        f"{address} is held: safe mode" for address in ("/team/deadly", "/unknown", "/mine")
    ]


@pytest.mark.usefixtures("site")
def test_mistakes_in_the_file_are_told_without_importing_anything(folder: Path) -> None:
    (folder / "aplay.toml").write_text("host.nonsense = 1\n" + TREE, "utf-8")
    with pytest.raises(ConfigError, match="nonsense"):
        load_host_config(folder / "aplay.toml", import_plugins=False)


async def test_broken_plugin_does_not_stop_the_host(folder: Path) -> None:
    site = folder / "site-packages"
    sources = {
        "raises": "raise ValueError('boom')",
        "exits": "import sys; sys.exit(3)",
        "needs": "import no_such_jwt",
        "fitless": "from aplay_host import hookimpl\n@hookimpl\ndef aplay_on_moon(): ...",
    }
    for name, source in sources.items():
        points = f"[aplay_host.plugins]\n{name} = {name}\n"
        dist(site, name, files={f"{name}.py": source}, entry_points=points)
    dist(site, "empty", entry_points="[aplay_host.plugins]\nempty = no_such_module\n")
    dist(site, "bytes", entry_points=b"[aplay_host.plugins]\nx = \xff\n")
    sys.path.append(str(site))

    async def look(host: Host) -> object:
        return {row.dist: (row.state, row.reason) for row in host.plugins.rows()}

    text = '[actors."/echo"]\nuse = "tests.host.actors:Echo"\n'
    rows = await looked_at(folder, look, text)
    assert isinstance(rows, dict)
    states = {name: rows[name][0] for name in (*sources, "empty", "bytes")}
    assert states == {
        "raises": "failed",
        "exits": "failed",
        "needs": "failed",
        "fitless": "incompatible",
        "empty": "failed",
        "bytes": "broken",
    }
