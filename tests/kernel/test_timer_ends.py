"""The end of timers: with the instance that set them, and nothing of them is left in the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aplay_host.kernel import Actor, ActorRef, ActorSystem, DeadLettered, StartFailed

from .actors import (
    Hooked,
    begin,
    behaviour,
    check_account,
    forever,
    ignore_cancels,
    listen,
    settle,
    timers,
)
from .test_timers import Clock, spawn_clock


async def stop(ref: ActorRef) -> None:
    await ref.stop()
    assert ref.state == "stopped"
    assert timers() == []
    await ref.human_start()


async def restart(ref: ActorRef) -> None:
    await ref.restart()


async def exit_and_come_back(ref: ActorRef) -> None:
    behaviour(ref.system, "/clock", Clock).exit(ValueError("done"))
    await asyncio.sleep(1)
    assert ref.status().restarts == 1


@pytest.mark.parametrize("end", [stop, restart, exit_and_come_back])
async def test_timers_end_with_the_instance_and_so_does_what_waits_of_them(
    system: ActorSystem, end: Callable[[ActorRef], Awaitable[None]]
) -> None:
    ticks: list[tuple[Any, float]] = []
    ref, _ = await spawn_clock(system, kwargs={"ticks": ticks})

    async def set_timers(actor: Any) -> None:
        actor.send_every(1, "tick")
        actor.send_after(2, "once")
        await asyncio.sleep(3)

    await ref.tell(set_timers)
    await asyncio.sleep(2.5)
    await end(ref)
    await asyncio.sleep(10)
    assert ticks == []
    assert ref.state == "running"
    assert system.dead_letters.counts == {"timer_cancelled": 2}
    check_account(system)


async def test_a_removal_ends_them_and_makes_no_noise_about_what_waits(
    system: ActorSystem,
) -> None:
    letters = listen(system, DeadLettered)
    ref, clock = await spawn_clock(system)

    async def set_timers(actor: Any) -> None:
        actor.send_every(1, "tick")
        await asyncio.sleep(2)

    ref.tell_nowait(set_timers)
    await asyncio.sleep(1.5)
    await ref.remove()
    assert timers() == []
    assert system.dead_letters.counts == {"timer_cancelled": 1}
    assert letters == []
    await settle()
    assert clock.ticks == []
    check_account(system)


async def test_a_timer_of_one_that_is_being_removed_is_not_set(system: ActorSystem) -> None:
    end = asyncio.Event()

    async def set_a_timer(actor: Any) -> None:
        await ignore_cancels(end)
        actor.send_every(1, "tick")

    ref, _ = await spawn_clock(system, stop_timeout=1.0)
    ref.tell_nowait(set_a_timer)
    await settle()
    await ref.remove()
    end.set()  # the handler was left behind, and its actor is gone
    await settle()
    assert timers() == []
    await asyncio.sleep(3)
    assert system.dead_letters.counts == {}


async def test_a_timer_set_by_on_stop_is_none(system: ActorSystem) -> None:
    async def ending(actor: Any) -> None:
        system_actor.send_every(1, "tick")

    ref = await system.spawn(Hooked, "a", kwargs={"ending": ending})
    system_actor = behaviour(system, "/a", Hooked)
    await ref.stop()
    assert timers() == []


async def test_a_start_that_fails_ends_the_timers_that_it_set(system: ActorSystem) -> None:
    async def starting(actor: Any) -> None:
        actor.send_every(1, "tick")
        raise ValueError("no")

    with pytest.raises(StartFailed):
        await system.spawn(Hooked, "a", kwargs={"starting": starting})
    assert timers() == []


async def test_a_start_that_is_cut_ends_the_timers_that_it_set(system: ActorSystem) -> None:
    async def starting(actor: Any) -> None:
        actor.send_every(1, "tick")
        await forever()

    spawning = await begin(system.spawn(Hooked, "a", kwargs={"starting": starting}))
    await system.ref("/a").stop()
    assert timers() == []
    await asyncio.gather(spawning, return_exceptions=True)


async def test_an_init_that_fails_ends_the_timers_that_it_set(system: ActorSystem) -> None:
    class Wrong(Actor):
        def __init__(self) -> None:
            self.send_every(1, "tick")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await system.spawn(Wrong, "a")
    assert timers() == []


async def test_a_timer_of_init_waits_for_the_start_like_other_mail(system: ActorSystem) -> None:
    class Early(Clock):
        def __init__(self) -> None:
            super().__init__()
            self.send_every(1, "tick")

        async def on_start(self) -> None:
            await asyncio.sleep(3.5)

    await system.spawn(Early, "clock")
    await settle()
    assert behaviour(system, "/clock", Early).ticks == [("tick", 3.5)]


async def test_a_shutdown_leaves_no_timer() -> None:
    async with ActorSystem() as system:
        _, clock = await spawn_clock(system)
        for n in range(10):
            clock.send_every(n + 1, n)
        assert len(timers()) == 10
    await settle()
    assert timers() == []
