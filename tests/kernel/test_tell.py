"""Telling: order, slots, fairness, and what reaches whom."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from aplay_host.kernel import Actor, ActorRef, ActorSystem

from .actors import Gate, Recorder, Runner, behaviour, check_account, counts_of, settle


async def test_messages_are_handled_in_the_order_in_which_they_were_told(
    system: ActorSystem,
) -> None:
    seen: list[Any] = []
    ref = await system.spawn(Recorder, "a", kwargs={"seen": seen})
    for n in range(100):
        if n % 2:
            ref.tell_nowait(n)
        else:
            await ref.tell(n)
    await settle()
    assert seen == list(range(100))
    assert counts_of(ref.status()) == (100, 100, 0, 0, 0, 0)


async def test_a_handler_never_runs_inside_the_senders_tell(system: ActorSystem) -> None:
    seen: list[Any] = []
    ref = await system.spawn(Recorder, "a", kwargs={"seen": seen})
    ref.tell_nowait(1)
    await ref.tell(2)
    assert seen == []
    await settle()
    assert seen == [1, 2]


async def test_none_is_a_message_like_any_other(system: ActorSystem) -> None:
    seen: list[Any] = []
    ref = await system.spawn(Recorder, "a", kwargs={"seen": seen})
    await ref.tell(None)
    await settle()
    assert seen == [None]


async def test_one_message_at_a_time_is_the_rule(system: ActorSystem) -> None:
    ref = await system.spawn(Gate, "a")
    gate = behaviour(system, "/a", Gate)
    for n in range(3):
        ref.tell_nowait(n)
    await settle()
    assert gate.begun == [0]
    assert counts_of(ref.status()) == (3, 0, 0, 0, 2, 1)


if sys.version_info >= (3, 12):

    async def test_an_eager_task_factory_runs_no_handler_inside_the_senders_tell(
        system: ActorSystem,
    ) -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        seen: list[Any] = []
        ref = await system.spawn(Recorder, "a", kwargs={"seen": seen})
        ref.tell_nowait(1)
        await ref.tell(2)
        assert seen == []
        assert await ref.ask(3) == 3
        assert seen == [1, 2, 3]
        asyncio.get_running_loop().set_task_factory(None)


async def test_three_slots_run_three_in_order_and_a_freed_slot_takes_the_next(
    system: ActorSystem,
) -> None:
    begun: list[str] = []
    ends = {name: asyncio.Event() for name in "abcde"}

    class Slots(Actor):
        async def msg_handler(self, msg: str) -> None:
            begun.append(msg)
            await ends[msg].wait()

    ref = await system.spawn(Slots, "slots", max_tasks=3)
    for name in "abcde":
        ref.tell_nowait(name)
    await settle()
    assert begun == ["a", "b", "c"]
    assert counts_of(ref.status()) == (5, 0, 0, 0, 2, 3)
    ends["b"].set()
    await settle()
    assert begun == ["a", "b", "c", "d"]
    assert counts_of(ref.status()) == (5, 1, 0, 0, 1, 3)
    for end in ends.values():
        end.set()
    await settle()
    assert begun == ["a", "b", "c", "d", "e"]
    assert counts_of(ref.status()) == (5, 5, 0, 0, 0, 0)


async def test_an_error_fails_its_message_and_the_next_is_handled(system: ActorSystem) -> None:
    done: list[int] = []

    class Picky(Actor):
        async def msg_handler(self, msg: int) -> None:
            if msg % 3 == 0:
                raise ValueError(f"no {msg}")
            done.append(msg)

    ref = await system.spawn(Picky, "picky")
    for n in range(30):
        ref.tell_nowait(n)
    await settle()
    assert done == [n for n in range(30) if n % 3]
    assert counts_of(ref.status()) == (30, 20, 10, 0, 0, 0)
    error = ref.status().last_error
    assert error is not None
    assert (error.type, error.text) == ("ValueError", "no 27")
    assert "test_tell.py" in error.where
    assert error.where.endswith("in msg_handler")


async def test_a_handler_that_is_cancelled_by_somebody_else_fails_and_the_actor_goes_on(
    system: ActorSystem,
) -> None:
    done: list[str] = []

    async def cancel_myself(_: Actor) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(1)
        done.append("the rest of the cancelled one")

    async def await_a_cancelled_task(_: Actor) -> None:
        inner = asyncio.create_task(asyncio.sleep(1))
        inner.cancel()
        await inner

    async def next_one(_: Actor) -> None:
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0  # another message's cancellation is none of its business
        done.append("next")

    ref = await system.spawn(Runner, "a")
    for job in (cancel_myself, next_one, await_a_cancelled_task, next_one):
        ref.tell_nowait(job)
    await settle()
    assert done == ["next", "next"]
    assert counts_of(ref.status()) == (4, 2, 2, 0, 0, 0)


async def test_an_error_without_a_text_harms_nobody(system: ActorSystem) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    seen: list[Any] = []

    class Raising(Recorder):
        async def msg_handler(self, msg: Any) -> None:
            seen.append(msg)
            raise Mute

    ref = await system.spawn(Raising, "a")
    for n in range(3):
        ref.tell_nowait(n)
    await settle()
    assert seen == [0, 1, 2]
    assert counts_of(ref.status()) == (3, 0, 3, 0, 0, 0)
    error = ref.status().last_error
    assert error is not None
    assert error.type.endswith("Mute")
    assert "RuntimeError" in error.text


async def test_an_actor_may_tell_itself(system: ActorSystem) -> None:
    ref = await system.spawn(Runner, "a")
    left = [5]

    async def again(actor: Actor) -> None:
        left[0] -= 1
        if left[0]:
            await actor.ref().tell(again)

    ref.tell_nowait(again)
    await settle()
    assert left == [0]
    assert counts_of(ref.status()) == (5, 5, 0, 0, 0, 0)


@pytest.mark.real_time
async def test_another_thread_wakes_the_actor_through_the_loop(system: ActorSystem) -> None:
    arrived = asyncio.Event()

    async def job(_: Actor) -> None:
        arrived.set()

    ref = await system.spawn(Runner, "a")
    loop = asyncio.get_running_loop()
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(ref.tell_nowait, job))
    thread.start()
    await asyncio.wait_for(arrived.wait(), 10)
    thread.join()


# What others get of the loop while an actor is busy


def turns(monkeypatch: pytest.MonkeyPatch, system: ActorSystem) -> Callable[[float], None]:
    """Return a function that lets the kernel's clock run on, as a handler that computes does."""
    spent = [0.0]
    monkeypatch.setattr(system, "clock", lambda: spent[0])

    def spend(seconds: float) -> None:
        spent[0] += seconds

    return spend


