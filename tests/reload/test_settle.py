"""Files are read when their writers are done."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aplay_host.reload import settle
from aplay_host.reload.settle import Sighting, quiet_seconds, read_settled, sight, writer_open

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")
NOBODY = 65534


@contextmanager
def opened(path: Path | str) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def somebody_without_rights() -> Iterator[None]:
    """Run the block as a user to whom ``/etc/passwd`` does not belong."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def module(tmp_path: Path) -> Path:
    file = tmp_path / "module.py"
    file.write_text("x = 1\n" * 10)
    return file


@LINUX
def test_a_file_that_nobody_has_open_has_no_writer(module: Path) -> None:
    with opened(module) as descriptor:
        assert writer_open(descriptor) is False


@LINUX
def test_a_reader_is_no_writer(module: Path) -> None:
    with module.open("rb"), opened(module) as descriptor:
        assert writer_open(descriptor) is False


@LINUX
@pytest.mark.parametrize("mode", ["a", "r+", "w"])
def test_a_writer_is_seen_until_it_has_closed(module: Path, mode: str) -> None:
    with opened(module) as descriptor:
        with module.open(mode):
            assert writer_open(descriptor) is True
        assert writer_open(descriptor) is False


@LINUX
def test_asking_leaves_no_lease_behind(module: Path) -> None:
    with opened(module) as descriptor:
        writer_open(descriptor)
        # A lease would make this wait for the system's lease-break-time, 45 s.
        os.close(os.open(module, os.O_WRONLY | os.O_NONBLOCK))


@LINUX
def test_nobody_can_tell_of_the_file_of_another_user() -> None:
    with somebody_without_rights(), opened("/etc/passwd") as descriptor:
        assert writer_open(descriptor) is None


@pytest.mark.parametrize(
    ("writing", "shrunk", "seconds"),
    [
        (False, False, 0.0),
        (False, True, 0.015),
        (None, False, 0.015),
        (None, True, 0.25),
        (True, False, 0.25),
        (True, True, 0.25),
    ],
)
def test_how_long_a_file_has_to_stay_as_it_is(
    writing: bool | None, shrunk: bool, seconds: float
) -> None:
    assert quiet_seconds(writing, shrunk) == seconds


async def test_a_file_without_a_writer_is_read_at_once(module: Path) -> None:
    began = asyncio.get_running_loop().time()
    settled = await read_settled({str(module): 60})
    assert settled.files[str(module)].source == module.read_bytes()
    assert (settled.waited, asyncio.get_running_loop().time() - began) == (False, 0.0)


async def seconds_to_read(module: Path, size_before: int) -> float:
    """Return how long, in virtual time, `module` was waited for."""
    began = asyncio.get_running_loop().time()
    assert (await read_settled({str(module): size_before})).waited
    return asyncio.get_running_loop().time() - began


@LINUX
async def test_a_file_that_lost_most_of_its_bytes_is_looked_at_twice(module: Path) -> None:
    assert await seconds_to_read(module, 121) == pytest.approx(0.015)


@LINUX
async def test_a_writer_that_forgot_to_close_is_waited_for_for_a_quarter_second(
    module: Path,
) -> None:
    with module.open("a"):
        assert await seconds_to_read(module, 60) == pytest.approx(0.25, abs=0.006)


@pytest.mark.parametrize(("size_before", "seconds"), [(60, 0.015), (121, 0.25)])
async def test_where_leases_do_not_work_the_file_has_to_be_quiet(
    module: Path, monkeypatch: pytest.MonkeyPatch, size_before: int, seconds: float
) -> None:
    monkeypatch.setattr(settle, "writer_open", lambda _: None)
    assert await seconds_to_read(module, size_before) == pytest.approx(seconds, abs=0.006)


async def test_a_writer_that_goes_on_and_on_is_given_up(
    module: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def grow(path: str, now_ns: int) -> Sighting:
        with module.open("a") as stream:
            stream.write("#")
            stream.flush()
            return sight(path, now_ns)

    monkeypatch.setattr(settle, "sight", grow)
    began = asyncio.get_running_loop().time()
    settled = await read_settled({str(module): 0})
    file = settled.files[str(module)]
    assert (file.digest, file.source, file.problem) == ("", None, "somebody is still writing it")
    assert asyncio.get_running_loop().time() - began == pytest.approx(10.0, abs=0.02)


async def test_a_file_that_changes_while_it_is_read_has_a_writer(
    module: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def append_meanwhile(_: int) -> bool:
        if len(module.read_text()) == 60:
            module.write_text("y = 2\n" * 11)
        return False

    monkeypatch.setattr(settle, "writer_open", append_meanwhile)
    assert sight(str(module), 0).writing is True
    settled = await read_settled({str(module): 60})
    assert settled.files[str(module)].source == b"y = 2\n" * 11


async def test_what_is_gone_is_told_apart_from_what_was_read(module: Path, tmp_path: Path) -> None:
    settled = await read_settled({str(module): 60, str(tmp_path / "gone.py"): 60})
    assert set(settled.files) == {str(module)}
    assert settled.gone == {str(tmp_path / "gone.py")}


async def test_a_pipe_that_took_the_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    assert (await read_settled({str(tmp_path / "pipe.py"): 0})).gone


@LINUX
async def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    file = tmp_path / "bad.py"
    file.symlink_to("/proc/self/mem")
    found = (await read_settled({str(file): 0})).files[str(file)]
    assert (found.digest, found.source, found.problem) == ("", None, "Input/output error")


async def test_the_bytes_of_an_extension_module_are_hashed_and_not_kept(tmp_path: Path) -> None:
    file = tmp_path / "fast.so"
    file.write_bytes(b"\x7fELF")
    found = (await read_settled({str(file): 0})).files[str(file)]
    assert (len(found.digest), found.source) == (32, None)


async def test_many_files_are_read_without_holding_up_the_loop(tmp_path: Path) -> None:
    for number in range(150):
        (tmp_path / f"m{number}.py").write_text(f"x = {number}\n")
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    settled = await read_settled({str(one): 0 for one in tmp_path.iterdir()})
    counting.cancel()
    assert len(settled.files) == 150
    assert turns > 1
