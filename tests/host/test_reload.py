"""A file is edited and reloaded, and what an actor is asked before and after."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from .conftest import Served
from .guests import Guest, ask, reload, state_of


async def test_an_edited_module_two_imports_away_reaches_the_actor_that_keeps_its_state(
    plugin: Guest, served: Served
) -> None:
    assert await ask(served, "a") == "old a"
    plugin.edit("words", "old", "new")
    report = await reload(served)
    assert (report.outcome, report.generation_from, report.generation_to) == ("committed", 1, 2)
    assert set(report.modules) == {"guest.words", "guest.parse", "guest.tail"}
    assert await ask(served, "b") == "new b"
    assert await ask(served, "seen") == ["old a", "new b"]
    assert await ask(served, "kind") == [True, True]
    assert served.host.presence.record().generation == 2
    row = served.host.system.ref("/tail").status()
    assert (row.generation, row.accepted, row.handled) == (2, 4, 4)
    assert served.host.system.ref("/plain").status().generation == 1


async def test_a_module_beside_that_comes_later_in_a_folder_of_paths_is_followed(
    plugin: Guest, served: Served, folder: Path
) -> None:
    beside = folder / "guest_beside.py"
    beside.write_text("def loud(text): return text.upper()\n")
    plugin.edit("plain", "return msg", "from guest_beside import loud; return loud(msg)")
    assert (await reload(served)).outcome == "committed"
    assert await ask(served, "a", "/plain") == "A"
    beside.write_text("def loud(text): return text + '!'\n")
    assert "guest_beside" in (await reload(served)).modules
    assert await ask(served, "a", "/plain") == "a!"


async def test_an_edited_default_takes_effect(plugin: Guest, served: Served) -> None:
    plugin.edit("tail", "self.limit = 3", "self.limit = 4")
    assert (await reload(served)).outcome == "committed"
    assert await ask(served, "limit") == 4


async def test_nothing_changed_is_no_transaction(plugin: Guest, served: Served) -> None:
    plugin.edit("words", "old", "new")
    plugin.edit("words", "new", "old")
    report = await reload(served)
    assert (report.outcome, report.generation_to) == ("nothing", 1)
    assert report.line() == "reload: nothing has changed, still running #1"


async def test_a_dry_run_tells_the_plan_and_changes_nothing(plugin: Guest, served: Served) -> None:
    before = state_of(served)
    plugin.edit("words", "old", "new")
    report = await reload(served, dry_run=True)
    assert report.outcome == "nothing"
    assert report.plan is not None
    assert [(it.action, it.address) for it in report.plan.cells] == [("swap", "/tail")]
    why = {it.module: it.why() for it in report.plan.affected}
    assert why["guest.parse"] == "from . import words (parse.py:2)"
    assert state_of(served) == before


async def test_a_stopped_actor_has_the_new_code_when_it_starts(
    plugin: Guest, served: Served
) -> None:
    ref = served.host.system.ref("/plain")
    await ref.stop()
    plugin.edit("plain", "return msg", "return 'new'")
    assert (await reload(served)).outcome == "committed"
    assert (ref.state, ref.held) == ("stopped", True)
    await ref.human_start()
    assert await ref.ask("x") == "new"


async def test_a_child_that_no_file_declares_has_the_new_code(
    plugin: Guest, served: Served
) -> None:
    system = served.host.system
    cell = system.cell_at(system.ref("/tail").address)
    assert cell is not None
    await system.spawn(cell.spec.cls, "child", parent="/tail")
    plugin.edit("words", "old", "new")
    assert (await reload(served)).outcome == "committed"
    assert await ask(served, "a", "/tail/child") == "new a"


async def test_a_package_that_is_run_anew_holds_the_modules_that_stay(
    plugin: Guest, served: Served
) -> None:
    plugin.write(__init__="import sys\nseen = sorted(it for it in globals() if it[0] != '_')\n")
    assert (await reload(served)).outcome == "committed"
    package = sys.modules["guest"]
    assert {"plain", "words"} <= set(package.seen)
    assert package.tail is sys.modules["guest.tail"]


async def test_the_old_code_is_told_what_was_handed_over(plugin: Guest, served: Served) -> None:
    plugin.edit(
        "tail",
        "    async def msg",
        "    async def on_dispose(self, names):\n        self.told.set_result(names)\n\n"
        "    async def msg",
    )
    assert (await reload(served)).outcome == "committed"
    await ask(served, "a")
    cell = served.host.system.cell_at(served.host.system.ref("/tail").address)
    assert cell is not None
    old: Any = cell.behaviour
    old.told = asyncio.get_running_loop().create_future()
    plugin.edit("words", "old", "new")
    assert (await reload(served)).outcome == "committed"
    async with asyncio.timeout(60):
        assert await old.told == {"seen", "told"}


async def test_the_report_and_the_log_tell_what_else_came_of_it(
    plugin: Guest, served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    plugin.edit(
        "tail",
        "    async def msg_handler(self, msg):\n",
        """    async def on_start(self):
        self.create_task(self.refresh())

    async def refresh(self):
        import asyncio
        await asyncio.Event().wait()

    async def msg_handler(self, msg):
        if msg == "begin":
            self.create_task(self.refresh(), "by hand")
            return None
""",
    )
    assert (await reload(served)).outcome == "committed"
    tail = served.host.system.ref("/tail")
    await tail.restart()
    await ask(served, "begin")
    plugin.edit(
        "tail",
        "        self.limit = 3",
        """        self.limit = 3
        import time
        time.sleep(0.06)
        self.calls = getattr(type(self), 'calls', 0) + 1
        type(self).calls = self.calls
        if self.calls == 2:
            raise ValueError('only once')""",
    )
    caplog.set_level(logging.INFO, "aplay_host.reload")
    report = await reload(served)
    assert report.plan is not None
    assert vars(caplog.records[-1])["traceback"] == "\n".join(report.plan.notes)
    slow, ended = report.plan.notes
    assert slow.startswith("/tail: __init__ took ")
    assert ended == "task /tail by hand ended, and nobody has begun it again"
    plugin.edit("words", "old", "new")
    report = await reload(served)
    assert report.plan is not None
    assert (
        "/tail: the old __init__ raises by now, so every live value was kept" in report.plan.notes
    )
