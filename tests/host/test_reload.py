"""A file is edited and reloaded, and what an actor is asked before and after."""

from __future__ import annotations

import asyncio
import copy
import gc
import inspect
import linecache
import logging
import signal
import sys
import weakref
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from aplay_host.config import load_config
from aplay_host.errors import ConfigError
from aplay_host.host.port import HostPort
from aplay_host.kernel import MessageFailed, Started
from aplay_host.plugins import Verdict
from aplay_host.reload import ReloadEvent, ReloadReport, Request, building, disk, settle, steps
from aplay_host.reload.hold import Hold
from tests.host.orders import by_me

from .conftest import Serve, Served
from .guests import PLAIN, Guest


@pytest.fixture
async def served(plugin: Guest, serve: Serve, folder: Path) -> Served:
    return await serve(
        f"""
        plugins.paths = ["{folder}"]
        actors."/tail".use = "guest.tail:Tail"
        actors."/plain".use = "guest.plain:Plain"
        """
    )


async def reload(served: Served, **request: Any) -> ReloadReport:
    return await served.host.reloads.reload(Request(**request))


def heard_from(served: Served) -> asyncio.Queue[ReloadReport]:
    """Return where each report of a reload goes from now on."""
    heard: asyncio.Queue[ReloadReport] = asyncio.Queue()

    def hear(event: ReloadEvent) -> None:
        if event.report is not None:
            heard.put_nowait(event.report)

    served.host.system.events.subscribe((ReloadEvent,), hear)
    return heard


async def ask(served: Served, message: Any, address: str = "/tail") -> Any:
    return await served.host.system.ref(address).ask(message)


def state_of(served: Served) -> dict[str, Any]:
    """Return what must be identical, object for object, after a reload that came to nothing."""
    modules = {name: module for name, module in sys.modules.items() if name.startswith("guest")}
    attributes = {f"{name}.*": dict(vars(module)) for name, module in modules.items()}
    cell = served.host.system.cell_at(served.host.system.ref("/tail").address)
    assert cell is not None
    assert cell.behaviour is not None
    noted = served.host.plugins.finder.noted()
    return {
        **modules,
        **attributes,
        "behaviour": cell.behaviour,
        "state": dict(vars(cell.behaviour)),
        "current": served.host.current,
        "path": list(sys.path),
        "noted": noted,
    }


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


BROKEN = {
    "syntax": (
        "words",
        "PREFIX = 'old '",
        "PREFIX = (",
        "guest/words.py:1",
        "'(' was never closed",
    ),
    "import": ("parse", "from . import words", "import nowhere", "guest/parse.py:2", "nowhere"),
    "raised": ("parse", "def parse", "1 / 0\n\ndef parse", "guest/parse.py:4", "ZeroDivisionError"),
    "exits": ("words", "PREFIX", "raise SystemExit(3)\nPREFIX", "guest/words.py:1", "SystemExit"),
    "init": ("tail", "self.limit = 3", "self.limit = nobody", "tail.py:15", "NameError"),
    "init exits": ("tail", "self.limit = 3", "raise SystemExit(3)", "tail.py:15", "SystemExit: 3"),
    "too deep": (
        "words",
        "'old '",
        "+".join(["''"] * 20_000),
        "guest/words.py:1",
        "RecursionError",
    ),
    "class": ("tail", "class Tail(Actor)", "class Tail", "check", "not-an-actor"),
    "gone": ("tail", "class Tail(Actor)", "class Other(Actor)", "import", "missing-attribute"),
    "field": ("tail", "text: str", "text: str\n    at: int", "/tail.seen[0].at", "a new field"),
    "reload": (
        "tail",
        "    async def",
        "    def on_reload(self, info):\n        raise ValueError('no')\n\n    async def",
        "/tail",
        "ValueError: no",
    ),
    "reload exits": (
        "tail",
        "    async def",
        "    def on_reload(self, info):\n        raise SystemExit(3)\n\n    async def",
        "/tail",
        "SystemExit: 3",
    ),
    "no text": (
        "tail",
        "self.limit = 3",
        "raise type('Mute', (Exception,), {'__str__': None})",
        "tail.py:15",
        "Mute, whose text cannot be made",
    ),
}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.limit = 3", "while True: pass"),
        (
            "    async def",
            "    def on_reload(self, info):\n        while True: pass\n\n    async def",
        ),
    ],
)
async def test_a_new_actor_that_does_not_come_back_is_refused(
    plugin: Guest, served: Served, monkeypatch: pytest.MonkeyPatch, old: str, new: str
) -> None:
    monkeypatch.setattr(building, "MOST_SECONDS", 0.05)
    plugin.edit("tail", old, new)
    report = await reload(served)
    assert report.error is not None
    assert "not done after 0.05 s" in report.error.got
    assert "tail.py:" in report.line()
    assert await ask(served, "a") == "old a"


