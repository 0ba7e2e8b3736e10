"""An actor whose class cannot be loaded gets it when it can."""

from __future__ import annotations

import asyncio
from pathlib import Path
from textwrap import dedent

import pytest

from aplay_host.host.port import HostPort
from aplay_host.kernel import Started

from .conftest import Serve
from .guests import PLAIN, Guest, ask, reload
from .orders import by_me


async def test_an_actor_whose_plugin_could_not_be_loaded_starts_once_it_can(
    plugin: Guest, serve: Serve, folder: Path
) -> None:
    plugin.write(plain="import guest.absent")
    served = await serve(
        f"""
        plugins.paths = ["{folder}"]
        actors."/plain".use = "guest.plain:Plain"
        """
    )
    ref = served.host.system.ref("/plain")
    assert ref.state == "failed"
    plugin.write(plain="import guest.absent\n" + dedent(PLAIN))
    assert (await reload(served)).outcome == "committed"
    assert ref.state == "failed"
    plugin.write(absent="")
    started: asyncio.Future[Started] = asyncio.get_running_loop().create_future()
    served.host.system.events.subscribe((Started,), started.set_result)
    assert (await reload(served)).outcome == "committed"
    async with asyncio.timeout(60):
        assert (await started).address == "/plain"
    assert await ref.ask("up") == "up"
    assert served.host.faults == {}


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what the log tells of each reload."""
    return [one for one in caplog.messages if one.startswith("reload #")]


async def test_a_start_tries_again_to_load_the_class_of_an_actor_that_has_none(
    plugin: Guest, serve: Serve, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    plugin.write(plain="import guest_needs")
    plugin.edit("words", "old", "never run")
    served = await serve(
        f"""
        plugins.paths = ["{folder}"]
        actors."/plain".use = "guest.plain:Plain"
        actors."/other".use = "guest.plain:Plain"
        """
    )
    port, ref = HostPort(served.host), served.host.system.ref("/plain")
    ref.tell_nowait("kept")
    plugin.write(plain="import guest_needs\n1 / 0")
    (still,) = (await port.start(["/plain"], by_me(5.0))).results
    assert (still.state, bool(still.problem)) == ("failed", True)
    assert "guest_needs" in served.host.faults[ref.address]
    (folder / "guest_needs.py").write_text("")
    (still,) = (await port.start(["/plain"], by_me(5.0))).results
    assert still.problem
    assert "ZeroDivisionError" in still.problem["detail"]
    told = "NOT LOADED guest/plain.py:2: ZeroDivisionError: division by zero"
    assert [line.rpartition(" · ")[2] for line in lines(caplog)][-1] == told
    plugin.write(plain=PLAIN)
    (done,) = (await port.start(["/plain"], by_me(5.0))).results
    assert (done.changed, done.state, done.problem) == (True, "running", None)
    assert await ref.ask("up") == "up"
    assert ref.status().handled == 2
    assert await ask(served, "too", "/other") == "too"
    assert served.host.faults == {}
