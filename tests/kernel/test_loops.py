"""The shuffled loop keeps what asyncio promises and permutes the rest; both tell what is left."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from functools import partial

import pytest

from .loops import ShuffledLoop, WatchedLoop

SEEDS = range(40)


@pytest.fixture
def loop() -> Iterator[WatchedLoop]:
    loop = WatchedLoop()
    yield loop
    loop.end()


def orders_of(names: str) -> set[str]:
    """Return in which orders tasks begun one after another take their first step."""
    seen = set()
    for seed in SEEDS:
        loop, order = ShuffledLoop(seed), list[str]()

        async def step(name: str, order: list[str] = order) -> None:
            order.append(name)

        async def main(order: list[str] = order, loop: ShuffledLoop = loop) -> None:
            await asyncio.gather(*(loop.create_task(step(name)) for name in names))

        loop.run_until_complete(main())
        loop.end()
        seen.add("".join(order))
    return seen


def test_tasks_that_are_ready_run_in_every_order() -> None:
    assert orders_of("abc") == {"abc", "acb", "bac", "bca", "cab", "cba"}


def test_one_seed_gives_one_order() -> None:
    def play(seed: int) -> list[int]:
        loop, order = ShuffledLoop(seed), list[int]()

        async def walk(number: int) -> None:
            for _ in range(3):
                await asyncio.sleep(0)
                order.append(number)

        async def main() -> None:
            await asyncio.gather(*(walk(number) for number in range(5)))

        loop.run_until_complete(main())
        loop.end()
        return order

    assert play(1) == play(1)
    assert len({tuple(play(seed)) for seed in SEEDS}) > 30


@pytest.mark.parametrize("seed", SEEDS)
def test_callbacks_of_one_future_and_plain_callbacks_keep_their_order(seed: int) -> None:
    loop = ShuffledLoop(seed)
    of_future, plain = list[int](), list[int]()
    future = loop.create_future()

    def note(number: int, _: object) -> None:
        of_future.append(number)

    for number in range(5):
        future.add_done_callback(partial(note, number))
        loop.call_soon(plain.append, number)
    future.set_result(None)
    loop.run_until_idle()
    assert of_future == plain == [0, 1, 2, 3, 4]
    loop.end()


def test_timers_of_one_time_run_in_any_order_and_others_never_early() -> None:
    seen = set()
    for seed in SEEDS:
        loop, rang = ShuffledLoop(seed), list[tuple[str, float]]()

        def ring(name: str, rang: list[tuple[str, float]], loop: ShuffledLoop) -> None:
            rang.append((name, loop.time()))

        for name, due in (("a", 5.0), ("b", 5.0), ("c", 6.0)):
            loop.call_at(due, ring, name, rang, loop)
        loop.run_until_complete(asyncio.sleep(7))
        loop.end()
        assert rang[2] == ("c", 6.0)
        assert {time for _, time in rang[:2]} == {5.0}
        seen.add(rang[0][0])
    assert seen == {"a", "b"}


@pytest.mark.parametrize("seed", SEEDS[:5])
def test_sockets_and_threads_reach_a_shuffled_loop(seed: int) -> None:
    async def main() -> bytes:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        thread = threading.Thread(target=loop.call_soon_threadsafe, args=[woken.set])
        thread.start()
        await woken.wait()
        thread.join()
        theirs.send(b"ping\n")
        line = await reader.readline()
        theirs.close()
        writer.close()
        await writer.wait_closed()
        return line

    loop = ShuffledLoop(seed)
    assert loop.run_until_complete(main()) == b"ping\n"
    loop.end()


def test_tasks_timers_and_futures_that_are_left_are_named(loop: WatchedLoop) -> None:
    assert loop.left_over() == []
    future = loop.create_future()
    assert loop.left_over() == []
    future.add_done_callback(print)
    assert "Future" in loop.left_over()[0]
    future.remove_done_callback(print)
    timer = loop.call_later(1, print)
    assert "TimerHandle" in loop.left_over()[0]
    timer.cancel()
    task = loop.create_task(asyncio.Event().wait(), name="left")
    loop.run_until_idle()
    assert any("name='left'" in line for line in loop.left_over())
    task.cancel()
    loop.run_until_idle()
    assert loop.left_over() == []


def test_what_a_callback_or_a_task_raises_is_a_complaint(loop: WatchedLoop) -> None:
    async def fail() -> None:
        raise ValueError("in a task")

    loop.call_soon(int, "in a callback")
    loop.create_watched(fail())
    loop.run_until_idle()
    callback, task = sorted(loop.complaints)
    assert callback.startswith("Exception in callback int(")
    assert callback.endswith(
        "ValueError(\"invalid literal for int() with base 10: 'in a callback'\")"
    )
    assert task.endswith("fail: ValueError('in a task')")


def test_a_loop_that_spins_is_found_out(loop: WatchedLoop) -> None:
    async def spin() -> None:
        while loop.time() == 0.0:  # noqa: ASYNC110 - and it is, as long as there is work
            await asyncio.sleep(0)

    loop.create_task(spin())
    with pytest.raises(AssertionError, match="spins"):
        loop.run_until_idle()
