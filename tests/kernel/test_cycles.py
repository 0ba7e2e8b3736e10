"""Waiting in a circle: an ask that could only time out, and an operation that waits for its waiter.

Both are refused at once; what was asked of the lifecycle is done all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from aplay_host.kernel import (
    ActorRef,
    ActorStopped,
    ActorSystem,
    AskCycle,
    AskTimeout,
    SelfWait,
    StartFailed,
)

from .actors import (
    Hooked,
    Job,
    Runner,
    begin,
    check_account,
    counts_of,
    ignore_cancels,
    now,
    settle,
)
from .test_handoff import nothing


def ask(address: str, job: Job = nothing, timeout: float = 60.0) -> Job:
    """Return a job that asks the actor at `address` to do `job`."""

    async def ask_it(actor: Any) -> Any:
        return await actor.ref(address).ask(job, timeout=timeout)

    return ask_it


async def spawn_runners(system: ActorSystem, names: str, **settings: Any) -> list[ActorRef]:
    return [await system.spawn(Runner, name, **settings) for name in names]


async def result_of(ref: ActorRef, job: Job, verb: str) -> Any:
    """Have the actor do `job`, told or asked, and return its result or its error."""
    ended: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def note(actor: Any) -> None:
        try:
            ended.set_result(await job(actor))
        except Exception as error:
            ended.set_result(error)

    await getattr(ref, verb)(note)
    return await ended


# Cycles of asks


@pytest.mark.parametrize("verb", ["tell", "ask"])
async def test_asking_oneself_is_refused_at_once(system: ActorSystem, verb: str) -> None:
    (ref,) = await spawn_runners(system, "a")
    error = await result_of(ref, ask("/a"), verb)
    assert isinstance(error, AskCycle)
    assert error.chain == ("/a", "/a")
    assert str(error) == "/a -> /a: /a cannot answer before this handler has ended"
    assert now() == 0.0
    await settle()
    assert counts_of(ref.status()) == (1, 1, 0, 0, 0, 0)  # the refused one had no place in line


@pytest.mark.parametrize("verb", ["tell", "ask"])
async def test_a_circle_of_three_is_refused_and_names_the_chain(
    system: ActorSystem, verb: str
) -> None:
    ref, *_ = await spawn_runners(system, "abc")
    error = await result_of(ref, ask("/b", ask("/c", ask("/a"))), verb)
    assert isinstance(error, AskCycle)
    assert error.chain == ("/a", "/b", "/c", "/a")
    assert now() == 0.0
    check_account(system)


async def test_a_circle_is_found_after_each_of_them_has_waited(system: ActorSystem) -> None:
    def later(job: Job) -> Job:
        async def wait(actor: Any) -> Any:
            await asyncio.sleep(1)
            return await job(actor)

        return wait

    ref, *_ = await spawn_runners(system, "abc")
    with pytest.raises(AskCycle) as caught:
        await ref.ask(later(ask("/b", later(ask("/c", later(ask("/b")))))), timeout=60)
    assert caught.value.chain == ("/a", "/b", "/c", "/b")
    assert now() == 3.0


async def test_a_second_slot_takes_the_request_and_a_third_round_is_refused(
    system: ActorSystem,
) -> None:
    ref, _ = await spawn_runners(system, "ab", max_tasks=2)
    assert await ref.ask(ask("/a")) is None
    assert await ref.ask(ask("/b", ask("/a"))) is None
    with pytest.raises(AskCycle) as caught:
        await ref.ask(ask("/b", ask("/a", ask("/b", ask("/a")))))
    assert caught.value.chain == ("/a", "/b", "/a", "/b", "/a")
    assert now() == 0.0
    check_account(system)


async def test_a_diamond_is_no_circle(system: ActorSystem) -> None:
    async def both(actor: Any) -> list[Any]:
        return [await actor.ref(f"/{name}").ask(ask("/d")) for name in "bc"]

    ref, *_ = await spawn_runners(system, "abcd")
    assert await ref.ask(both) == [None, None]


@pytest.mark.parametrize("verb", ["tell", "ask"])
async def test_a_task_begun_in_a_handler_that_has_ended_is_in_no_circle(
    system: ActorSystem, verb: str
) -> None:
    tasks: list[asyncio.Task[Any]] = []

    async def later(ref: ActorRef) -> Any:
        await asyncio.sleep(1)
        return await ref.ask(nothing)

    async def leave_a_task(actor: Any) -> None:
        tasks.append(asyncio.create_task(later(actor.ref())))

    (ref,) = await spawn_runners(system, "a")
    await getattr(ref, verb)(leave_a_task)
    await settle()
    assert await tasks[0] is None
    assert now() == 1.0


async def test_a_task_that_a_request_waits_for_is_in_the_circle(system: ActorSystem) -> None:
    async def gather(actor: Any) -> Any:
        return await asyncio.gather(actor.ref().ask(nothing), asyncio.sleep(0))

    (ref,) = await spawn_runners(system, "a")
    with pytest.raises(AskCycle):
        await ref.ask(gather)
    assert now() == 0.0


@pytest.mark.parametrize("verb", ["tell", "ask"])
async def test_an_owned_task_is_in_no_circle(system: ActorSystem, verb: str) -> None:
    answers: list[Any] = []

    async def work(actor: Any) -> None:
        answers.append(await actor.ref().ask(nothing, timeout=60))

    async def own_a_task(actor: Any) -> None:
        actor.create_task(work(actor))
        await asyncio.sleep(1)  # the actor is busy meanwhile, and the task's request waits

    (ref,) = await spawn_runners(system, "a")
    await getattr(ref, verb)(own_a_task)
    await asyncio.sleep(1)
    await settle()
    assert answers == [None]
    assert ref.status().failed == 0


@pytest.mark.parametrize("verb", ["tell", "ask"])
async def test_who_waits_no_longer_is_in_no_circle(system: ActorSystem, verb: str) -> None:
    answers: list[Any] = []

    async def ask_back(actor: Any) -> None:
        await asyncio.sleep(1)
        answers.append(await actor.ref("/a").ask(nothing, timeout=60))

    async def give_up(actor: Any) -> None:
        asking = await begin(actor.ref("/b").ask(ask_back, timeout=60))
        asking.cancel()
        await asyncio.sleep(3)

    a, _ = await spawn_runners(system, "ab")
    await getattr(a, verb)(give_up)
    await asyncio.sleep(4)
    assert answers == [None]
    assert system.status().failed == 0


async def test_a_handler_that_was_left_behind_is_in_no_circle(system: ActorSystem) -> None:
    end = asyncio.Event()
    answers: list[Any] = []

    async def stubborn(actor: Any) -> None:
        await ignore_cancels(end)
        answers.append(await actor.ref().ask(nothing))

    (ref,) = await spawn_runners(system, "a")
    for verb in (ref.tell, ref.ask):
        end.clear()
        waiting = await begin(verb(stubborn))
        await ref.restart()
        end.set()
        await asyncio.gather(waiting, return_exceptions=True)
        await settle()
    assert answers == [None, None]


async def test_a_start_hook_that_asks_its_own_actor_is_a_circle(system: ActorSystem) -> None:
    with pytest.raises(StartFailed, match="AskCycle: /a -> /a"):
        await system.spawn(Hooked, "a", kwargs={"starting": ask("/a")})
    assert now() == 0.0


async def test_a_parent_that_asks_a_child_which_asks_back_is_a_circle(
    system: ActorSystem,
) -> None:
    async def make_and_ask(actor: Any) -> None:
        child = await actor.spawn(Runner, "child")
        await child.ask(ask("/a"))

    with pytest.raises(StartFailed, match="AskCycle: /a -> /a/child -> /a"):
        await system.spawn(Hooked, "a", kwargs={"starting": make_and_ask})
    assert now() == 0.0


async def test_equal_addresses_of_two_systems_are_no_circle(system: ActorSystem) -> None:
    async with ActorSystem("other") as other:
        ours, theirs = [(await spawn_runners(one, "a"))[0] for one in (system, other)]

        async def ask_theirs(_: object) -> Any:
            return await theirs.ask(nothing)

        assert await ours.ask(ask_theirs) is None


async def test_a_system_opened_in_a_handler_is_not_part_of_its_turn(system: ActorSystem) -> None:
    answers: list[Any] = []

    async def slowly(_: object) -> str:
        await asyncio.sleep(10)
        return "in its own time"

    async def open_another(_: object) -> None:
        async with ActorSystem("inner") as inner:
            work, ask_it = await spawn_runners(inner, "ab")

            async def own_a_task(actor: Any) -> None:
                async def task() -> None:
                    answers.append(await work.ask(slowly, timeout=60))

                actor.create_task(task())

            await ask_it.ask(own_a_task)
            await asyncio.sleep(11)

    (ref,) = await spawn_runners(system, "a")
    with pytest.raises(AskTimeout):
        await ref.ask(open_another, timeout=3)
    await asyncio.sleep(10)
    assert answers == ["in its own time"]


async def test_a_time_out_names_those_who_wait(system: ActorSystem) -> None:
    async def sleep(_: object) -> None:
        await asyncio.sleep(60)

    ref, *_ = await spawn_runners(system, "abc")
    with pytest.raises(AskTimeout, match=r"from /c within 2 s.*asked by /a -> /b\b"):
        await ref.ask(ask("/b", ask("/c", sleep, timeout=2.0)), timeout=60)


# Operations that wait for whoever waits for them

STATES = {
    "stop": "stopped",
    "remove": "removed",
    "restart": "running",
    "start": "running",
    "human_start": "running",
}


def wait_for(verb: str, address: str) -> Job:
    async def job(actor: Any) -> None:
        await getattr(actor.ref(address), verb)()

    return job


@pytest.mark.parametrize("how", ["tell", "ask"])
@pytest.mark.parametrize("address", ["/a", "/a/b"], ids=["ancestor", "self"])
@pytest.mark.parametrize("verb", ["stop", "remove", "restart"])
async def test_an_operation_on_oneself_or_an_ancestor_is_not_awaited_and_goes_on(
    system: ActorSystem, verb: str, address: str, how: str
) -> None:
    class Parent(Runner):
        async def on_start(self) -> None:
            if not self.children:
                await self.spawn(Runner, "b")

    await system.spawn(Parent, "a")
    target = system.ref(address)
    error = await result_of(system.ref("/a/b"), wait_for(verb, address), how)
    assert isinstance(error, SelfWait)
    assert str(error).startswith(f"/a/b waits in a handler for an operation on {address}")
    assert now() == 0.0
    await settle(60)
    assert target.state == STATES[verb]
    restarted = system.status().restarts if target.state == "removed" else target.status().restarts
    assert restarted == (1 if verb == "restart" else 0)


async def test_whoever_is_asked_does_not_wait_for_an_operation_on_the_asker(
    system: ActorSystem,
) -> None:
    a, _, _ = await spawn_runners(system, "abc")
    with pytest.raises(SelfWait, match="/a waits in a handler for an operation on /a"):
        await a.ask(ask("/b", ask("/c", wait_for("stop", "/a"))), timeout=60)
    await settle()
    assert a.state == "stopped"
    assert now() == 0.0


@pytest.mark.parametrize("verb", ["start", "human_start"])
async def test_a_start_that_has_nothing_to_do_may_be_awaited(
    system: ActorSystem, verb: str
) -> None:
    (ref,) = await spawn_runners(system, "a")
    assert await ref.ask(wait_for(verb, "/a")) is None


@pytest.mark.parametrize("verb", sorted(STATES))
async def test_a_start_hook_does_not_wait_for_its_own_actor(system: ActorSystem, verb: str) -> None:
    errors: list[Exception] = []

    async def starting(actor: Any) -> None:
        try:
            await getattr(actor.ref(), verb)()
        except SelfWait as error:
            errors.append(error)

    spawning = await begin(system.spawn(Hooked, "a", kwargs={"starting": starting}))
    await asyncio.gather(spawning, return_exceptions=True)
    await settle()
    assert len(errors) == 1
    assert system.ref("/a").state == STATES[verb]


@pytest.mark.parametrize("verb", ["stop", "remove", "restart"])
async def test_operations_on_others_are_awaited(system: ActorSystem, verb: str) -> None:
    a, b = await spawn_runners(system, "ab")
    await system.spawn(Runner, "child", parent=a)
    await a.ask(wait_for(verb, "/b"))
    await a.ask(wait_for(verb, "/a/child"))
    assert b.state == system.ref("/a/child").state == STATES[verb]


async def test_an_owned_task_may_wait_for_the_end_of_its_actor(system: ActorSystem) -> None:
    seen: list[type[BaseException]] = []

    async def wait(ref: ActorRef) -> None:
        try:
            await ref.stop()
        except BaseException as error:
            seen.append(type(error))
            raise

    async def own_a_task(actor: Any) -> None:
        actor.create_task(wait(actor.ref()))

    (ref,) = await spawn_runners(system, "a")
    await ref.ask(own_a_task)
    await settle()
    assert ref.state == "stopped"
    assert seen == [asyncio.CancelledError]  # it ended with the actor, as all owned tasks do


async def test_an_operation_that_is_over_may_be_awaited_anywhere(system: ActorSystem) -> None:
    async def look(actor: Any) -> str:
        await restarted
        return "fine"

    (ref,) = await spawn_runners(system, "a")
    restarted = ref.restart()
    await restarted
    assert await ref.ask(look) == "fine"


@pytest.mark.parametrize("leave", [lambda ref: ref.stop(), lambda ref: ref.remove()])
async def test_an_operation_that_nobody_awaits_is_done(
    system: ActorSystem, leave: Callable[[ActorRef], object]
) -> None:
    async def leave_it(actor: Any) -> str:
        leave(actor.ref())
        return "answered"

    (ref,) = await spawn_runners(system, "a")
    assert await ref.ask(leave_it) == "answered"
    with pytest.raises(ActorStopped):
        await ref.ask(nothing)


@pytest.mark.parametrize("slots", [1, 3])
async def test_an_actor_that_asks_itself_before_it_has_started_is_told_of_the_cycle(
    system: ActorSystem, slots: int
) -> None:
    told: list[tuple[str, ...]] = []

    async def ask_oneself(actor: Any) -> None:
        with pytest.raises(AskCycle) as caught:
            await actor.ref().ask(nothing)
        told.append(caught.value.chain)

    await system.spawn(Hooked, "a", kwargs={"starting": ask_oneself}, max_tasks=slots)
    assert (told, now()) == ([("/a", "/a")], 0.0)


async def test_a_handler_that_asks_its_own_next_instance_is_told_of_the_cycle(
    system: ActorSystem,
) -> None:
    async def restart_and_ask(actor: Any) -> None:
        ref = actor.ref()
        ref.restart()
        with pytest.raises(AskCycle):
            await ref.ask(nothing)

    ref = await system.spawn(Runner, "a", max_tasks=3)
    await ref.ask(restart_and_ask)
    assert now() == 0.0
