"""What the process's signals do, counted in the main thread, whatever its loop does."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from aplay_host.host import signals as signals_module
from aplay_host.host.signals import StopSignals

pytestmark = pytest.mark.real_time


class Watched:
    """Signals that note what they ask for instead of doing it."""

    def __init__(self) -> None:
        self.did: list[object] = []
        self.more = asyncio.Event()
        self.signals = StopSignals(self._stop, self._force, self._reload, self.did.append)

    def _stop(self, name: str) -> None:
        self.did.append(name)
        self.more.set()

    def _force(self) -> None:
        self.did.append("force")
        self.more.set()

    def _reload(self) -> None:
        self.did.append("reload")
        self.more.set()

    async def send(self, number: signal.Signals) -> None:
        """Send a signal to this process and wait until it has told the loop."""
        self.more.clear()
        os.kill(os.getpid(), number)
        await self.more.wait()


@contextmanager
def handlers_stay() -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM)
    before = [signal.getsignal(number) for number in numbers]
    yield
    assert [signal.getsignal(number) for number in numbers] == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_first_signal_asks_for_an_orderly_stop_and_says_its_name(
    number: signal.Signals,
) -> None:
    watched = Watched()
    with handlers_stay(), watched.signals.captured():
        await watched.send(number)
    assert watched.did == [number.name]


async def test_hup_asks_for_another_look_at_the_file_and_counts_as_no_stop() -> None:
    watched = Watched()
    with handlers_stay(), watched.signals.captured():
        await watched.send(signal.SIGHUP)
        await watched.send(signal.SIGHUP)
        await watched.send(signal.SIGTERM)
    assert watched.did == ["reload", "reload", "SIGTERM"]


async def test_the_second_forces_whichever_it_is_and_the_third_ends_the_process() -> None:
    watched = Watched()
    with handlers_stay(), watched.signals.captured():
        await watched.send(signal.SIGINT)
        await watched.send(signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
    assert watched.did == ["SIGINT", "force", 1]


async def test_the_third_ends_the_process_also_when_the_loop_is_blocked() -> None:
    watched = Watched()
    with watched.signals.captured():
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGTERM)
        assert watched.did == [1]  # no turn of the loop until here


async def test_a_forced_stop_that_takes_too_long_ends_the_process_over_a_blocked_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signals_module, "LAST_RESORT", 0.05)
    watched = Watched()
    with handlers_stay(), watched.signals.captured():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.2)  # noqa: ASYNC251  # an actor that blocks the loop
        assert watched.did == [1]


async def test_a_forced_stop_that_was_quick_enough_is_not_ended_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signals_module, "LAST_RESORT", 0.05)
    watched = Watched()
    with watched.signals.captured():
        await watched.send(signal.SIGTERM)
        await watched.send(signal.SIGTERM)
    time.sleep(0.1)  # noqa: ASYNC251  # an alarm that is still set would kill the test here
    assert watched.did == ["SIGTERM", "force"]


async def test_a_hangup_that_nohup_keeps_away_stays_away() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with handlers_stay(), Watched().signals.captured():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
