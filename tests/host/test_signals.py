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
from aplay_host.host.signals import Signals

pytestmark = pytest.mark.real_time


class Watched:
    """Signals that note what they ask for instead of doing it."""

    def __init__(self) -> None:
        self.did: list[object] = []
        self.more = asyncio.Event()
        self.signals = Signals(self, self.did.append)

    def stop(self, reason: str) -> None:
        self._note(reason)

    def cut_off(self) -> None:
        self._note("cut off")

    def reread(self) -> None:
        self._note("reread")

    def tell_work(self) -> None:
        self._note("work")

    def _note(self, what: str) -> None:
        self.did.append(what)
        self.more.set()

    async def send(self, number: signal.Signals) -> None:
        """Send a signal to this process and wait until it has told the loop."""
        self.more.clear()
        os.kill(os.getpid(), number)
        await self.more.wait()


@contextmanager
def handlers_stay() -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGALRM)
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
    assert watched.did == ["reread", "reread", "SIGTERM"]


async def test_the_second_forces_whichever_it_is_and_the_third_ends_the_process() -> None:
    watched = Watched()
    with handlers_stay(), watched.signals.captured():
        await watched.send(signal.SIGINT)
        await watched.send(signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
    assert watched.did == ["SIGINT", "cut off", 1]


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
    assert watched.did == ["SIGTERM", "cut off"]


async def test_usr1_writes_all_stacks_at_once_and_then_asks_for_the_work(
    capfd: pytest.CaptureFixture[str],
) -> None:
    watched = Watched()
    with handlers_stay(), watched.signals.captured():
        os.kill(os.getpid(), signal.SIGUSR1)
        told = capfd.readouterr().err  # no turn of the loop until here
        await watched.more.wait()
    assert "most recent call first" in told
    assert "test_usr1_writes_all_stacks_at_once" in told
    assert watched.did == ["work"]


async def test_without_a_stderr_usr1_asks_for_the_work_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stderr", None)
    watched = Watched()
    with handlers_stay(), watched.signals.captured():
        await watched.send(signal.SIGUSR1)
    assert watched.did == ["work"]


@pytest.mark.parametrize(
    ("before", "after", "did"),
    [
        (True, True, "reread"),
        (False, False, "reread"),
        (True, False, "SIGHUP, the terminal is gone"),
    ],
)
async def test_hup_is_a_stop_only_when_the_terminal_of_the_start_is_gone(
    monkeypatch: pytest.MonkeyPatch, before: bool, after: bool, did: str
) -> None:
    found = iter((before, after))
    monkeypatch.setattr(signals_module, "has_terminal", lambda: next(found))
    watched = Watched()
    with handlers_stay(), watched.signals.captured():
        await watched.send(signal.SIGHUP)
    assert watched.did == [did]
    assert not watched.signals.forced


async def test_a_hangup_that_nohup_keeps_away_stays_away() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with handlers_stay(), Watched().signals.captured():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
