"""Events are hints: that they come, and what happens when they do not."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aplay_host.reload import watch
from aplay_host.reload.look import Directory, Roots, list_files
from aplay_host.reload.watch import Reports, Watcher, may_matter

from .saving import SAVES, Save, write

pytestmark = pytest.mark.real_time


@pytest.mark.parametrize(
    ("name", "matters"),
    [
        ("parse.py", True),
        ("pack", True),
        ("fast.so", True),
        ("aplay.toml", True),
        ("other.toml", False),
        ("parse.py~", False),
        (".parse.py.swp", False),
        ("4913", False),
        ("access.log", False),
        ("__pycache__", False),
    ],
)
def test_names_that_no_module_and_no_package_can_have_give_no_hint(
    name: str, matters: bool
) -> None:
    assert may_matter(name, frozenset({"aplay.toml"})) is matters


class Watched:
    """A watcher of a package, with what it reported."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.hinted = asyncio.Event()
        self.failure: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.watcher = Watcher(Reports(self.hinted.set, self.failure.set_result), debounce_ms=50)

    def begin(self) -> bool:
        listing = list_files(Roots((str(self.root),)))
        return self.watcher.watch(listing.directories, listing.names)

    async def hint(self) -> None:
        async with asyncio.timeout(5):
            await self.hinted.wait()
        self.hinted.clear()


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    watched = Watched(write(tmp_path / "pack", parse="x = 1\n", deep__er="x = 1\n"))
    yield watched
    await watched.watcher.close()


def watchers() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "aplay watcher"]


@pytest.mark.parametrize("save", SAVES, ids=lambda save: save.__name__)
async def test_each_way_to_save_gives_a_hint(watched: Watched, save: Save) -> None:
    watched.begin()
    save(watched.root / "deep" / "er.py", "x = 2\n")
    await watched.hint()


async def test_nothing_begins_anew_while_the_directories_are_the_same(watched: Watched) -> None:
    assert [watched.begin(), watched.begin()] == [True, False]


async def test_a_directory_made_again_under_its_name_is_watched_anew(watched: Watched) -> None:
    watched.begin()
    deep = watched.root / "deep"
    shutil.rmtree(deep)
    deep.mkdir()  # often with the same inode, so that it looks like the one before
    while not watched.begin():
        await watched.hint()
    watched.hinted.clear()
    (deep / "er.py").write_text("x = 2\n")
    await watched.hint()


async def test_directories_that_went_away_meanwhile_are_no_failure(watched: Watched) -> None:
    gone = Directory(str(watched.root / "gone"), 1, 2)
    here = Directory(str(watched.root), 1, 2)
    assert watched.watcher.watch(frozenset({gone, here}), frozenset())
    (watched.root / "parse.py").write_text("x = 2\n")
    await watched.hint()
    assert not watched.failure.done()


async def test_closing_ends_all_threads(watched: Watched) -> None:
    before = len(watchers())
    for name in ("one", "two", "three"):
        (watched.root / name).mkdir()
        watched.begin()
    assert len(watchers()) > before
    await watched.watcher.close()
    for thread in watchers():
        thread.join(5)
    assert len(watchers()) == before
    assert not watched.failure.done()


async def test_the_limit_of_the_system_is_named(watched: Watched) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, limits[1]))
    try:
        watched.begin()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert "Too many open files" in watched.failure.result()
    assert "sysctl fs.inotify.max_user_watches" in watched.failure.result()


class Broken:
    """A watcher of the operating system that fails at once."""

    def __init__(self, *arguments: object) -> None:
        pass

    def watch(self, *arguments: object) -> set[tuple[int, str]]:
        raise RuntimeError("no more events")

    def close(self) -> None:
        pass


async def test_a_watcher_that_raises_is_reported(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "RustNotify", Broken)
    watched.begin()
    async with asyncio.timeout(5):
        assert await watched.failure == "the watcher failed: no more events"


async def test_events_name_the_directory_itself_when_it_is_replaced(watched: Watched) -> None:
    watched.begin()
    os.rename(watched.root / "deep", watched.root / "shallow")
    await watched.hint()
    assert watched.begin()
