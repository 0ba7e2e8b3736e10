"""A loop that is busy lets the writer in, and one that has time of its own does not sleep."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from aplay_host.mailboxes import Failpoints
from aplay_host.mailboxes.link import FULL_BATCH, GIVE_WAY_SECONDS

from .rig import rig

pytestmark = pytest.mark.real_time

LOOKS = 100
"""How often the engine looks while an idle loop is waited for."""


class Held(Failpoints):
    """Keeps the writer before its commits until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.go.set()

    def hit(self, name: str) -> None:
        if name == "sqlite.group.before_begin":
            self.go.wait()


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Every sleep on the loop's thread so far."""
    slept: list[float] = []
    monkeypatch.setattr("aplay_host.mailboxes.link.time.sleep", slept.append)
    return slept


@pytest.mark.parametrize("busy", [True, False])
async def test_only_a_busy_loop_gives_way_while_something_waits_for_the_writer(
    tmp_path: Path, sleeps: list[float], busy: bool
) -> None:
    held = Held()
    async with rig(tmp_path, failpoints=held) as it:
        ref, _ = await it.keeper()
        held.go.clear()
        told = asyncio.ensure_future(ref.tell("waits"))
        try:
            await (_until_it_sleeps(sleeps) if busy else asyncio.sleep(LOOKS * GIVE_WAY_SECONDS))
            assert not told.done()
        finally:
            held.go.set()
        await told
        assert busy or len(sleeps) < LOOKS / 4  # the first ones see what was done before


async def _until_it_sleeps(sleeps: list[float]) -> None:
    async with asyncio.timeout(5):
        while not sleeps:  # noqa: ASYNC110 - it is the loop's turns that are wanted
            await asyncio.sleep(0)


async def test_a_loop_gives_way_no_more_when_nothing_waits(
    tmp_path: Path, sleeps: list[float]
) -> None:
    async with rig(tmp_path) as it:
        ref, _ = await it.keeper()
        await ref.tell("kept")
        await it.settled(ref)
        await asyncio.sleep(3 * GIVE_WAY_SECONDS)
        sleeps.clear()
        ends = time.perf_counter() + 10 * GIVE_WAY_SECONDS
        while time.perf_counter() < ends:  # noqa: ASYNC110 - it is the loop's turns that are wanted
            await asyncio.sleep(0)
        assert sleeps == []


async def test_a_full_batch_is_written_while_the_loop_is_busy(tmp_path: Path) -> None:
    begun = threading.Event()

    class Told(Failpoints):
        def hit(self, name: str) -> None:
            if name == "sqlite.group.before_begin":
                begun.set()

    async with rig(tmp_path, failpoints=Told()) as it:
        ref, seen = await it.keeper()
        for number in range(FULL_BATCH + 1):
            assert not begun.is_set()
            ref.tell_nowait(number)
            if number == FULL_BATCH - 1:
                assert begun.wait(5)  # the loop has had no turn since
                begun.clear()
        await it.settled(ref)
        assert seen == list(range(FULL_BATCH + 1))
