"""A reload that is ended in any of its steps leaves what ran, wholly, and the next one works."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aplay_host.reload import Request, steps

from .conftest import Serve, Served
from .guests import Guest
from .test_reload import ask, state_of

STEPS = ["plan", "look", "prepare", "compile_changed", "ask", "stage", "quiesce", "swap", "build"]
AFTER = ["plan", "look", "prepare", "compile_changed", "ask", "stage", "build"]


@pytest.fixture
async def served(plugin: Guest, serve: Serve, folder: Path) -> Served:
    return await serve(
        f"""
        plugins.paths = ["{folder}"]
        actors."/tail".use = "guest.tail:Tail"
        actors."/plain".use = "guest.plain:Plain"
        """
    )


def ending(step: Callable[..., Any], error: type[BaseException], *, after: bool) -> Any:
    """Return the step as one that raises before it has begun, or when it has been done."""

    async def wait(*args: Any) -> None:
        if after:
            await step(*args)
        raise error

    def run(*args: Any) -> None:
        if after:
            step(*args)
        raise error

    return wait if inspect.iscoroutinefunction(step) else run


@pytest.mark.parametrize("error", [RuntimeError, asyncio.CancelledError, SystemExit])
@pytest.mark.parametrize(
    ("step", "after"), [*((it, False) for it in STEPS), *((it, True) for it in AFTER)]
)
async def test_a_step_that_ends_the_reload_leaves_all_as_it_was(
    plugin: Guest, served: Served, step: str, after: bool, error: type[BaseException]
) -> None:
    await ask(served, "a")
    before = state_of(served)
    plugin.edit("words", "old", "new")
    with pytest.MonkeyPatch.context() as patch:
        real = getattr(steps, step)
        patch.setattr(steps, step, ending(real, error, after=after))
        with pytest.raises(error):
            await served.host.reloads.reload(Request())
    assert state_of(served) == before
    assert await ask(served, "b") == "old b"
    assert (await served.host.reloads.reload(Request())).generation_to == 2
    assert await ask(served, "c") == "new c"
    assert await ask(served, "seen") == ["old a", "old b", "new c"]


async def test_a_reload_that_waits_for_a_busy_actor_can_be_cancelled_and_the_host_can_stop(
    plugin: Guest, served: Served
) -> None:
    plugin.edit("plain", "return msg", "await msg.wait(); return 'new'")
    assert (await served.host.reloads.reload(Request())).outcome == "committed"
    release, ref = asyncio.Event(), served.host.system.ref("/plain")
    reply = asyncio.create_task(ref.ask(release, timeout=60))
    await asyncio.sleep(0.1)
    assert ref.status().in_hand == 1
    plugin.edit("plain", "'new'", "'newer'")
    for _ in range(2):
        reload = asyncio.create_task(served.host.reloads.reload(Request()))
        await asyncio.sleep(0.1)
        reload.cancel()
        await asyncio.wait([reload])
        assert reload.cancelled()
        assert await ask(served, "a") == "old a"
    reload = asyncio.create_task(served.host.reloads.reload(Request()))
    await asyncio.sleep(0.1)
    stopping = asyncio.create_task(served.stop())
    await asyncio.sleep(0.1)
    release.set()
    assert await stopping == 0
    assert await reply == "new"
    assert (await reload).outcome == "committed"
