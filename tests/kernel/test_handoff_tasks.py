"""A handler has a task of its own, with all that asyncio offers to one, handed off or not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aplay_host.kernel import ActorStopped, ActorSystem

from .actors import Gate, Job, Runner, begin, behaviour, cell, counts_of, now, settle


def current() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task


# What asyncio offers, used in a handler


async def times_out(_: object) -> str:
    try:
        async with asyncio.timeout(2):
            await asyncio.sleep(60)
    except TimeoutError:
        return "timed out"
    return "not timed out"


async def times_out_at_once(_: object) -> str:
    try:
        async with asyncio.timeout(0):
            await asyncio.sleep(60)
    except TimeoutError:
        await asyncio.sleep(2)
        return "timed out"
    return "not timed out"


async def waits_for(_: object) -> str:
    try:
        await asyncio.wait_for(asyncio.sleep(60), 2)
    except TimeoutError:
        return "timed out"
    return "not timed out"


async def groups(_: object) -> str:
    async def fail() -> None:
        await asyncio.sleep(2)
        raise ValueError("member")

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            group.create_task(asyncio.sleep(60))
            await asyncio.sleep(60)
    except ExceptionGroup:
        return "timed out"
    return "not timed out"


async def gathers(_: object) -> str:
    await asyncio.gather(asyncio.sleep(1), asyncio.sleep(2))
    return "timed out"


async def yields_first(_: object) -> str:
    await asyncio.sleep(0)
    return await times_out(None)


@pytest.mark.parametrize(
    "job", [times_out, times_out_at_once, waits_for, groups, gathers, yields_first]
)
async def test_what_asyncio_offers_works_in_a_handler(system: ActorSystem, job: Job) -> None:
    ref = await system.spawn(Runner, "a")
    for n in range(3):
        assert await ref.ask(job) == "timed out"
        assert now() == 2.0 * (n + 1)
    assert counts_of(ref.status()) == (3, 3, 0, 0, 0, 0)


# Cancelling


async def test_the_askers_end_does_not_touch_the_handler(system: ActorSystem) -> None:
    ref = await system.spawn(Gate, "gate")
    gate = behaviour(system, "/gate", Gate)
    asking = await begin(ref.ask("question"))
    asking.cancel()
    await settle()
    assert asking.cancelled()
    assert gate.begun == ["question"]
    gate.opened.set()
    await settle()
    assert gate.ended == ["question"]
    assert cell(system, "/gate").late_replies == 1
    assert counts_of(ref.status()) == (1, 1, 0, 0, 0, 0)


async def test_an_asker_cancelled_by_the_handler_it_waits_for_ends_and_the_handler_does_not(
    system: ActorSystem,
) -> None:
    ref = await system.spawn(Runner, "a")
    done: list[str] = []
    asking: list[asyncio.Task[Any]] = []

    async def cancel_the_asker(_: object) -> None:
        asking[0].cancel()
        await asyncio.sleep(1)
        done.append("handler")

    asking.append(asyncio.create_task(ref.ask(cancel_the_asker)))
    await asyncio.gather(*asking, return_exceptions=True)
    assert asking[0].cancelled()
    await asyncio.sleep(1)
    assert done == ["handler"]
    assert counts_of(ref.status()) == (1, 1, 0, 0, 0, 0)


async def cancel_and_return(_: object) -> str:
    current().cancel()
    return "returned"


async def cancel_and_wait(_: object) -> None:
    current().cancel()
    await asyncio.sleep(60)


async def cancel_and_yield(_: object) -> None:
    current().cancel()
    await asyncio.sleep(0)


async def cancel_and_wait_for_a_task(_: object) -> None:
    current().cancel()
    inner = asyncio.create_task(asyncio.sleep(60))
    try:
        await inner
    finally:
        assert inner.cancelled()  # who is cancelled passes it on to what it waits for


async def cancel_and_go_on(_: object) -> str:
    current().cancel()
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        current().uncancel()
    await asyncio.sleep(0)
    return "returned"


@pytest.mark.parametrize("job", [cancel_and_wait, cancel_and_yield, cancel_and_wait_for_a_task])
async def test_a_handler_that_cancels_itself_has_failed_and_the_actor_goes_on(
    system: ActorSystem, job: Job
) -> None:
    ref = await system.spawn(Runner, "a")
    for _ in range(3):
        with pytest.raises(ActorStopped, match="CancelledError"):
            await ref.ask(job)
    assert now() == 0.0
    assert await ref.ask(times_out) == "timed out"
    assert counts_of(ref.status()) == (4, 1, 3, 0, 0, 0)


@pytest.mark.parametrize("job", [cancel_and_return, cancel_and_go_on])
async def test_a_handler_that_cancels_itself_in_vain_is_handled(
    system: ActorSystem, job: Job
) -> None:
    ref = await system.spawn(Runner, "a")
    for _ in range(3):
        assert await ref.ask(job) == "returned"
    assert await ref.ask(times_out) == "timed out"
    assert counts_of(ref.status()) == (4, 4, 0, 0, 0, 0)


async def test_a_program_that_cancels_all_tasks_it_finds_harms_no_later_request(
    system: ActorSystem,
) -> None:
    ref = await system.spawn(Runner, "a")
    for task in asyncio.all_tasks() - {current()}:
        if task.get_coro() is not None and "Driver" in repr(task.get_coro()):
            task.cancel()
    for _ in range(3):
        assert await ref.ask(times_out) == "timed out"
    assert counts_of(ref.status()) == (3, 3, 0, 0, 0, 0)