async def flood(ref: ActorRef, handled: list[int], count: int) -> list[int]:
    """Tell `count` messages; return how many were handled between two turns of the loop."""
    for n in range(count):
        ref.tell_nowait(n)
    shares, before = [], 0
    while before < count:
        await asyncio.sleep(0)
        shares.append(len(handled) - before)
        before = len(handled)
    return [share for share in shares if share]


class Busy(Actor):
    def __init__(self, handled: list[int], seconds: float, spend: Callable[[float], None]) -> None:
        self.handled, self.seconds, self.spend = handled, seconds, spend

    async def msg_handler(self, msg: int) -> None:
        self.handled.append(msg)
        self.spend(self.seconds)


async def test_two_busy_actors_take_turns_of_64_messages_or_little_more(
    system: ActorSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    spend = turns(monkeypatch, system)
    handled: list[int] = []
    kwargs = {"handled": handled, "seconds": 0.0, "spend": spend}
    ref = await system.spawn(Busy, "busy", kwargs=kwargs)
    blocked = await system.spawn(Gate, "blocked")
    blocked.tell_nowait("holds an activation")
    await settle()
    shares = await flood(ref, handled, 500)
    assert all(share <= 64 + 16 for share in shares)
    assert len(shares) >= 500 // 80


async def test_a_lone_busy_actor_keeps_the_loop_for_a_thousand_messages_at_most(
    system: ActorSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    spend = turns(monkeypatch, system)
    handled: list[int] = []
    kwargs = {"handled": handled, "seconds": 0.0, "spend": spend}
    ref = await system.spawn(Busy, "busy", kwargs=kwargs)
    shares = await flood(ref, handled, 5000)
    assert max(shares) <= 1024 + 16


@pytest.mark.parametrize("seconds", [0.00001, 0.0002, 0.0009, 0.003, 0.1])
async def test_slow_handlers_let_the_loop_run_within_5_ms_and_one_message(
    system: ActorSystem, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    spend = turns(monkeypatch, system)
    handled: list[int] = []
    kwargs = {"handled": handled, "seconds": seconds, "spend": spend}
    ref = await system.spawn(Busy, "busy", kwargs=kwargs)
    shares = await flood(ref, handled, 300)
    assert max(shares) * seconds <= 0.005 + seconds


async def test_a_batch_is_counted_exactly_while_it_runs(system: ActorSystem) -> None:
    looks: list[tuple[int, ...]] = []

    async def look(actor: Actor) -> None:
        check_account(system)
        looks.append(counts_of(actor.ref().status()))

    ref = await system.spawn(Runner, "a")
    for _ in range(40):
        ref.tell_nowait(look)
    await settle()
    assert looks == [(40, n, 0, 0, 39 - n, 1) for n in range(40)]
