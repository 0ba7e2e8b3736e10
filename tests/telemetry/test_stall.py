"""Who keeps the loop, where and for how long: looked at from a thread, step by step."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from aplay_host import Actor, ActorSystem
from aplay_host.plugins.dispatch import HookCall
from aplay_host.telemetry import ActorLabels, StallWatch
from aplay_host.telemetry.stall import _is_idle

FILE = "tests/telemetry/test_stall.py"


class Bench:
    """A watch whose clock is the test's, and whose looks are the test's, too."""

    def __init__(self) -> None:
        self.now = self.used = 100.0
        self.lags: list[float] = []
        self.kinds: list[str] = []
        self.watch = StallWatch(
            lambda address: ActorLabels(f"type of {address}", None, 1),
            on_lag=self.lags.append,
            clock=lambda: self.now,
            cpu=lambda: self.used,
        )
        self.watch.on_stall = self.kinds.append
        self.watch.bind(asyncio.get_running_loop())

    def block(self, seconds: float) -> None:
        """Hold up the thread that calls for so long by the watch's clock."""
        for _ in range(round(seconds * 10)):
            self.pass_by(0.1)

    def pass_by(self, seconds: float, cpu: float = 0.0) -> None:
        """Let the time pass, and the watch look once."""
        self.now += seconds
        self.used += cpu
        looking = threading.Thread(target=self.watch.look)
        looking.start()
        looking.join()

    async def settle(self) -> None:
        """Let the loop answer, and the watch see it."""
        await asyncio.sleep(0)
        self.pass_by(0.1)


@pytest.fixture
async def bench() -> Bench:
    return Bench()


def until(done: Callable[[], object]) -> None:
    """Hold up the thread that calls until it is so."""
    while not done():
        time.sleep(0.001)


class LogLine:
    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work


class Parse(Actor):
    """Does what it is told to, in its handler, or already at its start."""

    def __init__(self, made: Callable[[], Any] = bool, started: Callable[[], Any] = bool) -> None:
        self._started = started
        made()

    async def on_start(self) -> None:
        self._started()

    async def msg_handler(self, msg: LogLine) -> None:
        msg.work()


async def blocked(bench: Bench, seconds: float) -> None:
    """Block in a handler, and see the end of it."""
    async with ActorSystem() as system:
        ref = await system.spawn(Parse, "parse")
        await ref.tell(LogLine(lambda: bench.block(seconds)))
        await ref.ask(LogLine(bool))
    await bench.settle()


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    return [(one.levelno, one.getMessage()) for one in caplog.records]


# ---- how long --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "stalls", "levels"),
    [
        (0.1, 0, []),
        (0.3, 1, []),
        (1.0, 1, []),
        (1.2, 1, [logging.WARNING]),
        (5.0, 1, [logging.WARNING]),
        (7.0, 1, [logging.ERROR, logging.WARNING]),
    ],
)
async def test_a_stall_is_told_by_its_length(
    bench: Bench,
    caplog: pytest.LogCaptureFixture,
    seconds: float,
    stalls: int,
    levels: list[int],
) -> None:
    await blocked(bench, seconds)
    assert len(bench.watch.stalls) == stalls
    assert bench.kinds == (["type of /parse"] if stalls else [])
    assert [level for level, _ in lines(caplog)] == levels


