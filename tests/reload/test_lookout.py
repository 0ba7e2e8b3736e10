"""What is told is what is on disk: once, whole, and however it came there."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from aplay_host.reload import Change, Lookout, Roots, dirty
from aplay_host.reload.look import Directory, Stamp
from aplay_host.reload.watch import Reports

from .conftest import Keep, source_of
from .saving import SAVES, Save, atomically, in_place, write

REAL = pytest.mark.real_time
OLD_TEXT = "x = 'old'\n" * 20
NEW_TEXT = "x = 'new and longer'\n" * 20


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return write(tmp_path / "pack", parse=OLD_TEXT, deep__er="y = 1\n")


# ---- one save, one change ------------------------------------------------------------------


@REAL
@pytest.mark.parametrize("save", SAVES, ids=lambda save: save.__name__)
@pytest.mark.parametrize("text", [NEW_TEXT, "x = 1\n"], ids=["longer", "shorter"])
async def test_each_way_to_save_is_one_change(
    pack: Path, keep_diary: Keep, save: Save, text: str
) -> None:
    diary = await keep_diary(pack)
    parse = pack / "parse.py"
    await asyncio.to_thread(save, parse, text)
    assert await diary.until_text(parse, text) == [Change(changed=(str(parse),))]
    assert not diary.lookout.degraded


@REAL
async def test_scratch_files_are_no_change(pack: Path, keep_diary: Keep) -> None:
    diary = await keep_diary(pack)
    for name in (".parse.py.swp", "parse.py~", "4913", "#parse.py#", "parse.py.bak"):
        (pack / name).write_text(name)
    (pack / ".#parse.py").symlink_to("somebody@somewhere.123")
    write(pack / "__pycache__")
    atomically(pack / "parse.py", NEW_TEXT)
    changes = await diary.until_text(pack / "parse.py", NEW_TEXT)
    assert changes == [Change(changed=(str(pack / "parse.py"),))]


@REAL
async def test_an_emptied_file_that_stays_empty_is_told(pack: Path, keep_diary: Keep) -> None:
    diary = await keep_diary(pack)
    (pack / "parse.py").write_text("")
    assert await diary.until_text(pack / "parse.py", "") == [
        Change(changed=(str(pack / "parse.py"),))
    ]


@REAL
async def test_a_deleted_file_and_a_new_one_are_told(pack: Path, keep_diary: Keep) -> None:
    diary = await keep_diary(pack)
    (pack / "parse.py").unlink()
    await diary.until(lambda now: not now.find(str(pack / "parse.py")))
    (pack / "other.py").write_text("z = 1\n")
    await diary.until_text(pack / "other.py", "z = 1\n")
    assert diary.changes == [
        Change(removed=(str(pack / "parse.py"),)),
        Change(added=(str(pack / "other.py"),)),
    ]


@REAL
async def test_a_renamed_file_is_one_change(pack: Path, keep_diary: Keep) -> None:
    diary = await keep_diary(pack)
    (pack / "parse.py").rename(pack / "parser.py")
    changes = await diary.until_text(pack / "parser.py", OLD_TEXT)
    assert changes == [Change(added=(str(pack / "parser.py"),), removed=(str(pack / "parse.py"),))]


@REAL
async def test_a_renamed_directory_is_one_change_and_is_watched_on(
    pack: Path, keep_diary: Keep
) -> None:
    diary = await keep_diary(pack)
    (pack / "deep").rename(pack / "deeper")
    er = pack / "deeper" / "er.py"
    changes = await diary.until_text(er, "y = 1\n")
    assert changes == [Change(added=(str(er),), removed=(str(pack / "deep" / "er.py"),))]
    er.write_text("y = 2\n")
    await diary.until_text(er, "y = 2\n")
    assert not diary.lookout.degraded


@REAL
async def test_directories_made_one_inside_the_other_are_watched(
    pack: Path, keep_diary: Keep
) -> None:
    diary = await keep_diary(pack)
    inner = write(pack / "a" / "b" / "c")
    await diary.until(lambda now: now.find(str(inner / "__init__.py")) is not None)
    for number in range(5):
        in_place(inner / "late.py", f"n = {number}\n")
        await diary.until_text(inner / "late.py", f"n = {number}\n")
    assert not diary.lookout.degraded


@REAL
async def test_a_root_made_again_is_watched_on(pack: Path, keep_diary: Keep) -> None:
    diary = await keep_diary(pack)
    for number in range(3):
        shutil.rmtree(pack)
        write(pack, parse=f"n = {number}\n")
        await diary.until_text(pack / "parse.py", f"n = {number}\n")
        in_place(pack / "parse.py", f"n = {number} + 1\n")
        await diary.until_text(pack / "parse.py", f"n = {number} + 1\n")
    assert not diary.lookout.degraded


@REAL
@pytest.mark.parametrize("edited", ["link", "real"])
async def test_a_linked_root_is_watched(tmp_path: Path, keep_diary: Keep, edited: str) -> None:
    write(tmp_path / "real", parse=OLD_TEXT)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    diary = await keep_diary(tmp_path / "link")
    atomically(tmp_path / edited / "parse.py", NEW_TEXT)
    await diary.until_text(tmp_path / "link" / "parse.py", NEW_TEXT)
    assert not diary.lookout.degraded


@REAL
async def test_a_linked_root_that_leads_elsewhere_is_one_change(
    tmp_path: Path, keep_diary: Keep
) -> None:
    one, two = write(tmp_path / "one", parse=OLD_TEXT), write(tmp_path / "two", parse=NEW_TEXT)
    links = tmp_path / "links"
    links.mkdir()
    (links / "current").symlink_to(one)
    diary = await keep_diary(links / "current")
    (links / "next").symlink_to(two)
    os.replace(links / "next", links / "current")
    changes = await diary.until_text(links / "current" / "parse.py", NEW_TEXT)
    assert len(changes) == 1
    assert not diary.lookout.degraded


@REAL
async def test_a_single_file_is_watched(tmp_path: Path, keep_diary: Keep) -> None:
    toml = tmp_path / "aplay.toml"
    toml.write_text("[actors]\n")
    diary = await keep_diary(toml)
    for number, save in enumerate((atomically, in_place)):
        (tmp_path / "other.toml").write_text(str(number))
        save(toml, f"# {number}\n")
        await diary.until_text(toml, f"# {number}\n")
    assert diary.changes == [Change(changed=(str(toml),))] * 2
    assert not diary.lookout.degraded


@REAL
async def test_an_older_file_moved_in_is_a_change(pack: Path, keep_diary: Keep) -> None:
    older = pack / "parse.old"
    older.write_text(NEW_TEXT)
    os.utime(older, ns=(10**18, 10**18))
    diary = await keep_diary(pack)
    os.replace(older, pack / "parse.py")
    assert len(await diary.until_text(pack / "parse.py", NEW_TEXT)) == 1


@REAL
async def test_touch_and_undo_are_told_by_what_is_on_disk(pack: Path, keep_diary: Keep) -> None:
    diary = await keep_diary(pack)
    parse = pack / "parse.py"
    parse.touch()
    in_place(parse, "x = (\n" * 20)
    await diary.until_text(parse, "x = (\n" * 20)
    in_place(parse, OLD_TEXT)
    await diary.until_text(parse, OLD_TEXT)
    assert len(diary.changes) == 2
    assert not dirty(diary.snapshots[0].digests, diary.snapshots[-1])


@REAL
async def test_a_file_that_cannot_be_read_is_a_change_until_it_can(
    pack: Path, keep_diary: Keep
) -> None:
    diary = await keep_diary(pack)
    parse = pack / "parse.py"
    parse.unlink()
    parse.symlink_to("/proc/self/mem")
    await diary.until(lambda now: bool(now.problems))
    assert [one.problem for one in diary.snapshots[-1].problems] == ["Input/output error"]
    atomically(parse, OLD_TEXT)
    await diary.until_text(parse, OLD_TEXT)
    assert not dirty(diary.snapshots[0].digests, diary.snapshots[-1])


# ---- looking without events ----------------------------------------------------------------


class Deaf:
    """A watcher that never hints; `fails` at once with that reason, if there is one."""

    fails = ""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports
        self._watched: frozenset[Directory] = frozenset()

    def watch(self, directories: frozenset[Directory], names: frozenset[str]) -> bool:
        if directories == self._watched:
            return False
        self._watched = directories
        if self.fails:
            self._reports.failed(self.fails)
        return True

    async def close(self) -> None:
        pass


class Failing(Deaf):
    fails = "inotify is out of watches"


@pytest.mark.parametrize("watching", [Deaf, Failing])
async def test_without_events_changes_are_found_all_the_same_and_one_line_says_so(
    pack: Path, watching: Callable[[Reports], Deaf]
) -> None:
    loop = asyncio.get_running_loop()
    warnings: list[str] = []
    roots = Roots((str(pack),))
    async with Lookout(lambda: roots, warn=warnings.append, watching=watching) as lookout:
        await lookout.next_change()
        seconds = []
        for number in range(3):
            began = loop.time()
            in_place(pack / "parse.py", f"n = {number}\n" * 20)
            snapshot = await lookout.next_change()
            assert source_of(snapshot, pack / "parse.py") == f"n = {number}\n" * 20
            seconds.append(loop.time() - began)
    assert seconds[0] <= 2.5
    assert max(seconds[1:]) <= 0.6
    assert len(warnings) == 1
    assert lookout.degraded in warnings[0]


async def test_looking_at_new_roots_is_no_sign_of_lost_events(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one"), write(tmp_path / "two")
    roots = [Roots((str(one),))]
    async with Lookout(lambda: roots[-1], watching=Deaf) as lookout:
        await lookout.next_change()
        roots.append(Roots((str(one), str(two))))
        await lookout.next_change()
        assert not lookout.degraded


async def test_a_call_that_is_cancelled_loses_nothing(pack: Path) -> None:
    loop = asyncio.get_running_loop()
    roots = Roots((str(pack),))
    async with Lookout(lambda: roots, watching=Deaf) as lookout:
        await lookout.next_change()
        with (pack / "parse.py").open("a") as writer:
            writer.write(NEW_TEXT)
            writer.flush()
            lookout.wake()
            waiting = asyncio.create_task(lookout.next_change())
            await asyncio.sleep(0.1)
            waiting.cancel()
            await asyncio.wait([waiting])
        began = loop.time()
        snapshot = await lookout.next_change()
        assert source_of(snapshot, pack / "parse.py") == OLD_TEXT + NEW_TEXT
        assert loop.time() == began


async def test_a_file_that_is_missing_for_a_moment_was_not_deleted(pack: Path) -> None:
    roots, parse = Roots((str(pack),)), pack / "parse.py"
    async with Lookout(lambda: roots, watching=Deaf) as lookout:
        before = await lookout.look()
        backup = parse.rename(pack / "parse.py~")
        asyncio.get_running_loop().call_later(0.03, backup.rename, parse)
        assert not dirty(before.digests, await lookout.look())


async def test_what_is_saved_while_a_writer_is_waited_for_is_seen_too(pack: Path) -> None:
    roots, er = Roots((str(pack),)), pack / "deep" / "er.py"
    async with Lookout(lambda: roots, watching=Deaf) as lookout:
        await lookout.look()
        with (pack / "parse.py").open("a"):
            asyncio.get_running_loop().call_later(0.1, in_place, er, "y = 2\n")
            assert source_of(await lookout.look(), er) == "y = 2\n"


async def test_a_look_during_which_an_installer_began_is_taken_again(pack: Path) -> None:
    roots, parse = Roots((str(pack),)), pack / "parse.py"
    calls = 0

    def installing() -> bool:
        nonlocal calls
        calls += 1
        if calls == 2:  # the first call let the look begin
            in_place(parse, NEW_TEXT)
        return calls == 2

    async with Lookout(lambda: roots, watching=Deaf, installing=installing) as lookout:
        assert source_of(await lookout.look(), parse) == NEW_TEXT


async def test_a_look_during_which_git_did_something_is_taken_again(pack: Path) -> None:
    (pack / ".git").mkdir()
    os.utime(pack / ".git", ns=(10**18, 10**18))
    roots, parse, texts = Roots((str(pack),)), pack / "parse.py", [NEW_TEXT, OLD_TEXT]

    def do_as_git_does() -> bool:
        """Change a file when asked, with the git directory's time long ago: it is at rest."""
        if texts:
            in_place(parse, texts.pop())
            os.utime(pack / ".git", ns=(2 * 10**18 + len(texts), 2 * 10**18))
        return False

    async with Lookout(lambda: roots, watching=Deaf, installing=do_as_git_does) as lookout:
        assert source_of(await lookout.look(), parse) == NEW_TEXT


