"""Back to the code before, and forth again."""

from __future__ import annotations

import asyncio
import sys

from .conftest import Served
from .guests import Guest, ask, reload, rollback


async def test_a_rollback_runs_the_old_modules_with_the_state_as_it_is_now(
    plugin: Guest, served: Served
) -> None:
    await ask(served, "a")
    before = {name: sys.modules[name] for name in ("guest.words", "guest.parse", "guest.tail")}
    plugin.edit("words", "old", "new")
    assert (await reload(served)).outcome == "committed"
    after = {name: sys.modules[name] for name in before}
    await ask(served, "b")
    back = await rollback(served)
    assert (back.outcome, back.generation_to) == ("committed", 3)
    assert {name: sys.modules[name] for name in before} == before
    assert sys.modules["guest"].words is before["guest.words"]
    assert await ask(served, "c") == "old c"
    assert await ask(served, "seen") == ["old a", "new b", "old c"]
    assert await ask(served, "kind") == [True, True, True]
    again = await rollback(served)
    assert (again.outcome, again.generation_to) == ("committed", 4)
    assert {name: sys.modules[name] for name in before} == after
    assert await ask(served, "d") == "new d"


async def test_a_rollback_that_finds_an_actor_busy_leaves_the_next_try_to_who_asked(
    plugin: Guest, served: Served
) -> None:
    plugin.edit("plain", "return msg", "await msg.wait()")
    assert (await reload(served)).outcome == "committed"
    release = asyncio.Event()
    await served.host.system.ref("/plain").tell(release)
    await asyncio.sleep(0.1)
    report = await rollback(served)
    assert report.outcome == "waiting"
    assert report.line().endswith("try again when it is idle")
    release.set()


async def test_after_a_rollback_the_disk_is_what_is_not_running(
    plugin: Guest, served: Served
) -> None:
    plugin.edit("words", "old", "new")
    await reload(served)
    await rollback(served)
    assert await ask(served, "a") == "old a"
    assert (await reload(served)).outcome == "committed"
    assert await ask(served, "b") == "new b"
    assert (await reload(served)).outcome == "nothing"


async def test_without_a_generation_before_there_is_no_rollback(served: Served) -> None:
    report = await rollback(served)
    assert (report.outcome, report.exit_code) == ("refused", 1)
    assert "there is no generation before this one" in report.line()
