"""Files are saved, by real editors' ways and under real watchers, and what runs is asked."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from aplay_host.reload import ReloadEvent, ReloadReport, Request

from .conftest import Serve, Served
from .guests import Guest

pytestmark = pytest.mark.real_time

PATIENCE = 30.0
"""Seconds after which a test gives up; none should come near it."""


class Followed:
    """A host that follows its files, and the reports that it has told and nobody has read."""

    def __init__(self, served: Served) -> None:
        self.host = served.host
        self.served = served
        self.reports: asyncio.Queue[ReloadReport] = asyncio.Queue()
        self.events: list[ReloadEvent] = []
        self.host.system.events.subscribe((ReloadEvent,), self._hear)
        self._judged = asyncio.Event()
        self._reload = self.host.reloads.reload
        self.host.reloads.reload = self._counted  # type: ignore[method-assign]

    def _hear(self, event: ReloadEvent) -> None:
        self.events.append(event)
        if event.report is not None:
            self.reports.put_nowait(event.report)

    async def report(self) -> ReloadReport:
        """Wait for the next report."""
        async with asyncio.timeout(PATIENCE):
            return await self.reports.get()

    async def committed(self) -> ReloadReport:
        """Wait for the next report, which has to be of a commit, and the only one."""
        report = await self.report()
        assert report.outcome == "committed", report.line()
        assert self.reports.empty()
        return report

    async def _counted(self, request: Request) -> ReloadReport:
        report = await self._reload(request)
        self._judged.set()
        return report

    @asynccontextmanager
    async def silence(self) -> AsyncIterator[None]:
        """Wait until what the block does to the files was looked at, and has led to nothing."""
        self._judged.clear()
        number = self.host.current.number
        yield
        async with asyncio.timeout(PATIENCE):
            await self._judged.wait()
        assert (self.reports.empty(), self.host.current.number) == (True, number)

    async def ask(self, message: Any, address: str = "/tail") -> Any:
        return await self.host.system.ref(address).ask(message)


def watchers() -> int:
    """Return how many threads watch files."""
    return sum(one.name == "aplay watcher" for one in threading.enumerate())


async def until_watchers(count: int) -> None:
    """Look again and again: no event tells of threads."""
    for _ in range(int(100 * PATIENCE)):
        if watchers() == count:
            return
        await asyncio.sleep(0.01)
    assert watchers() == count


Follow = Callable[..., Awaitable[Followed]]


@pytest.fixture
def follow(plugin: Guest, serve: Serve, folder: Path) -> Follow:
    """Serve the guest, with more text for aplay.toml."""

    async def follow(more: str = "", **options: Any) -> Followed:
        text = f"""
            plugins.paths = ["{folder}"]
            actors."/tail".use = "guest.tail:Tail"
            actors."/plain".use = "guest.plain:Plain"
            """
        return Followed(await serve(f"{more}\n{text}", **({"reload": True} | options)))

    return follow


async def test_what_is_saved_runs_and_the_actor_keeps_its_state(
    plugin: Guest, follow: Follow
) -> None:
    followed = await follow()
    assert await followed.ask("a") == "old a"
    plugin.edit("words", "old", "new")
    report = await followed.committed()
    assert (report.generation_to, report.modules[0]) == (2, "guest.tail")
    assert await followed.ask("b") == "new b"
    assert await followed.ask("seen") == ["old a", "new b"]


async def test_shutdown_leaves_no_thread(plugin: Guest, follow: Follow) -> None:
    followed = await follow()
    plugin.edit("words", "old", "new")
    await followed.committed()
    assert watchers() == 1
    await followed.served.stop()
    assert watchers() == 0


# ---- aplay.toml ------------------------------------------------------------------------------


async def test_the_file_says_whether_files_are_followed_at_any_time(
    plugin: Guest, follow: Follow, folder: Path
) -> None:
    followed = await follow("reload.enabled = true", reload=False)
    plugin.edit("words", "old", "new")
    await followed.committed()
    file = folder / "aplay.toml"
    text = file.read_text()
    file.write_text(text.replace("true", "false"))
    await until_watchers(0)
    assert followed.reports.empty()
    file.write_text(text)
    await followed.host.reloads.reload(Request("a test"))
    await until_watchers(1)
    plugin.edit("words", "new", "newer")
    await followed.committed()
    assert await followed.ask("a") == "newer a"


async def test_an_actor_that_is_added_to_the_file_starts(follow: Follow, folder: Path) -> None:
    followed = await follow()
    file = folder / "aplay.toml"
    file.write_text(f'{file.read_text()}\nactors."/more".use = "guest.plain:Plain"\n')
    report = await followed.committed()
    assert report.config[0].key == 'actors."/more"'
    assert await followed.ask("x", "/more") == "x"
    file.write_text(file.read_text().replace("guest.plain:Plain", "guest.nowhere:Plain"))
    assert (await followed.report()).outcome == "refused"


async def test_a_watched_library_is_followed_and_what_is_excluded_is_not(
    plugin: Guest, follow: Follow, folder: Path, tmp_path: Path
) -> None:
    library = tmp_path / "library"
    library.mkdir()
    (library / "shared.py").write_text("WORD = 'old '\n")
    sys.path.append(str(library))
    plugin.write(words="import shared\nPREFIX = shared.WORD\n")
    followed = await follow(f'reload = {{ watch = ["{library}"], exclude = ["*/parse.py"] }}')
    assert await followed.ask("a") == "old a"
    plugin.edit("parse", "return", "return 'x' +")
    plugin.edit("plain", "return msg", "return 'plain'")
    await followed.committed()  # who edits what is left out waits for another reason
    assert await followed.ask("a") == "xold a"
    (library / "shared.py").write_text("WORD = 'new '\n")
    report = await followed.committed()
    assert report.modules[-1] == "shared"
    assert await followed.ask("b") == "xnew b"
    del sys.modules["shared"]


# ---- what is not tried again ------------------------------------------------------------------


async def test_what_was_refused_is_tried_again_once_it_is_something_else(
    plugin: Guest, follow: Follow
) -> None:
    followed = await follow()
    plugin.edit("words", "PREFIX =", "PREFIX = (")
    assert (await followed.report()).outcome == "refused"
    async with followed.silence():
        plugin.write(unused="")
    plugin.edit("words", "PREFIX = (", "PREFIX = 1 /")
    assert (await followed.report()).outcome == "refused"
    plugin.write(words="PREFIX = 'new '")
    await followed.committed()
    assert followed.host.current.number == 2


async def test_what_was_taken_back_waits_for_a_change_or_a_hand(
    plugin: Guest, follow: Follow
) -> None:
    followed = await follow()
    plugin.edit("parse", "words.PREFIX", "words.GONE")
    await followed.committed()
    for text in "abc":
        followed.host.system.ref("/tail").tell_nowait(text)
    assert (await followed.report()).outcome == "taken_back"
    async with followed.silence():
        plugin.write(unused="")
    assert (await followed.host.reloads.reload(Request("a hand"))).outcome == "committed"
    assert (await followed.report()).generation_to == 4
    await followed.host.reloads.rollback()
    assert (await followed.report()).generation_to == 5
    async with followed.silence():
        plugin.write(another="")
    plugin.edit("parse", "words.GONE", "'new ' + words.PREFIX")
    await followed.committed()
    assert await followed.ask("d") == "new old d"


# ---- what is seen of it -----------------------------------------------------------------------


async def test_a_failure_is_shown_until_all_that_is_on_disk_runs(
    plugin: Guest, follow: Follow
) -> None:
    followed = await follow()
    plugin.edit("words", "PREFIX =", "PREFIX = (")
    refused = await followed.report()
    assert followed.host.record().banner == refused.line()
    async with followed.silence():
        plugin.write(unused="")
    assert followed.host.record().banner == refused.line()
    async with followed.silence():
        plugin.edit("words", "PREFIX = (", "PREFIX =")
    assert followed.host.record().banner is None
    plugin.edit("words", "PREFIX =", "PREFIX = (")
    again = await followed.report()
    assert (again.outcome, followed.host.record().banner) == ("refused", again.line())
    plugin.write(words="PREFIX = 'new '")
    await followed.committed()
    assert followed.host.record().banner is None


async def test_each_transaction_is_told_once_and_named_after_what_became_of_it(
    plugin: Guest, follow: Follow, caplog: pytest.LogCaptureFixture
) -> None:
    followed = await follow()
    plugin.edit("words", "old", "new")
    await followed.committed()
    plugin.edit("words", "PREFIX", "raise ValueError('no')\nPREFIX")
    refused = await followed.report()
    told = [(it.type, it.address, it.trigger) for it in followed.events]
    assert told == [
        ("reload.started", "/", "a file changed"),
        ("reload.committed", "/", "a file changed"),
        ("reload.started", "/", "a file changed"),
        ("reload.refused", "/", "a file changed"),
    ]
    assert followed.events[-1].text == refused.line()
    lines = [it for it in caplog.records if it.getMessage() == refused.line()]
    (traceback,) = [vars(it)["traceback"] for it in lines]
    files = re.findall(r'File "(.+?)"', traceback)
    assert files == [str(plugin.folder / f"{name}.py") for name in ("tail", "parse", "words")]