async def test_looking_by_hand_is_not_told_again(pack: Path) -> None:
    roots = Roots((str(pack),))
    async with Lookout(lambda: roots, watching=Deaf) as lookout:
        await lookout.next_change()
        in_place(pack / "parse.py", NEW_TEXT)
        assert source_of(await lookout.look(), pack / "parse.py") == NEW_TEXT
        in_place(pack / "deep" / "er.py", "y = 2\n")
        lookout.wake()
        snapshot = await lookout.next_change()
        assert source_of(snapshot, pack / "deep" / "er.py") == "y = 2\n"


# ---- stamps that tell nothing --------------------------------------------------------------


def whole_seconds(told: os.stat_result) -> Stamp:
    """Return the stamp that a file system would have that stores whole seconds."""
    second = 10**9
    modified, changed = told.st_mtime_ns // second, told.st_ctime_ns // second
    return Stamp(told.st_dev, told.st_ino, modified * second, changed * second, told.st_size)


@REAL
@pytest.mark.parametrize("stores", ["nanoseconds", "seconds"])
async def test_edits_of_the_same_size_in_the_same_second_are_all_found(
    pack: Path, monkeypatch: pytest.MonkeyPatch, stores: str
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201
    rng = random.Random(seed)
    if stores == "seconds":
        monkeypatch.setattr(Stamp, "of", staticmethod(whole_seconds))
    parse, roots = pack / "parse.py", Roots((str(pack),))
    same_stamps, before = 0, None
    async with Lookout(lambda: roots, watching=Deaf) as lookout:
        for _ in range(50):
            text = f"x = {rng.randrange(10**9):09}\n"
            in_place(parse, text)
            snapshot = await lookout.look()
            assert source_of(snapshot, parse) == text
            stamp = snapshot.files[str(parse)].stamp
            same_stamps += stamp == before
            before = stamp
    assert same_stamps > 25 or stores == "nanoseconds"


@REAL
@pytest.mark.parametrize("step", [-3600, 3600])
async def test_a_clock_that_is_set_hides_nothing(pack: Path, step: int) -> None:
    ahead = 0
    parse, roots = pack / "parse.py", Roots((str(pack),))

    def now_ns() -> int:
        return time.time_ns() + ahead

    async with Lookout(lambda: roots, watching=Deaf, now_ns=now_ns) as lookout:
        for number in range(20):
            ahead = step * 10**9 if number % 2 else 0
            in_place(parse, f"x = {number:04}\n")
            assert source_of(await lookout.look(), parse) == f"x = {number:04}\n"


# ---- git and pip ---------------------------------------------------------------------------


async def run(*command: str, cwd: Path) -> None:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()


async def git(*arguments: str, cwd: Path) -> None:
    await run("git", "-c", "user.name=n", "-c", "user.email=e@x", *arguments, cwd=cwd)


async def make_repository(path: Path, files: int) -> Path:
    """Make a package with `files` modules, all of them others on branch ``next``."""
    for branch in ("main", "next"):
        for number in range(files):
            write(path / "pack", **{f"p{number % 30}__{branch[: number % 9]}m{number}": branch})
        if branch == "main":
            await git("init", "-q", "-b", "main", cwd=path)
        else:
            await git("checkout", "-q", "-b", "next", cwd=path)
        await git("add", ".", cwd=path)
        await git("commit", "-q", "-m", branch, cwd=path)
        if branch == "main":
            shutil.rmtree(path / "pack")
    await git("checkout", "-q", "main", cwd=path)
    return path / "pack"


def on_disk(root: Path) -> dict[str, bytes]:
    return {str(one): one.read_bytes() for one in root.rglob("*.py")}


@REAL
@pytest.mark.parametrize("files", [1500])
async def test_a_checkout_is_one_change(tmp_path: Path, keep_diary: Keep, files: int) -> None:
    pack = await make_repository(tmp_path, files)
    diary = await keep_diary(pack)
    assert len(diary.snapshots[0].files) > files
    for branch in ("next", "main"):
        await git("checkout", "-q", branch, cwd=tmp_path)
        expected = on_disk(pack)
        changes = await diary.until(
            lambda now, expected=expected: (
                {  # type: ignore[misc]
                    path: one.source for path, one in now.files.items()
                }
                == expected
            )
        )
        assert len(changes) == (1 if branch == "next" else 2)
    assert not diary.lookout.degraded


@REAL
async def test_a_checkout_in_a_linked_work_tree_is_one_change(
    tmp_path: Path, keep_diary: Keep
) -> None:
    (tmp_path / "main").mkdir()
    await make_repository(tmp_path / "main", 200)
    tree = tmp_path / "tree"
    await git("worktree", "add", "-q", "--detach", str(tree), "main", cwd=tmp_path / "main")
    diary = await keep_diary(tree / "pack")
    await git("checkout", "-q", "--detach", "next", cwd=tree)
    expected = set(on_disk(tree / "pack"))
    assert len(await diary.until(lambda now: set(now.files) == expected)) == 1


@REAL
async def test_a_save_beside_a_lock_left_behind_is_found(pack: Path, keep_diary: Keep) -> None:
    (pack / ".git").mkdir()
    (pack / ".git" / "index.lock").touch()
    os.utime(pack / ".git" / "index.lock", ns=(10**18, 10**18))
    warnings: list[str] = []
    diary = await keep_diary(pack, warn=warnings.append)
    in_place(pack / "parse.py", NEW_TEXT)
    await diary.until_text(pack / "parse.py", NEW_TEXT)
    assert len(warnings) == 1


def make_wheel(folder: Path, version: str, modules: int) -> Path:
    wheel = folder / f"pack-{version}-py3-none-any.whl"
    files = {f"pack/m{number}.py": f"VERSION = {version!r}\n" for number in range(modules)}
    files |= {"pack/__init__.py": ""}
    about = f"pack-{version}.dist-info"
    files[f"{about}/METADATA"] = f"Metadata-Version: 2.1\nName: pack\nVersion: {version}\n"
    files[f"{about}/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = "".join(f"{name},,\n" for name in (*files, f"{about}/RECORD"))
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in {**files, f"{about}/RECORD": record}.items():
            archive.writestr(name, text)
    return wheel


class Metadata:
    """Tells that pip is at work until the metadata in a directory is 500 ms old, unchanged."""

    def __init__(self, site: Path) -> None:
        self._site = site
        self._seen: object = None
        self._since = 0.0

    def __call__(self) -> bool:
        found = sorted(self._site.glob("*.dist-info"))
        seen = [(one, *sorted(one.glob("*"))) for one in found]
        if seen != self._seen:
            self._seen, self._since = seen, time.monotonic()
        complete = any((one / "RECORD").exists() for one in found)
        return not complete or time.monotonic() - self._since < 0.5


@REAL
async def test_an_upgrade_by_pip_is_one_change(tmp_path: Path, keep_diary: Keep) -> None:
    home = tmp_path / "home"
    await run(sys.executable, "-m", "venv", "--without-pip", str(home), cwd=tmp_path)
    pip = (sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"))
    install = (*pip, "install", "-q", "--no-index", "--no-compile", "-U")
    await run(*install, str(make_wheel(tmp_path, "1.0", 40)), cwd=tmp_path)
    (site,) = home.glob("lib/python*/site-packages")
    diary = await keep_diary(site / "pack", installing=Metadata(site))
    await run(*install, str(make_wheel(tmp_path, "2.0", 50)), cwd=tmp_path)
    last = site / "pack" / "m49.py"
    changes = await diary.until_text(last, "VERSION = '2.0'\n")
    assert [(len(one.added), len(one.changed), len(one.removed)) for one in changes] == [
        (10, 40, 0)
    ]
