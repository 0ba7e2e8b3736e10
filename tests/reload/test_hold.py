"""Nobody looks while git or an installer is at work."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from aplay_host.reload.hold import GitMark, Hold, git_directory, is_at_work

SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND


def seconds_ago(seconds: float | None) -> int | None:
    return None if seconds is None else NOW - round(seconds * SECOND)


@pytest.mark.parametrize(
    ("locked", "changed", "at_work"),
    [
        (None, 1.0, False),
        (None, 0.049, True),
        (None, 0.051, False),
        (0.0, 1.0, True),
        (9.9, 9.9, True),
        (10.1, 10.1, False),
        (10.1, 0.049, True),
        (-5.0, 1.0, True),
        (-3600.0, -3600.0, False),  # the clock was set back: a lock from the future
    ],
)
def test_git_is_at_work_while_it_has_a_young_lock_and_a_moment_longer(
    locked: float | None, changed: float, at_work: bool
) -> None:
    mark = GitMark("/repository/.git", seconds_ago(changed) or 0, seconds_ago(locked))
    assert is_at_work(mark, NOW) is at_work


def test_the_git_directory_is_the_nearest_one_above(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    inner = tmp_path / "vendor" / "inner"
    (inner / ".git").mkdir(parents=True)
    assert git_directory(str(tmp_path / "src" / "pack")) == str(tmp_path / ".git")
    assert git_directory(str(inner / "pack" / "m.py")) == str(inner / ".git")


@pytest.mark.parametrize("named", ["../main/.git/worktrees/w", "{}/main/.git/worktrees/w"])
def test_a_git_file_names_the_directory(tmp_path: Path, named: str) -> None:
    own = tmp_path / "main" / ".git" / "worktrees" / "w"
    own.mkdir(parents=True)
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / ".git").write_text(f"gitdir: {named.format(tmp_path)}\n")
    found = git_directory(str(tmp_path / "w" / "pack"))
    assert found is not None
    assert os.path.samefile(found, own)


def test_a_git_file_that_says_nothing_is_no_git_directory(tmp_path: Path) -> None:
    (tmp_path / ".git").write_bytes(b"\xff\xfe")
    assert git_directory(str(tmp_path)) is None


class Clock:
    """Time since the epoch that follows the loop's virtual time."""

    def __init__(self) -> None:
        self._began = time.time_ns()

    def __call__(self) -> int:
        return self._began + round(asyncio.get_running_loop().time() * SECOND)


class Repository:
    """A directory with a git directory that has been at rest for a minute."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.git = path / ".git"
        self.git.mkdir()
        self.lock = self.git / "index.lock"
        self.rest()

    def rest(self) -> None:
        minute_ago = time.time_ns() - 60 * SECOND
        os.utime(self.git, ns=(minute_ago, minute_ago))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


async def test_a_lock_is_waited_for_and_fifty_milliseconds_more(repository: Repository) -> None:
    loop = asyncio.get_running_loop()
    clock = Clock()
    warnings: list[str] = []
    hold = Hold(lambda: False, warnings.append, clock)
    repository.lock.touch()

    def unlock() -> None:
        repository.lock.unlink()
        now = clock()
        os.utime(repository.git, ns=(now, now))

    loop.call_later(3.0, unlock)
    await hold.released([str(repository.path)])
    assert loop.time() == pytest.approx(3.06, abs=0.011)
    assert warnings == []


async def test_a_lock_left_behind_is_ignored_with_one_warning(repository: Repository) -> None:
    warnings: list[str] = []
    hold = Hold(lambda: False, warnings.append, Clock())
    repository.lock.touch()
    for _ in range(3):
        await hold.released([str(repository.path)])
    assert asyncio.get_running_loop().time() == pytest.approx(10.0, abs=0.1)
    assert warnings == [
        f"{repository.lock} is older than 10 s and is ignored; if no git is at work, delete it"
    ]


async def test_an_installer_is_waited_for(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    hold = Hold(lambda: loop.time() < 7, lambda _: None, Clock())
    assert hold.undisturbed([str(tmp_path)]) is None
    await hold.released([str(tmp_path)])
    assert loop.time() == pytest.approx(7.0, abs=0.02)


async def test_what_git_did_in_between_shows_in_the_marks(repository: Repository) -> None:
    hold = Hold(lambda: False, lambda _: None, Clock())
    paths = [str(repository.path), str(repository.path / "pack")]
    before = await hold.released(paths)
    assert len(before) == 1
    assert hold.undisturbed(paths) == before
    repository.lock.touch()
    repository.lock.unlink()
    assert await hold.released(paths) != before
