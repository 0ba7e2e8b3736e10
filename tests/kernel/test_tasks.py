"""Owned tasks live as long as their actor runs, and their failures are its own."""

from __future__ import annotations

import asyncio
import gc

import pytest

from aplay_host.kernel import Actor, ActorSystem, MessageFailed, StartFailed

from .actors import (
    Hooked,
    Runner,
    begin,
    cell,
    counts_of,
    forever,
    ignore_cancels,
    listen,
    settle,
)


class Ticker(Hooked):
    """Begins a task that counts seconds; `ended` tells how it was cancelled."""

    def __init__(self, count: list[int], ended: list[str]) -> None:
        super().__init__()
        self.count, self.ended = count, ended

    async def on_start(self) -> None:
        self.task = self.create_task(self.tick(), name="ticker")

    async def tick(self) -> None:
        try:
            while True:
                await asyncio.sleep(1)
                self.count.append(1)
        finally:
            self.ended.append(self.state)


@pytest.mark.parametrize("verb", ["stop", "remove"])
async def test_a_task_runs_until_its_actor_ends(system: ActorSystem, verb: str) -> None:
    count: list[int] = []
    ended: list[str] = []
    ref = await system.spawn(Ticker, "a", kwargs={"count": count, "ended": ended})
    await asyncio.sleep(3.5)
    await getattr(ref, verb)()
    assert len(count) == 3
    assert ended == ["stopping"]
    await asyncio.sleep(3)
    assert len(count) == 3
    assert ref.state == ("stopped" if verb == "stop" else "removed")


async def test_a_task_is_held_by_the_kernel_and_named_after_its_actor(
    system: ActorSystem,
) -> None:
    done: list[str] = []

    async def work(actor: Actor) -> None:
        async def wait() -> None:
            await asyncio.sleep(1)
            done.append("done")

        task = actor.create_task(wait(), name="waiting")
        assert task.get_name() == "/a waiting"
        del task

    ref = await system.spawn(Runner, "a")
    await ref.ask(work)
    gc.collect()
    await asyncio.sleep(2)
    assert done == ["done"]
    assert not list(cell(system, "/a").tasks)


async def test_a_task_returns_its_result_to_who_awaits_it(system: ActorSystem) -> None:
    async def answer() -> int:
        return 42

    async def work(actor: Actor) -> int:
        task: asyncio.Task[int] = actor.create_task(answer())
        return await task

    ref = await system.spawn(Runner, "a")
    assert await ref.ask(work) == 42


async def test_a_task_that_raises_is_a_failure_of_its_actor_which_goes_on(
    system: ActorSystem,
) -> None:
    heard = listen(system, MessageFailed)

    async def explode() -> None:
        await asyncio.sleep(1)
        raise ValueError("boom")

    async def work(actor: Actor) -> str:
        actor.create_task(explode())
        return "begun"

    ref = await system.spawn(Runner, "a")
    await ref.ask(work)
    await asyncio.sleep(2)
    (event,) = heard
    assert (event.address, event.message_type, str(event.error)) == ("/a", None, "boom")
    error = ref.status().last_error
    assert error is not None
    assert error.text == "boom"
    assert counts_of(ref.status()) == (1, 1, 0, 0, 0, 0)
    assert ref.state == "running"


async def test_a_task_cancelled_before_it_began_leaves_nothing(system: ActorSystem) -> None:
    began: list[str] = []
    heard = listen(system, MessageFailed)

    async def never() -> None:
        began.append("began")

    async def work(actor: Actor) -> None:
        actor.create_task(never()).cancel()

    ref = await system.spawn(Runner, "a")
    await ref.ask(work)
    await settle()
    gc.collect()  # a coroutine that was never awaited would warn, and a warning is an error
    assert began == heard == []


async def test_a_task_begun_in_init_ends_with_the_actor(system: ActorSystem) -> None:
    class Early(Hooked):
        def __init__(self) -> None:
            super().__init__()
            self.create_task(forever())

    ref = await system.spawn(Early, "a")
    spawning = await begin(system.spawn(Early, "b"))
    await spawning
    for one in (ref, system.ref("/b")):
        await one.remove()
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("/")] == []


async def test_a_removal_before_the_start_began_ends_the_tasks_of_init(
    system: ActorSystem,
) -> None:
    class Early(Hooked):
        def __init__(self) -> None:
            super().__init__()
            self.create_task(forever())

    spawning = asyncio.create_task(system.spawn(Early, "a"))
    await asyncio.sleep(0)
    await system.ref("/a").remove()
    with pytest.raises(StartFailed):
        await spawning
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("/")] == []


async def test_a_task_begun_by_on_stop_ends_with_it(system: ActorSystem) -> None:
    order: list[str] = []

    async def flush() -> None:
        await asyncio.sleep(1)
        order.append("flushed")

    class Closing(Hooked):
        async def on_stop(self, reason: str) -> None:
            await self.create_task(flush())
            self.create_task(forever())

    ref = await system.spawn(Closing, "a")
    await ref.stop()
    assert order == ["flushed"]
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("/")] == []


async def test_a_task_has_time_to_end_by_itself_and_is_cancelled_once(
    system: ActorSystem,
) -> None:
    ended: list[str] = []

    async def tidy() -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(0.4)
            ended.append("tidied up")

    async def work(actor: Actor) -> None:
        actor.create_task(tidy())

    ref = await system.spawn(Runner, "a")
    await ref.ask(work)
    await ref.stop()
    assert ended == ["tidied up"]


async def test_a_task_that_is_ending_already_is_not_cancelled_again(system: ActorSystem) -> None:
    ended: list[str] = []

    async def tidy() -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(0.4)
            ended.append("tidied up")

    async def work(actor: Actor) -> None:
        actor.create_task(tidy())

    ref = await system.spawn(Runner, "a")
    await ref.ask(work)
    await settle()
    await system.drain(0.1)
    await ref.stop()
    assert ended == ["tidied up"]


async def test_the_late_failure_of_an_abandoned_task_is_ignored(system: ActorSystem) -> None:
    end = asyncio.Event()
    heard = listen(system, MessageFailed)

    async def stubborn() -> None:
        await ignore_cancels(end)
        raise ValueError("late")

    async def work(actor: Actor) -> None:
        actor.create_task(stubborn())

    ref = await system.spawn(Runner, "a")
    await ref.ask(work)
    await settle()
    await ref.stop()
    end.set()
    await settle()
    assert heard == []
    assert ref.status().last_error is None