EXITING = """
    import sys
    from aplay_host import Actor

    class Tail(Actor):
        def __init__(self):
            if hasattr(sys, "guests_may_not_begin"):
                sys.exit(3)

        async def on_dispose(self, names):
            sys.exit(4)
"""


async def test_old_code_that_exits_ends_neither_the_reload_nor_the_host(
    plugin: Guest, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin.write(tail=EXITING)
    assert (await reload(served)).outcome == "committed"
    monkeypatch.setattr(sys, "guests_may_not_begin", True, raising=False)
    plugin.write(tail=EXITING.replace("sys.exit(3)", "self.limit = 4"))
    assert (await reload(served)).outcome == "committed"
    assert await ask(served, "x", "/plain") == "x"


@pytest.mark.parametrize("case", BROKEN)
async def test_what_cannot_run_is_refused_with_its_place_and_nothing_has_changed(
    plugin: Guest, served: Served, case: str
) -> None:
    name, old, new, place, got = BROKEN[case]
    await ask(served, "a")
    before = state_of(served)
    plugin.edit(name, old, new)
    report = await reload(served)
    assert (report.outcome, report.exit_code, report.generation_to) == ("refused", 1, 2)
    assert report.error is not None
    assert place in report.error.place
    assert got in report.error.got
    assert "REFUSED" in report.line()
    assert "still running #1" in report.line()
    after = state_of(served)
    assert after.keys() == before.keys()
    assert [key for key in before if after[key] != before[key]] == []
    assert await ask(served, "b") == "old b"
    plugin.edit(name, new, old)
    plugin.edit("words", "old", "new")
    assert (await reload(served)).generation_to == 2
    assert await ask(served, "seen") == ["old a", "old b"]


async def test_a_file_that_is_being_written_is_taken_when_it_is_whole(
    plugin: Guest, served: Served
) -> None:
    with (plugin.folder / "words.py").open("w") as stream:
        begun = asyncio.create_task(reload(served))
        for text in ("PREFIX = 'new", " an", "d whole '\n"):
            stream.write(text)
            stream.flush()
            await asyncio.sleep(0.12)  # longer, and it would count as forgotten
            assert not begun.done()
    assert (await begun).outcome == "committed"
    assert await ask(served, "a") == "new and whole a"


async def test_a_file_that_nothing_is_written_to_is_waited_for_until_it_is_closed(
    plugin: Guest, served: Served
) -> None:
    with (plugin.folder / "words.py").open("w") as stream:
        begun = asyncio.create_task(reload(served))
        await asyncio.sleep(2)
        assert not begun.done()
        stream.write("PREFIX = 'new '")
    assert (await begun).outcome == "committed"
    assert await ask(served, "a") == "new a"


async def test_a_file_that_loses_most_of_its_text_is_taken(plugin: Guest, served: Served) -> None:
    plugin.write(parse="def parse(msg): return 'new'")
    assert (await reload(served)).outcome == "committed"
    assert await ask(served, "a") == "new"


async def test_where_nobody_can_tell_of_writers_files_are_taken_all_the_same(
    plugin: Guest, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "writer_open", lambda descriptor: None)
    plugin.edit("words", "old", "new")
    assert (await reload(served)).outcome == "committed"


async def test_while_an_installer_is_at_work_for_too_long_nothing_is_read(
    plugin: Guest, served: Served
) -> None:
    at_work = True
    served.host.reloads._hold = Hold(lambda: at_work, print)
    plugin.edit("words", "old", "new")
    report = await reload(served)
    assert report.error is not None
    assert (report.outcome, report.error.code) == ("refused", "unsettled")
    begun = asyncio.create_task(reload(served))
    await asyncio.sleep(1)
    assert not begun.done()
    at_work = False
    assert (await begun).outcome == "committed"


async def test_a_checkout_is_waited_for(plugin: Guest, served: Served) -> None:
    lock = plugin.folder / ".git" / "index.lock"
    lock.parent.mkdir()
    lock.touch()
    plugin.edit("words", "old", "(")
    begun = asyncio.create_task(reload(served))
    await asyncio.sleep(1)
    assert not begun.done()
    plugin.edit("words", "(", "new")
    lock.unlink()
    assert (await begun).outcome == "committed"


async def test_who_finds_everything_changed_again_and_again_gives_up(
    plugin: Guest, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin.edit("words", "old", "new")
    tries = []

    async def before_reload(plan: object, replaced: object) -> Any:
        tries.append(plan)
        entry = served.host.plugins.rows()[0]
        other = replace(entry, installed_version=f"{len(tries)}")
        served.host.plugins.catalog = served.host.plugins.catalog.replaced(entry, other)
        return Verdict()

    monkeypatch.setattr(served.host.plugins.hooks, "before_reload", before_reload)
    monkeypatch.setattr(served.host.plugins.hooks, "hears", lambda *hooks: True)
    report = await reload(served)
    assert report.error is not None
    assert (report.outcome, report.error.code, len(tries)) == ("refused", "too-fast", 5)
    assert await ask(served, "a") == "old a"


async def test_waiting_mail_is_handled_by_the_new_code_in_order(
    plugin: Guest, served: Served
) -> None:
    tail = served.host.system.ref("/tail")
    replies = [asyncio.create_task(tail.ask(str(number))) for number in range(3)]
    plugin.edit("words", "old", "new")
    reloading = asyncio.create_task(reload(served))
    told = [await reply for reply in replies]
    assert (await reloading).outcome == "committed"
    replies = [asyncio.create_task(tail.ask(str(number))) for number in range(3, 6)]
    told += [await reply for reply in replies]
    assert [one.partition(" ")[2] for one in told] == ["0", "1", "2", "3", "4", "5"]
    assert await ask(served, "seen") == told


async def test_an_actor_that_is_busy_for_too_long_lets_the_reload_wait(
    plugin: Guest, served: Served
) -> None:
    plugin.edit("plain", "return msg", "await msg.wait(); return 'new'")
    assert (await reload(served)).outcome == "committed"
    release, ref = asyncio.Event(), served.host.system.ref("/plain")
    reply = asyncio.create_task(ref.ask(release, timeout=60))
    for _ in range(3):
        await asyncio.sleep(0)
    assert ref.status().in_hand == 1
    plugin.edit("plain", "'new'", "'newer'")
    report = await reload(served)
    assert (report.outcome, report.exit_code) == ("waiting", 7)
    assert report.error is not None
    assert report.error.place == "/plain"
    assert "plain.py:6 in msg_handler" in report.error.got
    assert served.host.current.number == 2
    heard = heard_from(served)
    release.set()
    assert await reply == "new"
    async with asyncio.timeout(60):
        assert (await heard.get()).outcome == "committed"
    assert await ask(served, release, "/plain") == "newer"


STOPS_SLOWLY = """
    import asyncio
    from aplay_host import Actor

    class Plain(Actor):
        async def msg_handler(self, msg):
            return msg

        async def on_stop(self, reason):
            await asyncio.sleep(4)
"""


async def test_an_actor_that_is_stopping_is_waited_for_and_not_asked_again_and_again(
    plugin: Guest, served: Served
) -> None:
    plugin.write(plain=STOPS_SLOWLY)
    assert (await reload(served)).outcome == "committed"
    stopping = served.host.system.ref("/plain").stop()
    plugin.edit("plain", "return msg", "return 'new'")
    heard = heard_from(served)
    assert (await reload(served)).outcome == "waiting"
    await stopping
    async with asyncio.timeout(60):
        outcomes = [(await heard.get()).outcome for _ in range(2)]
    assert outcomes == ["waiting", "committed"]


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


async def test_hundred_plugin_reloads_leave_one_generation_alive(
    plugin: Guest, served: Served
) -> None:
    alive: weakref.WeakSet[object] = weakref.WeakSet()
    for number in range(100):
        for name in ("tail", "parse", "words"):
            alive.add(sys.modules[f"guest.{name}"])
        alive.add(vars(sys.modules["guest.tail"])["Tail"])
        assert await ask(served, "a") == ("old a" if number == 0 else f"{number - 1} a")
        plugin.write(words=f"PREFIX = '{number} '")
        report = await reload(served)
        assert report.outcome == "committed", report.line()
    served.host.reloads._end_probation()
    await served.host.plugins.hooks.close(60)  # plugins have heard all that waited
    gc.collect()
    assert len(alive) <= 4  # those that a rollback would go back to
    assert await ask(served, "seen") == ["old a", *(f"{it} a" for it in range(99))]
    assert served.host.current.number == 101


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


async def test_a_file_that_is_deleted_while_actors_need_it_is_refused(
    plugin: Guest, served: Served
) -> None:
    (plugin.folder / "plain.py").unlink()
    report = await reload(served)
    assert report.error is not None
    assert (report.outcome, report.error.code) == ("refused", "class-gone")
    assert await ask(served, "x", "/plain") == "x"


async def test_a_traceback_shows_the_lines_that_run_whatever_is_on_disk(
    plugin: Guest, served: Served
) -> None:
    file = str(plugin.folder / "words.py")
    plugin.edit("words", "PREFIX", "# one line more\nPREFIX")
    assert first_line_in_tracebacks(file) == "PREFIX = 'old '"
    assert (await reload(served)).outcome == "committed"
    plugin.write(words="nothing of this runs")
    assert first_line_in_tracebacks(file) == "# one line more"
    await rollback(served)
    assert first_line_in_tracebacks(file) == "PREFIX = 'old '"


def first_line_in_tracebacks(file: str) -> str:
    linecache.checkcache(file)
    return linecache.getline(file, 1).rstrip("\n")


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [("words", "PREFIX = 'old '", "PREFIX = nobody"), ("tail", "= 3", "= nobody")],
    ids=["import", "init"],
)
async def test_the_traceback_of_a_refusal_shows_the_lines_that_were_tried(
    plugin: Guest, served: Served, module: str, old: str, new: str
) -> None:
    file = str(plugin.folder / f"{module}.py")
    before = first_line_in_tracebacks(file)
    plugin.edit("words", "PREFIX", "\n\nPREFIX")
    assert (await reload(served)).outcome == "committed"
    plugin.edit(module, old, new)
    report = await reload(served)
    assert report.error is not None
    assert new in report.error.traceback
    assert first_line_in_tracebacks(file) == ("" if module == "words" else before)


async def test_the_lines_of_the_first_generation_are_known_as_python_counts_them(
    plugin: Guest, serve: Serve, folder: Path
) -> None:
    plugin.write(plain="# coding: latin-1\n\f\n# \xe9\n" + dedent(PLAIN))
    text = (plugin.folder / "plain.py").read_text("utf-8")
    (plugin.folder / "plain.py").write_text(text, "latin-1")
    await serve(
        f"""
        plugins.paths = ["{folder}"]
        actors."/plain".use = "guest.plain:Plain"
        """
    )
    plugin.write(plain="nothing of this runs")
    file = str(plugin.folder / "plain.py")
    linecache.checkcache(file)
    assert [linecache.getline(file, line) for line in (2, 3)] == ["\f\n", "# \xe9\n"]


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


# ---- going back --------------------------------------------------------------------------


async def rollback(served: Served) -> ReloadReport:
    return await served.host.reloads.rollback()


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
    report = await served.host.reloads.rollback()
    assert report.outcome == "waiting"
    assert report.line().endswith("try again when it is idle")
    release.set()


LAZY = """
    from aplay_host import Actor

    class Plain(Actor):
        async def msg_handler(self, msg):
            if hasattr(msg, "wait"):
                await msg.wait()
            from . import lazy
            return lazy.said()
"""


@pytest.mark.parametrize("is_reached", [False, True])
async def test_what_was_imported_late_is_followed_after_a_rollback_and_another(
    plugin: Guest, served: Served, *, is_reached: bool
) -> None:
    plugin.write(plain=LAZY, lazy="from . import words\ndef said(): return words.PREFIX + '1'")
    plugin.edit("words", "old", "new")
    edited = "words" if is_reached else "lazy"
    if not is_reached:
        plugin.write(lazy="def said(): return 'new 1'")
    assert (await reload(served)).outcome == "committed"
    assert await ask(served, "x", "/plain") == "new 1"
    for _ in range(2):
        assert (await served.host.reloads.rollback()).outcome == "committed"
    assert await ask(served, "x", "/plain") == "new 1"
    plugin.edit(edited, "new", "newer")
    assert (await reload(served)).outcome == "committed"
    assert await ask(served, "x", "/plain") == "newer 1"


async def test_what_is_imported_while_a_reload_waits_for_it_is_run_anew(
    plugin: Guest, served: Served
) -> None:
    plugin.write(plain=LAZY, lazy="from .words import PREFIX\ndef said(): return PREFIX + '1'")
    assert (await reload(served)).outcome == "committed"
    release, ref = asyncio.Event(), served.host.system.ref("/plain")
    reply = asyncio.create_task(ref.ask(release, timeout=60))
    await asyncio.sleep(0.1)
    plugin.edit("plain", "return lazy", "return 'plain ' + lazy")
    reloading = asyncio.create_task(reload(served))
    plugin.edit("words", "old", "new")
    await asyncio.sleep(0.5)
    plugin.write(lazy="from .words import PREFIX\ndef said(): return PREFIX + '2'")
    release.set()
    assert (await reply)[-1] == "2"
    assert (await reloading).outcome == "committed"
    assert await ask(served, "x", "/plain") == "plain new 2"


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


async def test_code_that_fails_its_first_messages_is_taken_back_and_they_run_on_the_old(
    plugin: Guest, served: Served
) -> None:
    plugin.edit("parse", "return words.PREFIX", "return words.GONE")
    heard = heard_from(served)
    assert (await reload(served)).outcome == "committed"
    tail = served.host.system.ref("/tail")
    for text in "abcde":
        tail.tell_nowait(text)
    async with asyncio.timeout(60):
        assert (await heard.get()).outcome == "committed"
        taken_back = await heard.get()
    assert (taken_back.outcome, taken_back.generation_to) == ("taken_back", 3)
    assert "reload #2 TAKEN BACK after 3 of 3 messages failed: AttributeError" in taken_back.line()
    assert "on /tail · running #3 = code of #1" in taken_back.line()
    assert await ask(served, "seen") == [f"old {text}" for text in "abcde"]
    status = tail.status()
    assert (status.failed, status.handled, status.pending) == (0, 6, 0)


async def test_three_asks_that_fail_take_new_code_back_too(plugin: Guest, served: Served) -> None:
    heard = await fails_at_once(plugin, served, "a")
    for _ in range(2):
        with pytest.raises(AttributeError, match="GONE"):
            await ask(served, "b")
    async with asyncio.timeout(60):
        assert (await heard.get()).outcome == "taken_back"
    assert await ask(served, "seen") == ["old a"]
    status = served.host.system.ref("/tail").status()
    assert (status.failed, status.handled) == (2, 2)


async def test_an_ask_that_is_handled_ends_the_probation(plugin: Guest, served: Served) -> None:
    heard = await fails_at_once(plugin, served, "a", "b")
    assert await ask(served, "seen") == []
    served.host.system.ref("/tail").tell_nowait("c")
    assert await ask(served, "seen") == []
    assert (served.host.current.number, heard.empty()) == (2, True)
    assert served.host.system.ref("/tail").status().failed == 3


async def fails_at_once(plugin: Guest, served: Served, *texts: str) -> asyncio.Queue[Any]:
    """Commit code that fails on every message, and send these; return what is reported."""
    plugin.edit("parse", "return words.PREFIX", "return words.GONE")
    assert (await reload(served)).outcome == "committed"
    heard = heard_from(served)
    for text in texts:
        served.host.system.ref("/tail").tell_nowait(text)
    return heard


async def test_a_take_back_that_has_to_wait_is_done_when_the_busy_actor_is_idle(
    plugin: Guest, served: Served
) -> None:
    plugin.edit("plain", "return msg", "await msg.wait(); return words.PREFIX")
    plugin.edit("plain", "from aplay_host", "from . import words\nfrom aplay_host")
    assert (await reload(served)).outcome == "committed"
    plugin.edit("words", "old", "new")
    heard = await fails_at_once(plugin, served)
    release = asyncio.Event()
    reply = asyncio.create_task(served.host.system.ref("/plain").ask(release, timeout=60))
    await asyncio.sleep(0.1)
    tail = served.host.system.ref("/tail")
    for text in "abcd":
        tail.tell_nowait(text)
    waiting = await heard.get()
    assert (waiting.outcome, waiting.error.place) == ("waiting", "/plain")
    assert (tail.state, tail.status().pending) == ("paused", 4)
    release.set()
    assert await reply == "new "
    assert (await heard.get()).outcome == "taken_back"
    assert await ask(served, "seen") == [f"old {text}" for text in "abcd"]


async def test_where_nothing_can_be_taken_back_the_new_code_goes_on(
    plugin: Guest, served: Served
) -> None:
    plugin.edit(
        "tail",
        "    async def",
        "    def on_reload(self, info):\n        assert info.cause == 'reload'\n\n    async def",
    )
    assert (await reload(served)).outcome == "committed"
    heard = await fails_at_once(plugin, served, *"abcd")
    refused = await heard.get()
    assert (refused.outcome, refused.error.code) == ("refused", "on_reload")
    assert await ask(served, "seen") == []
    status = served.host.system.ref("/tail").status()
    assert (status.state, status.failed, status.pending) == ("running", 4, 0)


async def test_a_second_commit_comes_first_and_settles_what_was_set_aside(
    plugin: Guest, served: Served
) -> None:
    tail, begun = served.host.system.ref("/tail"), list[asyncio.Task[ReloadReport]]()

    def reload_at_the_third(event: MessageFailed) -> None:
        if tail.state == "paused":
            plugin.edit("parse", "words.GONE", "words.PREFIX")
            begun.append(asyncio.create_task(reload(served)))

    served.host.system.events.subscribe((MessageFailed,), reload_at_the_third)
    heard = await fails_at_once(plugin, served, *"abcd")
    assert (await heard.get()).outcome == "committed"
    assert (await begun[0]).generation_to == 3
    assert await ask(served, "seen") == ["old d"]
    status = served.host.system.ref("/tail").status()
    assert (status.generation, status.failed, status.handled) == (3, 3, 2)
    assert heard.empty()


async def test_a_host_that_ends_does_not_wait_for_a_verdict(plugin: Guest, served: Served) -> None:
    await fails_at_once(plugin, served)
    tail, system = served.host.system.ref("/tail"), served.host.system
    third: asyncio.Future[MessageFailed] = asyncio.get_running_loop().create_future()

    def stop_at_the_third(event: MessageFailed) -> None:
        if tail.state == "paused":
            served.host.stop("the test is over")
            third.set_result(event)

    system.events.subscribe((MessageFailed,), stop_at_the_third)
    for text in "abc":
        tail.tell_nowait(text)
    began = system.now()
    await third
    assert await served.running == 0
    assert system.now() - began < 1


async def test_one_bad_message_does_not_take_new_code_back(plugin: Guest, served: Served) -> None:
    plugin.edit("words", "old", "new")
    await reload(served)
    tail = served.host.system.ref("/tail")
    tail.tell_nowait(5)
    tail.tell_nowait("a")
    assert await ask(served, "seen") == ["new a"]
    assert served.host.current.number == 2
    assert tail.status().failed == 1


# ---- aplay.toml --------------------------------------------------------------------------


def rewrite(folder: Path, old: str, new: str) -> None:
    file = folder / "aplay.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


async def test_the_file_starts_removes_and_changes_actors(
    plugin: Guest, served: Served, folder: Path
) -> None:
    system = served.host.system
    rewrite(
        folder,
        'actors."/plain".use = "guest.plain:Plain"',
        'actors."/more".use = "guest.plain:Plain"\nactors."/tail".max_tasks = 2',
    )
    await ask(served, "a")
    started: asyncio.Future[Started] = asyncio.get_running_loop().create_future()
    system.events.subscribe((Started,), started.set_result)
    report = await reload(served, config=True)
    assert (report.outcome, report.modules) == ("committed", ())
    assert {it.key for it in report.config} == {
        'actors."/plain"',
        'actors."/more"',
        'actors."/tail".max_tasks',
    }
    async with asyncio.timeout(60):
        assert (await started).address == "/more"
    assert await ask(served, "x", "/more") == "x"
    assert system.ref("/tail").status().spec.max_tasks == 2
    assert await ask(served, "seen") == ["old a"]
    assert system.ref("/plain").state == "removed"
    assert set(served.host.origins) == {"/tail", "/more"}


async def test_the_file_and_the_code_commit_together_or_not_at_all(
    plugin: Guest, served: Served, folder: Path
) -> None:
    plugin.edit("words", "old", "new")
    rewrite(folder, '"guest.plain:Plain"', '"guest.plain:Plain"\nactors."/x".us = 1')
    report = await reload(served)
    assert (report.outcome, report.exit_code) == ("refused", 78)
    assert report.error is not None
    assert report.error.place.startswith(str(folder / "aplay.toml:"))
    assert await ask(served, "a") == "old a"
    rewrite(folder, '\nactors."/x".us = 1', '\nactors."/tail".max_tasks = 2')
    assert (await reload(served)).outcome == "committed"
    assert await ask(served, "b") == "new b"
    assert served.host.system.ref("/tail").status().spec.max_tasks == 2


async def test_the_file_is_what_was_read_when_it_was_whole(
    served: Served, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "aplay.toml"
    file.write_text(file.read_text() + 'actors."/new".use = "guest.plain:Plain"\n')

    async def read(sizes: dict[str, int]) -> settle.Settled:
        settled = await settle.read_settled(sizes)
        file.write_text("")  # somebody begins to write it once more
        return settled

    monkeypatch.setattr(disk, "read_settled", read)
    assert (await reload(served)).outcome == "committed"
    await asyncio.sleep(0)
    assert await ask(served, "x", "/new") == "x"
    assert await ask(served, "x") == "old x"


async def test_what_a_host_reads_at_its_start_only_waits_for_the_next(
    plugin: Guest, served: Served, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rewrite(folder, "plugins.paths", "host.drain_timeout = 7\nplugins.paths")
    report = await reload(served, config=True)
    text = "aplay.toml: host.drain_timeout: counts from the next start"
    assert caplog.messages[-1] == text
    assert report.outcome == "nothing"
    assert served.host.presence.record().pending_restart == ("host.drain_timeout",)
    assert served.host.presence.record().generation == 1


async def test_only_the_file_is_read_where_that_is_asked_for(plugin: Guest, served: Served) -> None:
    plugin.edit("words", "old", "new")
    assert (await reload(served, config=True)).outcome == "nothing"
    assert await ask(served, "a") == "old a"


# ---- [reload] ----------------------------------------------------------------------------


SLOW = """
    import asyncio

    from aplay_host import Actor

    class Plain(Actor):
        async def msg_handler(self, msg):
            msg.set()
            await asyncio.sleep(600)
            return "old"
"""


async def test_terms_of_the_file_hold_from_the_commit_that_brought_them(
    plugin: Guest, served: Served, folder: Path
) -> None:
    plugin.write(plain=SLOW)
    assert (await reload(served)).outcome == "committed"
    begun, ref, loop = asyncio.Event(), served.host.system.ref("/plain"), asyncio.get_running_loop()
    ref.tell_nowait(begun)
    await begun.wait()
    plugin.edit("plain", "old", "new")
    began = loop.time()
    assert (await reload(served)).outcome == "waiting"
    assert 5.0 <= loop.time() - began < 5.5
    file = folder / "aplay.toml"
    terms = 'reload = { on_busy = "cancel", drain_timeout = "1s", probation = 0 }\n'
    file.write_text(terms + file.read_text())
    assert (await reload(served, config=True)).outcome == "nothing"
    began = loop.time()
    assert (await reload(served)).outcome == "committed"
    assert 1.0 <= loop.time() - began < 1.5
    assert ref.status().failed == 1
    assert served.host.reloads._probation is None


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("reload.on_busy = 'wait'", "1:18: error: reload.on_busy"),
        ("reload.probation = -1", "1:20: error: reload.probation"),
        ("reload.watch = 'x'", "1:16: error: reload.watch"),
        ("reload.enable = true", "1:8: error: reload.enable: unknown key"),
    ],
)
def test_mistake_in_the_terms_is_told_with_its_place(folder: Path, line: str, place: str) -> None:
    file = folder / "aplay.toml"
    file.write_text(f"{line}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert place in str(caught.value)


async def test_what_is_watched_besides_counts_from_the_next_start(
    served: Served, folder: Path
) -> None:
    file = folder / "aplay.toml"
    file.write_text(f'reload.watch = ["{folder}/more"]\n{file.read_text()}')
    await reload(served)
    assert served.host.presence.record().pending_restart == ("reload.watch",)


# ---- whatever happens ----------------------------------------------------------------------

SIDE_EFFECTS = """
import logging, signal, sys
sys.path.append("/nowhere")
logging.getLogger().addHandler(logging.NullHandler())
signal.signal(signal.SIGUSR2, signal.SIG_IGN)
"""


def surroundings() -> list[Any]:
    """Return what of the process an import could change, object for object."""
    handlers = logging.getLogger().handlers
    return [*sys.path, *sys.meta_path, *handlers, signal.getsignal(signal.SIGUSR2)]


async def test_an_import_that_fails_at_any_line_leaves_nothing_behind(
    plugin: Guest, served: Served
) -> None:
    await ask(served, "a")
    lines = (plugin.folder / "tail.py").read_text().splitlines()
    refused = 0
    for number, line in enumerate(lines):
        indent = line[: len(line) - len(line.lstrip())]
        before = state_of(served), surroundings()
        text = [*SIDE_EFFECTS.splitlines(), *lines[:number], f"{indent}1 / 0", *lines[number:]]
        plugin.write(tail="\n".join(text))
        if len(indent) > 4 or lines[number - 1].startswith("@"):
            continue  # code that no import runs, or no Python
        report = await reload(served)
        assert (report.outcome, report.generation_to) == ("refused", 2), text
        refused += 1
        after = state_of(served), surroundings()
        assert [key for key in before[0] if after[0][key] != before[0][key]] == []
        assert after[1] == before[1]
    assert refused > 10
    assert await ask(served, "b") == "old b"


STEPS = ("compile_changed", "ask", "stage", "quiesce", "swap", "begin")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("fault", ["raises first", "raises last", "is cancelled"])
async def test_a_step_that_fails_leaves_all_wholly_old_or_wholly_new(
    plugin: Guest, served: Served, monkeypatch: pytest.MonkeyPatch, step: str, fault: str
) -> None:
    await ask(served, "a")
    before = state_of(served)
    plugin.edit("words", "old", "new")
    with monkeypatch.context() as patch:
        patch.setattr(steps, step, _faulty(getattr(steps, step), fault))
        began = asyncio.create_task(reload(served))
        await asyncio.wait({began})
    if fault.startswith("raises"):
        assert isinstance(began.exception(), RuntimeError)
        after_commit = step == "begin" or (step in ("quiesce", "swap") and fault == "raises last")
        assert served.host.current.number == 1 + after_commit
    if served.host.current.number == 1:
        assert state_of(served) == before
        assert (await reload(served)).outcome == "committed"
    assert await ask(served, "b") == "new b"
    assert await ask(served, "seen") == ["old a", "new b"]
    assert (await rollback(served)).outcome == "committed"
    assert await ask(served, "c") == "old c"


def _faulty(step: Any, fault: str) -> Any:
    """Return `step`, a plain function or an async one, with that fault."""

    def begin() -> None:
        if fault == "raises first":
            raise RuntimeError(fault)
        if fault == "is cancelled":
            task = asyncio.current_task()
            assert task is not None
            task.cancel()

    def end() -> None:
        if fault == "raises last":
            raise RuntimeError(fault)

    async def waiting(*args: Any) -> Any:
        begin()
        result = await step(*args)
        end()
        return result

    def plain(*args: Any) -> Any:
        begin()
        result = step(*args)
        end()
        return result

    return waiting if inspect.iscoroutinefunction(step) else plain


async def test_what_on_reload_did_before_it_raised_has_not_happened(
    plugin: Guest, served: Served
) -> None:
    await ask(served, "a")
    before = copy.deepcopy(state_of(served)["state"]["seen"])
    plugin.edit(
        "tail",
        "    async def msg",
        "    def on_reload(self, info):\n"
        "        self.ref('/plain').tell_nowait('early')\n"
        "        self.create_task(self.msg_handler('task'))\n"
        "        self.seen.append(Line('more'))\n"
        "        self.seen[0].text = 'other'\n"
        "        raise ValueError('no')\n\n    async def msg",
    )
    assert (await reload(served)).outcome == "refused"
    seen = state_of(served)["state"]["seen"]
    assert [line.text for line in seen] == [line.text for line in before]
    assert served.host.system.ref("/plain").status().accepted == 0


async def test_waiting_messages_of_an_edited_class_match_the_new_class(
    plugin: Guest, served: Served
) -> None:
    plugin.write(
        plain="""
            from dataclasses import dataclass

            from aplay_host import Actor

            @dataclass
            class Line:
                text: str

            class Plain(Actor):
                def __init__(self):
                    self.got = []

                async def msg_handler(self, msg):
                    match msg:
                        case Line():
                            self.got.append("old " + msg.text)
                        case "got":
                            return self.got
                        case _:
                            await msg.wait()
        """
    )
    assert (await reload(served)).outcome == "committed"
    line, plain = sys.modules["guest.plain"].Line, served.host.system.ref("/plain")
    release = asyncio.Event()
    for message in (release, line("a"), line("b")):
        plain.tell_nowait(message)
    plugin.edit("plain", "old ", "new ")
    begun = asyncio.create_task(reload(served))
    await asyncio.sleep(1)
    release.set()
    assert (await begun).outcome == "committed"
    assert await ask(served, "got", "/plain") == ["new a", "new b"]
