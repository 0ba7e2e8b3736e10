"""The time of a request: never over early, at most 50 ms late, and no longer than its asker's."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aplay_host.kernel import Actor, ActorStopped, ActorSystem, AskTimeout
from aplay_host.kernel.deadlines import Deadlines
from aplay_host.testing import VirtualTimeLoop

from .actors import (
    Gate,
    Recorder,
    Runner,
    begin,
    behaviour,
    cell,
    counts_of,
    forever,
    now,
    settle,
    timers,
)
from .test_cycles import ask, spawn_runners

LATEST = 0.05 + 1e-9
EARLIEST = -1e-9  # what is lost in rounding


async def times_of(system: ActorSystem, waits: list[tuple[float, float]]) -> list[float]:
    """Ask a blocked actor, each time after a pause; return by how much each time-out was late."""
    ref = await system.spawn(Gate, "gate")
    late: list[float] = []

    async def ask(pause: float, timeout: float) -> None:
        await asyncio.sleep(pause)
        due = now() + timeout
        with pytest.raises(AskTimeout):
            await ref.ask("question", timeout=timeout)
        late.append(now() - due)

    await asyncio.gather(*(ask(pause, timeout) for pause, timeout in waits))
    return late


@given(st.lists(st.tuples(st.floats(0, 3), st.floats(1, 20)), min_size=1, max_size=20))
@settings(max_examples=50, deadline=None)
def test_a_time_out_is_never_early_and_at_most_50_ms_late(waits: list[tuple[float, float]]) -> None:
    async def run() -> list[float]:
        async with ActorSystem() as system:
            late = await times_of(system, waits)
            behaviour(system, "/gate", Gate).opened.set()
        return late

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        late = runner.run(run())
    assert len(late) == len(waits)
    assert min(late) >= EARLIEST
    assert max(late) <= LATEST


@pytest.mark.parametrize("timeout", [0.001, 0.033, 0.5, 0.999])
async def test_a_time_out_below_a_second_is_exact(system: ActorSystem, timeout: float) -> None:
    assert await times_of(system, [(0, timeout), (0.0123, timeout)]) == pytest.approx([0, 0])


async def test_a_shorter_time_that_comes_later_is_over_first(system: ActorSystem) -> None:
    waits = [(0.0, 100.0), (0.0, 2.0), (0.5, 1.0), (0.0, 40.0), (1.0, 1.5)]
    assert max(await times_of(system, waits)) <= LATEST


async def test_requests_that_end_together_are_told_in_the_order_in_which_they_came(
    system: ActorSystem,
) -> None:
    ref = await system.spawn(Gate, "gate")
    order: list[int] = []

    async def ask(n: int) -> None:
        with pytest.raises(AskTimeout):
            await ref.ask(n, timeout=2.0)
        order.append(n)

    await asyncio.gather(*(ask(n) for n in range(50)))
    assert order == list(range(50))


async def test_many_requests_share_a_few_timers(system: ActorSystem) -> None:
    ref = await system.spawn(Gate, "gate")
    asking = [await begin(ref.ask(0, timeout=10.0))]
    before = len(timers())
    asking += [asyncio.create_task(ref.ask(n, timeout=10.0)) for n in range(300)]
    await settle()
    assert len(timers()) == before
    behaviour(system, "/gate", Gate).opened.set()
    await asyncio.gather(*asking)


async def test_without_an_end_a_request_waits_until_it_is_answered(system: ActorSystem) -> None:
    ref = await system.spawn(Gate, "gate")
    asking = [await begin(ref.ask(n, timeout=math.inf)) for n in range(2)]
    await asyncio.sleep(1e6)
    assert not any(task.done() for task in asking)
    assert timers() == []
    behaviour(system, "/gate", Gate).opened.set()
    assert await asyncio.gather(*asking) == [0, 1]


@pytest.mark.parametrize("timeout", [0, 0.0, -1, -math.inf])
async def test_without_time_a_request_is_not_even_sent(system: ActorSystem, timeout: float) -> None:
    ref = await system.spawn(Recorder, "a")
    with pytest.raises(AskTimeout, match=r"no reply from /a within 0 s.*not begun"):
        await ref.ask("question", timeout=timeout)
    assert counts_of(ref.status()) == (0, 0, 0, 0, 0, 0)
    assert behaviour(system, "/a", Recorder).seen == []


async def test_an_answer_at_the_last_moment_is_an_answer(system: ActorSystem) -> None:
    async def two_seconds(_: object) -> str:
        await asyncio.sleep(2)
        return "in time"

    ref = await system.spawn(Runner, "a")
    results: list[Any] = []
    for timeout in (2.0, 2.001, 1.999):
        try:
            results.append(await ref.ask(two_seconds, timeout=timeout))
        except AskTimeout:
            results.append("late")
        await asyncio.sleep(3)
    assert results[1] == "in time"
    assert results[2] in ("late", "in time")  # within the 50 ms
    assert ref.status().handled == 3
    assert cell(system, "/a").late_replies == results.count("late")


async def test_a_late_reply_is_counted_and_dropped(system: ActorSystem) -> None:
    ref = await system.spawn(Gate, "gate")
    with pytest.raises(AskTimeout):
        await ref.ask("question", timeout=1.0)
    behaviour(system, "/gate", Gate).opened.set()
    await settle()
    assert cell(system, "/gate").late_replies == 1
    assert counts_of(ref.status()) == (1, 1, 0, 0, 0, 0)


# The time travels


async def test_whoever_is_asked_has_no_more_time_than_the_asker(system: ActorSystem) -> None:
    ref, *_ = await spawn_runners(system, "abc")
    asked: list[float] = []

    async def note_and_wait(_: object) -> None:
        asked.append(now())
        await asyncio.sleep(60)

    async def wait_then_ask(actor: Any) -> Any:
        await asyncio.sleep(2)
        return await ask("/c", note_and_wait, timeout=60.0)(actor)

    with pytest.raises(AskTimeout, match="from /a within 3 s"):
        await ref.ask(ask("/b", wait_then_ask), timeout=3.0)
    await settle()
    assert now() == 3.0
    assert asked == [2.0]
    for address in ("/a", "/b"):  # their own waits ended at that time too, and failed them
        error = system.ref(address).status().last_error
        assert error is not None
        assert error.type == "AskTimeout"
        assert "within" in error.text
    assert system.ref("/c").status().in_hand == 1


async def test_a_shorter_time_of_ones_own_holds(system: ActorSystem) -> None:
    ref, _ = await spawn_runners(system, "ab")
    with pytest.raises(AskTimeout, match="from /b within 2 s"):
        await ref.ask(ask("/b", forever, timeout=2.0), timeout=60)
    assert now() == 2.0


async def test_a_handler_whose_time_is_over_asks_nobody(system: ActorSystem) -> None:
    errors: list[AskTimeout] = []

    async def ask_too_late(actor: Any) -> None:
        await asyncio.sleep(5)
        try:
            await actor.ref("/b").ask("question", timeout=60)
        except AskTimeout as error:
            errors.append(error)

    ref = await system.spawn(Runner, "a")
    await system.spawn(Recorder, "b")
    with pytest.raises(AskTimeout):
        await ref.ask(ask_too_late, timeout=2.0)
    await asyncio.sleep(5)
    assert len(errors) == 1
    assert counts_of(system.ref("/b").status()) == (0, 0, 0, 0, 0, 0)


async def test_a_task_that_the_handler_waits_for_has_its_time(system: ActorSystem) -> None:
    async def group(actor: Any) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(actor.ref("/b").ask(forever, timeout=60))

    ref, _ = await spawn_runners(system, "ab")
    with pytest.raises(AskTimeout):
        await ref.ask(group, timeout=2.0)
    await settle()
    assert system.ref("/a").status().in_hand == 0
    assert now() == 2.0


@pytest.mark.parametrize("how", ["told", "owned"])
async def test_a_told_handler_and_an_owned_task_have_time_of_their_own(
    system: ActorSystem, how: str
) -> None:
    done: list[float] = []

    async def nine_seconds(_: object) -> None:
        await asyncio.sleep(9)
        done.append(now())

    async def work(actor: Any) -> None:
        await ask("/b", nine_seconds)(actor)

    async def pass_on(actor: Actor) -> None:
        if how == "told":
            await actor.ref("/c").tell(work)
        else:
            actor.create_task(work(actor))

    ref, *_ = await spawn_runners(system, "abc")
    await ref.ask(pass_on, timeout=1.0)
    await asyncio.sleep(10)
    assert done == [9.0]
    assert system.status().failed == 0


# What is left


async def test_the_end_of_the_system_leaves_no_timer(system: ActorSystem) -> None:
    ref = await system.spawn(Gate, "gate")
    asking = [await begin(ref.ask(n, timeout=t)) for n, t in enumerate((0.5, 5.0, 500.0))]
    stopping = await begin(system.shutdown())
    with pytest.raises(ActorStopped):
        await asking[1]
    behaviour(system, "/gate", Gate).opened.set()
    await stopping
    await asyncio.gather(*asking, return_exceptions=True)
    await settle()
    assert timers() == []


async def test_answered_requests_are_forgotten(system: ActorSystem) -> None:
    ref = await system.spawn(Runner, "a")

    async def sleep(_: object) -> None:
        await asyncio.sleep(0.1)

    for timeout in (0.5, 5.0, 5.0, 500.0):
        await ref.ask(sleep, timeout=timeout)
    deadlines: Deadlines = system.deadlines
    assert not any(deadlines._buckets.values())
