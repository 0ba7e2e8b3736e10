"""Old code goes once nobody can go back to it; what holds it is named.

``APLAY_LEAK_RELOADS`` is the number of reloads.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import weakref
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from aplay_host.reload import ReloadEvent, Request

from .conftest import Serve, Served
from .guests import Guest

RELOADS = int(os.environ.get("APLAY_LEAK_RELOADS", "200"))
WARM = RELOADS // 5


@pytest.fixture
async def served(plugin: Guest, serve: Serve, folder: Path) -> Served:
    own_task = """
    async def on_start(self):
        self.create_task(self.wait())

    async def wait(self):
        import asyncio
        await asyncio.Event().wait()
"""
    plugin.edit("tail", "    async def msg", f"{own_task}\n    async def msg")
    return await serve(
        f"""
        plugins.paths = ["{folder}"]
        actors."/tail".use = "guest.tail:Tail"
        """
    )


async def reload(plugin: Guest, served: Served, number: int) -> None:
    plugin.write(words=f"PREFIX = '{number} '")
    report = await served.host.reloads.reload(Request())
    assert report.outcome == "committed", report.line()
    for _ in range(10):  # who heard of it gets to work
        await asyncio.sleep(0)


async def memory() -> tuple[int, int]:
    """Return the number of objects and the resident pages, once no timer runs any more."""
    await asyncio.sleep(61)
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1]) if sys.platform == "linux" else 0
    return len(gc.get_objects()), pages


async def test_after_many_reloads_one_superseded_generation_lives_and_memory_is_flat(
    plugin: Guest, served: Served
) -> None:
    tail, leaks = served.host.system.ref("/tail"), served.host.reloads.leaks
    alive: weakref.WeakSet[object] = weakref.WeakSet()
    assert await tail.ask("kept") == "old kept"
    before = 0, 0
    served.host.events._kept = deque(maxlen=WARM)  # as full from then on as it gets
    for number in range(RELOADS):
        alive.update(sys.modules[f"guest.{name}"] for name in ("tail", "parse", "words"))
        alive.add(vars(sys.modules["guest.tail"])["Tail"])
        await reload(plugin, served, number)
        if number % WARM == 0:
            assert await tail.ask("a") == f"{number} a"
        if number == WARM:
            before = await memory()
    assert await tail.ask("kind") == [True] * (1 + len(range(0, RELOADS, WARM)))
    objects, pages = await memory()
    assert len(alive) == 4  # those that a rollback would go back to
    assert leaks.look().modules == ()
    assert {it.generation for it in leaks._tokens} == {RELOADS}
    assert objects - before[0] < RELOADS // 5  # the code of one reload is hundreds
    assert pages <= 1.05 * before[1]


async def test_a_minute_after_a_commit_what_holds_old_code_is_named_once(
    plugin: Guest, served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    module: Any = sys.modules["guest.tail"]
    waits = module.Tail.wait(None)
    task = asyncio.create_task(waits, name="forgotten")
    events: list[str] = []
    served.host.system.events.subscribe((ReloadEvent,), lambda it: events.append(it.type))
    held = [sys.modules["guest.words"]]
    await reload(plugin, served, 1)
    await asyncio.sleep(61)
    assert [one for one in caplog.messages if "superseded" in one] == []
    for number in (2, 3):
        await reload(plugin, served, number)
        await asyncio.sleep(61)
    told = [one for one in caplog.messages if "superseded" in one]
    assert len(told) == 1
    assert "guest.tail (#1), guest.words (#1), by task forgotten" in told[0]
    assert "tail.py:" in told[0]
    assert "in wait)" in told[0]
    assert told[0].endswith("restart recommended") is False
    held.append(sys.modules["guest.words"])
    await reload(plugin, served, 4)
    await reload(plugin, served, 5)
    await asyncio.sleep(61)
    assert [one for one in caplog.messages if "superseded" in one][1:] == [
        served.host.reloads.leaks.look().line()
    ]
    assert events.count("reload.leak") == 2
    assert caplog.messages[-1].endswith("restart recommended")
    task.cancel()
    await asyncio.wait([task])


async def test_what_a_rollback_brings_back_is_no_leak(plugin: Guest, served: Served) -> None:
    await reload(plugin, served, 1)
    for _ in range(4):
        assert (await served.host.reloads.rollback()).outcome == "committed"
        assert served.host.reloads.leaks.look().modules == ()