async def test_a_report_names_actor_place_length_and_message(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await blocked(bench, 1.5)
    ((level, text),) = lines(caplog)
    assert level == logging.WARNING
    place = rf"{FILE}:\d+ in pass_by \(threading\.(start|join)\)"
    assert re.fullmatch(rf"/parse blocks the loop for 1\.4 s at {place}, message LogLine", text)
    assert caplog.records[0].__dict__["actor"] == "/parse"
    (stall,) = bench.watch.stalls
    assert (stall.address, round(stall.seconds, 1)) == ("/parse", 1.4)
    assert stall.place in text


async def test_one_that_lasts_is_told_before_it_ends_with_the_stacks_of_all_threads(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    told = []

    def work() -> None:
        bench.block(6)
        told.extend(caplog.records)

    async with ActorSystem() as system:
        await (await system.spawn(Parse, "parse")).ask(LogLine(work))
    (record,) = told
    assert record.getMessage().startswith("/parse blocks the loop for more than 5 s at ")
    stacks = record.__dict__["traceback"]
    assert "Thread MainThread:\n" in stacks
    assert "in msg_handler" in stacks


async def test_each_answer_of_the_loop_tells_its_lag(bench: Bench) -> None:
    await blocked(bench, 0.5)
    await asyncio.sleep(0)
    assert [round(one, 1) for one in bench.lags] == [0.4, 0.0]


# ---- who -------------------------------------------------------------------------------------


async def test_who_was_seen_most_often_is_the_culprit(bench: Bench) -> None:
    async with ActorSystem() as system:
        refs = [await system.spawn(Parse, name) for name in "abc"]
        for ref, seconds in zip(refs, (0.3, 0.9, 0.2), strict=True):
            ref.tell_nowait(LogLine(partial(bench.block, seconds)))
        await ref.ask(LogLine(bool))
    await bench.settle()
    assert bench.watch.stalls[0].address == "/b"


@pytest.mark.parametrize("hook", ["made", "started"])
async def test_init_and_on_start_are_named(bench: Bench, hook: str) -> None:
    async with ActorSystem() as system:
        await system.spawn(Parse, "slow", kwargs={hook: lambda: bench.block(0.5)})
    await bench.settle()
    (stall,) = bench.watch.stalls
    assert (stall.address, stall.culprit.message_type) == ("/slow", None)


async def test_a_task_of_an_actor_is_named(bench: Bench) -> None:
    class Begins(Actor):
        async def on_start(self) -> None:
            await self.create_task(self.work())

        async def work(self) -> None:
            bench.block(0.5)

    async with ActorSystem() as system:
        await system.spawn(Begins, "begins")
    await bench.settle()
    assert [one.address for one in bench.watch.stalls] == ["/begins"]


async def test_the_body_of_a_hook_is_named_with_its_plugin(bench: Bench) -> None:
    class Implementation:
        plugin_name = "acme/hooks"
        argnames = kwargnames = ()

        def function(self) -> None:
            bench.block(0.5)

    implementation: Any = Implementation()
    HookCall("aplay_health", implementation, {}).begin()
    await bench.settle()
    (stall,) = bench.watch.stalls
    assert stall.culprit.told("1 s").startswith(
        "aplay_health of acme/hooks blocks the loop for 1 s"
    )
    assert (stall.address, *bench.kinds) == (None, "acme/hooks")


async def test_code_of_nobody_has_a_place(bench: Bench) -> None:
    bench.block(0.5)
    await bench.settle()
    (stall,) = bench.watch.stalls
    assert stall.culprit.told("1 s").startswith(
        f"code of no actor blocks the loop for 1 s at {FILE}"
    )
    assert stall.culprit.kind == "host"


async def test_c_code_is_named_as_it_was_called(bench: Bench) -> None:
    def look() -> str:
        bench.now += 0.1
        bench.watch.look()
        return " ".join(one.place for one in bench.watch._seen)

    looking = threading.Thread(target=until, args=(lambda: "(time.sleep)" in look(),))
    looking.start()
    until(lambda: not looking.is_alive())
    looking.join()
    assert f"{FILE}:" in look()


@pytest.mark.parametrize("pinged", [True, False])
async def test_what_keeps_this_thread_from_looking_is_told_all_the_same(
    bench: Bench, caplog: pytest.LogCaptureFixture, pinged: bool
) -> None:
    if pinged:
        bench.pass_by(0.1)
    bench.now += 3.0
    bench.used += 3.0  # C code that keeps the lock, and computes
    await bench.settle()
    assert [text for _, text in lines(caplog)] == [
        "code that keeps Python's lock blocks the loop for 3.0 s at an unknown place"
    ]


# ---- what is no stall ------------------------------------------------------------------------


async def test_nothing_is_told_after_the_whole_process_stood_still(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.block(0.3)
    bench.pass_by(30.0, cpu=0.1)  # SIGSTOP, SIGCONT
    await bench.settle()
    assert (bench.watch.stalls, lines(caplog)) == ((), [])
    await blocked(bench, 0.5)
    assert len(bench.watch.stalls) == 1


async def test_nothing_is_told_while_a_debugger_has_the_code(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def trace(*_: object) -> Any:
        return trace

    def debugged() -> None:
        bench.block(7)

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        debugged()
    finally:
        sys.settrace(before)
    await bench.settle()
    assert (bench.watch.stalls, lines(caplog)) == ((), [])


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring came with Python 3.12")
async def test_nothing_is_told_while_a_debugger_monitors(bench: Bench) -> None:
    monitoring: Any = vars(sys)["monitoring"]
    monitoring.use_tool_id(monitoring.DEBUGGER_ID, "the test")
    try:
        bench.block(7)
    finally:
        monitoring.free_tool_id(monitoring.DEBUGGER_ID)
    await bench.settle()
    assert bench.watch.stalls == ()


@pytest.mark.real_time
async def test_a_loop_that_waits_is_pinged_once_a_second(bench: Bench) -> None:
    def look() -> None:
        for _ in range(40):
            bench.now += 0.1
            until(lambda: _is_idle(sys._current_frames()[thread]))
            bench.watch.look()
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result()

    loop, thread = asyncio.get_running_loop(), threading.get_ident()
    await asyncio.to_thread(look)
    assert 3 <= len(bench.lags) <= 5


# ---- the thread ------------------------------------------------------------------------------


async def test_the_thread_sees_what_blocks_its_loop() -> None:
    watch = StallWatch(lambda address: ActorLabels("a type", None, 1))

    async with ActorSystem() as system:
        with watch.watching():
            ref = await system.spawn(Parse, "parse")
            await ref.ask(LogLine(lambda: until(lambda: watch._seen)))
            await asyncio.sleep(0)
            until(lambda: watch.stalls)
    assert watch.stalls[0].address == "/parse"
    assert watch.stalls[0].seconds >= 0.1
    assert not [one for one in threading.enumerate() if one.name == "aplay-host stalls"]
