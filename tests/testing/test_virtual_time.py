"""Time passes at once, and exactly; what is outside of the loop stays real."""

from __future__ import annotations

import asyncio
import math
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from aplay_host.testing import VirtualTimeLoop


def run(main: Coroutine[Any, Any, Any], *, debug: bool = False) -> Any:
    with asyncio.Runner(loop_factory=VirtualTimeLoop, debug=debug) as runner:
        return runner.run(main)


def now() -> float:
    return asyncio.get_running_loop().time()


async def work_in_a_thread() -> None:
    """Take real time, long enough for the loop to have nothing left to do."""
    await asyncio.to_thread(time.sleep, 0.05)


# Timers


def test_the_clock_begins_at_zero_and_an_hour_takes_no_time() -> None:
    async def main() -> tuple[float, float]:
        begin = now()
        await asyncio.sleep(3600)
        return begin, now()

    assert run(main()) == (0.0, 3600.0)


def test_the_clock_stands_still_while_there_is_work() -> None:
    async def main() -> float:
        for _ in range(1000):
            await asyncio.sleep(0)
        return now()

    assert run(main()) == 0.0


def test_timers_run_in_order_each_at_exactly_its_time() -> None:
    delays = [0.1 + 0.2, 3600.1, 1e-12, 0.3, 86_400.0 * 3 + 0.7, 0.1, 1.0, 1.0 + 1e-10]

    async def main() -> list[float]:
        loop, rang = asyncio.get_running_loop(), list[float]()
        for delay in delays:
            loop.call_at(delay, lambda: rang.append(loop.time()))
        await asyncio.sleep(1e6)
        return rang

    assert run(main()) == sorted(delays)


def test_timers_of_one_time_run_at_that_time() -> None:
    async def main() -> list[tuple[str, float]]:
        loop, rang = asyncio.get_running_loop(), list[tuple[str, float]]()
        for name in "abc":
            loop.call_later(5, lambda name: rang.append((name, loop.time())), name)
        await asyncio.sleep(5)
        return rang

    assert sorted(run(main())) == [("a", 5.0), ("b", 5.0), ("c", 5.0)]


def test_a_timer_is_exact_after_many_years() -> None:
    async def main() -> float:
        await asyncio.sleep(1e12)
        await asyncio.sleep(0.25)
        return now()

    assert run(main()) == 1e12 + 0.25


def test_a_cancelled_timer_does_not_move_the_clock() -> None:
    async def main() -> float:
        asyncio.get_running_loop().call_later(1, print).cancel()
        await asyncio.sleep(2)
        asyncio.get_running_loop().call_later(1, print).cancel()
        await work_in_a_thread()
        return now()

    assert run(main()) == 2.0


def test_timeouts_end_on_time() -> None:
    async def main() -> list[float]:
        ended = []
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 30)
        ended.append(now())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(12.5):
                await asyncio.sleep(13)
        ended.append(now())
        assert await asyncio.wait_for(asyncio.sleep(7, "done"), 8) == "done"
        return [*ended, now()]

    assert run(main()) == [30.0, 42.5, 49.5]


# The world outside


def test_a_local_socket_is_faster_than_any_timer() -> None:
    async def main() -> tuple[bytes, float]:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        other_reader, other_writer = await asyncio.open_connection(sock=theirs)
        async with asyncio.timeout(1):
            other_writer.write(b"ping\n")
            writer.write((await reader.readline()).upper())
            answer = await other_reader.readline()
        for end in (writer, other_writer):
            end.close()
            await end.wait_closed()
        return answer, now()

    assert run(main()) == (b"PING\n", 0.0)


def test_a_thread_wakes_a_loop_that_has_nothing_scheduled() -> None:
    async def main() -> float:
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        thread = threading.Timer(0.05, loop.call_soon_threadsafe, [woken.set])
        thread.start()
        await woken.wait()
        thread.join()
        return now()

    assert run(main()) == 0.0


def test_a_timer_that_never_comes_does_not_move_the_clock() -> None:
    async def main() -> float:
        never = asyncio.create_task(asyncio.sleep(math.inf))
        await asyncio.sleep(1)
        await work_in_a_thread()
        never.cancel()
        return now()

    assert run(main()) == 1.0


def test_a_thread_loses_against_a_timer() -> None:
    async def main() -> float:
        let_go = threading.Event()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(let_go.wait), 5)
        let_go.set()
        return now()

    assert run(main()) == 5.0


def test_threads_of_the_executor_get_real_time_to_end() -> None:
    """A runner allows them 300 s, which would be over at once, with a warning."""
    asked, ended = threading.Event(), threading.Event()

    def work() -> None:
        asked.wait()
        ended.set()

    async def main(loop: VirtualTimeLoop) -> float:
        loop.run_in_executor(None, work)
        threading.Timer(0.05, asked.set).start()
        await loop.shutdown_default_executor(0.001)
        return loop.time()

    loop = VirtualTimeLoop()
    assert loop.run_until_complete(main(loop)) == 0.0
    assert ended.is_set()
    loop.close()


# asyncio's own tools


def test_the_debug_mode_of_the_runner_works() -> None:
    async def main() -> float:
        assert asyncio.get_running_loop().get_debug()
        async with asyncio.TaskGroup() as group:
            for delay in range(10):
                group.create_task(asyncio.sleep(delay))
        return now()

    assert run(main(), debug=True) == 9.0


def test_two_loops_have_two_clocks() -> None:
    async def main(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return now()

    assert (run(main(3)), run(main(4))) == (3.0, 4.0)


def test_the_loop_is_imported_without_pytest() -> None:
    script = "import sys, aplay_host.testing; print('pytest' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert ran.stdout == "False\n"
