"""Files are saved, by real editors' ways and under real watchers, and what runs is asked."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from aplay_host.kernel import Started
from aplay_host.reload import ReloadEvent, ReloadReport, Request, follower
from aplay_host.reload.look import Directory
from aplay_host.reload.watch import Reports, Watcher
from tests.reload.saving import SAVES, Save

from .conftest import Serve, Served
from .guests import PLAIN, Guest

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


# ---- aplay.toml ------------------------------------------------------------------------


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


# ---- what is not tried again -----------------------------------------------------------


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


# ---- what is seen of it ----------------------------------------------------------------


async def test_a_failure_is_shown_until_all_that_is_on_disk_runs(
    plugin: Guest, follow: Follow
) -> None:
    followed = await follow()
    plugin.edit("words", "PREFIX =", "PREFIX = (")
    refused = await followed.report()
    assert followed.host.presence.record().banner == refused.line()
    async with followed.silence():
        plugin.write(unused="")
    assert followed.host.presence.record().banner == refused.line()
    async with followed.silence():
        plugin.edit("words", "PREFIX = (", "PREFIX =")
    assert followed.host.presence.record().banner is None
    plugin.edit("words", "PREFIX =", "PREFIX = (")
    again = await followed.report()
    assert (again.outcome, followed.host.presence.record().banner) == ("refused", again.line())
    plugin.write(words="PREFIX = 'new '")
    await followed.committed()
    assert followed.host.presence.record().banner is None


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


# ---- each way to save ------------------------------------------------------------------


@pytest.mark.parametrize("save", SAVES, ids=lambda save: save.__name__)
async def test_each_way_to_save_is_one_reload(plugin: Guest, follow: Follow, save: Save) -> None:
    followed = await follow()
    scratch = (".words.py.swp", "words.py~", "4913", "#words.py#", "words.py.bak")
    for name in scratch:
        (plugin.folder / name).write_text("PREFIX = 'scratch '")
    await asyncio.to_thread(save, plugin.folder / "words.py", "# longer now\nPREFIX = 'new '\n")
    await followed.committed()
    async with followed.silence():
        plugin.write(unused="")
    assert await followed.ask("a") == "new a"


async def test_a_touch_is_nothing(plugin: Guest, follow: Follow) -> None:
    followed = await follow()
    (plugin.folder / "words.py").touch()
    async with followed.silence():
        plugin.write(unused="")


async def test_nested_folders_and_a_folder_made_again_are_followed(
    plugin: Guest, follow: Follow
) -> None:
    followed = await follow()
    deep = plugin.folder / "deep" / "er"
    deep.mkdir(parents=True)
    for folder in (deep.parent, deep):
        (folder / "__init__.py").touch()
    (deep / "est.py").write_text("WORD = 'deep '\n")
    plugin.write(words="from .deep.er.est import WORD as PREFIX")
    await followed.committed()
    assert await followed.ask("a") == "deep a"
    (deep / "est.py").write_text("WORD = 'deeper '\n")
    await followed.committed()
    away = plugin.folder.with_name("away")
    plugin.folder.rename(away)
    shutil.copytree(away, plugin.folder)
    (deep / "est.py").write_text("WORD = 'again '\n")
    while (await followed.report()).outcome != "committed":  # the folder was gone for a moment
        pass
    assert await followed.ask("b") == "again b"
    (deep / "est.py").write_text("WORD = 'last '\n")
    await followed.committed()
    assert await followed.ask("c") == "last c"


async def test_an_older_file_and_two_saves_of_one_size_in_a_tick_are_followed(
    plugin: Guest, follow: Follow
) -> None:
    followed = await follow()
    file = plugin.folder / "words.py"
    file.write_text("PREFIX = 'abc '\n")
    os.utime(file, (1, 1))
    await followed.committed()
    file.write_text("PREFIX = 'def '\n")
    file.write_text("PREFIX = 'ghi '\n")
    while await followed.ask("a") != "ghi a":
        assert (await followed.report()).outcome == "committed"


# ---- without events --------------------------------------------------------------------


class Deaf:
    """A watcher that never tells anything."""

    def __init__(self, reports: Reports, *, debounce_ms: int) -> None:
        self.watched: object = None

    def watch(self, directories: frozenset[Directory], names: frozenset[str]) -> bool:
        was, self.watched = self.watched, (directories, names)
        return was != self.watched

    async def close(self) -> None:
        pass


class Failing(Watcher):
    """A watcher for which the system has no room left."""

    def _listen(self, paths: list[str], names: frozenset[str]) -> Any:
        raise OSError(28, "OS file watch limit reached")


@pytest.mark.parametrize("watcher", [Deaf, Failing])
async def test_without_events_the_disk_is_looked_at_and_one_line_says_so(
    plugin: Guest,
    follow: Follow,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    watcher: type,
) -> None:
    monkeypatch.setattr(follower, "Watcher", watcher)
    followed = await follow()
    for old, new in (("old", "new"), ("new", "newer")):
        plugin.edit("words", old, new)
        await followed.committed()
        assert await followed.ask("a") == f"{new} a"
    told = [it for it in caplog.messages if "looking at all files every 0.5 s from now on" in it]
    assert len(told) == 1


# ---- git -------------------------------------------------------------------------------


def git(folder: Path, *arguments: str) -> None:
    name = ("-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *name, *arguments], cwd=folder, check=True, capture_output=True)


MANY = 300


def write_many(folder: Path, text: str) -> None:
    (folder / "many").mkdir(exist_ok=True)
    names = [f"m{number}" for number in range(MANY)]
    for name in names:
        (folder / "many" / f"{name}.py").write_text(f"WORD = {text!r}\n")
    imports = "".join(f"from .{name} import WORD\n" for name in names)
    (folder / "many" / "__init__.py").write_text(imports)


async def test_checkout_of_many_files_is_one_reload(plugin: Guest, follow: Follow) -> None:
    plugin.write(words="from .many import WORD as PREFIX")
    write_many(plugin.folder, "old ")
    git(plugin.folder, "init", "-q", "-b", "main")
    git(plugin.folder, "add", ".")
    git(plugin.folder, "commit", "-qm", "old")
    git(plugin.folder, "checkout", "-qb", "other")
    write_many(plugin.folder, "new ")
    git(plugin.folder, "commit", "-qam", "new")
    git(plugin.folder, "checkout", "-q", "main")
    followed = await follow()
    assert await followed.ask("a") == "old a"
    await asyncio.to_thread(git, plugin.folder, "checkout", "-q", "other")
    report = await followed.committed()
    assert len(report.modules) == MANY + 4
    async with followed.silence():
        plugin.write(unused="")
    assert await followed.ask("b") == "new b"


async def test_a_linked_work_tree_is_waited_for_and_a_lock_left_behind_is_not(
    plugin: Guest, follow: Follow, folder: Path
) -> None:
    home = folder / "home"
    home.mkdir()
    git(home, "init", "-q", "-b", "main")
    git(home, "commit", "-q", "--allow-empty", "-m", "empty")
    shutil.copytree(plugin.folder, folder / "kept")
    shutil.rmtree(plugin.folder)
    git(home, "worktree", "add", "-q", "-b", "side", str(plugin.folder))
    shutil.copytree(folder / "kept", plugin.folder, dirs_exist_ok=True)
    lock = home / ".git/worktrees/guest/index.lock"
    followed = await follow()
    lock.touch()
    plugin.edit("words", "old", "half")
    plugin.edit("parse", "msg", "nonsense(")
    await asyncio.sleep(0.3)  # for what must not come there is nothing to wait for
    assert followed.reports.empty()
    plugin.edit("parse", "nonsense(", "msg")
    plugin.edit("words", "half", "new")
    lock.unlink()
    await followed.committed()
    assert await followed.ask("a") == "new a"
    lock.touch()
    os.utime(lock, (1, 1))
    plugin.edit("words", "new", "newer")
    await followed.committed()
    (event,) = [it for it in followed.events if it.type == "reload.watch_degraded"]
    assert event.text.startswith(f"{lock} is older than 10 s and is ignored")


# ---- what belongs together -------------------------------------------------------------


async def test_two_files_that_need_each_other_run_when_both_are_there(
    plugin: Guest, follow: Follow
) -> None:
    followed = await follow()
    plugin.edit("parse", "words.PREFIX", "words.SUFFIX")
    plugin.edit("parse", "def parse", "words.SUFFIX\n\ndef parse")
    assert (await followed.report()).outcome == "refused"
    plugin.write(words="SUFFIX = 'new '")
    await followed.committed()
    assert await followed.ask("a") == "new a"


async def test_a_save_while_a_reload_is_at_work_is_followed(plugin: Guest, follow: Follow) -> None:
    followed = await follow()
    late = PLAIN.replace("return msg", "return 'late'")
    plugin.write(
        words=f"""
        from pathlib import Path
        from textwrap import dedent
        PREFIX = 'new '
        Path(__file__).with_name('plain.py').write_text(dedent({late!r}))
        """
    )
    first, second = await followed.report(), await followed.report()
    assert [first.outcome, second.outcome] == ["committed", "committed"]
    assert second.modules == ("guest.plain",)
    assert await followed.ask("x", "/plain") == "late"


async def test_a_file_whose_class_has_actors_is_missed_and_welcome_when_it_is_back(
    plugin: Guest, follow: Follow
) -> None:
    followed = await follow()
    (plugin.folder / "plain.py").unlink()
    refused = await followed.report()
    assert refused.error is not None
    assert (refused.outcome, refused.error.code) == ("refused", "class-gone")
    assert await followed.ask("x", "/plain") == "x"
    plugin.write(plain=PLAIN.replace("return msg", "return 'back'"))
    await followed.committed()
    assert await followed.ask("x", "/plain") == "back"


@pytest.mark.parametrize("use", ["guest.plain:Plain", "later:Plain"])
async def test_the_mend_of_a_first_import_that_failed_is_noticed(
    plugin: Guest, serve: Serve, folder: Path, use: str
) -> None:
    plugin.write(plain="raise ValueError('not yet')")
    followed = Followed(
        await serve(
            f"""
            plugins.paths = ["{folder}"]
            actors."/plain".use = "{use}"
            """,
            reload=True,
        )
    )
    assert followed.host.system.ref("/plain").state == "failed"
    started: asyncio.Future[Started] = asyncio.get_running_loop().create_future()
    followed.host.system.events.subscribe((Started,), started.set_result)
    name = use.partition(":")[0].rpartition(".")[2]
    home = plugin.folder if "." in use else folder
    (home / f"{name}.py").write_text(dedent(PLAIN))
    await followed.committed()
    async with asyncio.timeout(PATIENCE):
        await started
    assert await followed.ask("up", "/plain") == "up"
    sys.modules.pop("later", None)
