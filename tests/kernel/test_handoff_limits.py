"""How far hand-off goes: what ends it, what it leaves to others, and what is left of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest

from aplay_host.kernel import (
    Abandoned,
    Actor,
    ActorRef,
    ActorStopped,
    ActorSystem,
    Removed,
    Restarting,
    Stopped,
)
from aplay_host.kernel.handoff import MOST_IN_A_ROW

from .actors import (
    Gate,
    Recorder,
    Runner,
    begin,
    behaviour,
    cell,
    check_account,
    counts_of,
    forever,
    ignore_cancels,
    listen,
    now,
    park_drivers,
    settle,
)
from .test_handoff import is_handed_off, nothing

# Limits


async def test_requests_that_are_handed_on_and_on_are_nested_eight_deep_at_most(
    system: ActorSystem,
) -> None:
    depths: list[int] = []

    class Link(Actor):
        async def msg_handler(self, msg: int) -> int:
            depths.append(self.system.drivers.depth)
            if msg == 0:
                return 0
            below = self.ref(f"/link{msg - 1}")
            return 1 + int(await below.ask(msg - 1))

    await park_drivers(system, 30)
    for n in range(21):
        await system.spawn(Link, f"link{n}")
    assert await system.ref("/link20").ask(20) == 20
    assert max(depths) == (8 if system.handoff else 0)
    assert system.drivers.depth == 0
    check_account(system)


async def test_the_loop_has_its_turn_however_many_requests_there_are(
    system: ActorSystem, handoff: bool
) -> None:
    ref = await system.spawn(Recorder, "a")
    turns: list[int] = []
    requests = 2 * MOST_IN_A_ROW + 200 if handoff else 200

    async def count() -> None:
        while True:
            turns.append(len(behaviour(system, "/a", Recorder).seen))
            await asyncio.sleep(0)

    counting = await begin(count())
    for n in range(requests):
        await ref.ask(n)
    counting.cancel()
    steps = [after - before for before, after in pairwise(turns)]
    assert max(steps) <= (MOST_IN_A_ROW if handoff else 1) + 1
    assert sum(steps) >= (2 * MOST_IN_A_ROW if handoff else 190)


async def test_the_loop_has_its_turn_after_a_millisecond(
    system: ActorSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent = [0.0]
    monkeypatch.setattr(system, "clock", lambda: spent[0])
    done: list[int] = []

    class Slow(Actor):
        async def msg_handler(self, msg: int) -> None:
            done.append(msg)
            spent[0] += 0.0003

    ref = await system.spawn(Slow, "a")
    shares: list[int] = []

    async def count() -> None:
        before = 0
        while True:
            shares.append(len(done) - before)
            before = len(done)
            await asyncio.sleep(0)

    counting = await begin(count())
    for n in range(100):
        await ref.ask(n, timeout=60)
    counting.cancel()
    assert sum(shares) > 90
    assert max(shares) <= 6  # four that are handed off, then one in line and its neighbour


async def test_more_handlers_wait_than_there_are_tasks_to_lend(system: ActorSystem) -> None:
    asking = []
    for n in range(100):
        ref = await system.spawn(Gate, f"gate{n}")
        asking.append(await begin(ref.ask(n, timeout=60)))
    assert len(system.drivers._all) <= 64
    for n in range(100):
        behaviour(system, f"/gate{n}", Gate).opened.set()
    assert await asyncio.gather(*asking) == list(range(100))
    check_account(system)


async def test_tasks_are_lent_again_and_again(system: ActorSystem) -> None:
    ref = await system.spawn(Runner, "a")
    before = set(system.drivers._all)

    async def wait(actor: Actor) -> bool:
        assert is_handed_off(actor) == system.handoff
        await asyncio.sleep(1)
        return True

    for _ in range(50):
        assert await ref.ask(wait)
    assert system.drivers._all == before


async def test_a_class_that_decides_when_to_start_is_asked_first(system: ActorSystem) -> None:
    class Choosy(Recorder):
        def decide_to_start(self) -> bool:
            return False

    ref = await system.spawn(Choosy, "a")
    asking = await begin(ref.ask("later"))
    assert ref.status().pending == 1
    await ref.start()
    assert await asking == "later"


# Verbs on the actor, by its own handler and by others


async def verb_at_once(actor: Actor, verb: str) -> str:
    getattr(actor.ref(), verb)()
    assert counts_of(actor.ref().status()) == (1, 0, 0, 0, 0, 1)
    return "answered"


async def verb_and_wait(actor: Actor, verb: str) -> str:
    getattr(actor.ref(), verb)()
    await asyncio.sleep(1)
    return "answered"


async def wait_and_verb(actor: Actor, verb: str) -> str:
    await asyncio.sleep(1)
    getattr(actor.ref(), verb)()
    return "answered"


@pytest.mark.parametrize("job", [verb_at_once, verb_and_wait, wait_and_verb])
@pytest.mark.parametrize(
    ("verb", "state"), [("stop", "stopped"), ("remove", "removed"), ("restart", "running")]
)
async def test_a_handler_that_ends_its_own_actor_still_answers(
    system: ActorSystem, job: Callable[[Actor, str], Awaitable[str]], verb: str, state: str
) -> None:
    heard = listen(system, Stopped, Removed)
    ref = await system.spawn(Runner, "a")
    instance = behaviour(system, "/a", Runner)
    assert await ref.ask(lambda actor: job(actor, verb)) == "answered"
    await settle()
    assert ref.state == state
    assert [event.reason for event in heard] == ([] if verb == "restart" else [_told(verb)])
    check_account(system)
    assert system.status().handled == 1
    if verb == "restart":
        assert behaviour(system, "/a", Runner) is not instance
        assert await ref.ask(nothing) is None
        assert cell(system, "/a").hands == ()


def _told(verb: str) -> str:
    return {"stop": "stop", "remove": "removed"}[verb]


@pytest.mark.parametrize("verb", ["stop", "remove", "restart"])
async def test_others_wait_for_the_handler_that_was_handed_its_message(
    system: ActorSystem, verb: str
) -> None:
    ref = await system.spawn(Gate, "gate")
    gate = behaviour(system, "/gate", Gate)
    asking = await begin(ref.ask("question", timeout=60))
    loop = asyncio.get_running_loop()
    loop.call_later(3, gate.opened.set)
    await getattr(ref, verb)()
    assert now() == 3.0
    assert await asking == "question"
    check_account(system)


@pytest.mark.parametrize("verb", ["stop", "remove"])
async def test_a_handler_that_takes_too_long_is_cut_off_and_its_asker_told(
    system: ActorSystem, verb: str
) -> None:
    ref = await system.spawn(Runner, "a")
    asking = await begin(ref.ask(forever, timeout=60))
    await getattr(ref, verb)()
    assert now() == 4.0
    with pytest.raises(ActorStopped, match="CancelledError"):
        await asking
    assert system.status().failed == 1
    check_account(system)


async def test_an_abandoned_handler_is_named_with_its_place_and_its_task_not_lent_again(
    system: ActorSystem,
) -> None:
    end = asyncio.Event()
    heard = listen(system, Abandoned)
    ref = await system.spawn(Runner, "a")

    async def stubborn(actor: Actor) -> str:
        await ignore_cancels(end)
        with pytest.raises(ActorStopped):
            await actor.ref().ask(nothing)  # it has no turn any more, so this is no cycle
        return "too late"

    asking = await begin(ref.ask(stubborn, timeout=60))
    await ref.stop()
    (event,) = heard
    assert (event.address, event.task) == ("/a", "/a")
    assert event.line.endswith("in ignore_cancels")
    with pytest.raises(ActorStopped):
        await asking
    assert counts_of(ref.status()) == (1, 0, 1, 0, 0, 0)
    await ref.human_start()
    for _ in range(20):
        assert await ref.ask(nothing) is None
    await ref.stop()
    end.set()
    await settle()
    assert counts_of(ref.status()) == (21, 20, 1, 0, 0, 0)
    assert system.active == 0


async def test_an_abort_in_the_first_step_ends_the_system(system: ActorSystem) -> None:
    ref = await system.spawn(Runner, "a")

    async def abort_and_wait(actor: Actor) -> None:
        actor.system.abort()
        await asyncio.sleep(60)

    with pytest.raises(ActorStopped):
        await ref.ask(abort_and_wait)
    report = await system.shutdown()
    assert now() == 0.0
    assert report.abandoned == ()
    assert system.status().failed == 1
    check_account(system)


# What is left


async def end_in_order(_: ActorRef, system: ActorSystem) -> None:
    await system.shutdown()


async def end_at_once(_: ActorRef, system: ActorSystem) -> None:
    system.abort()
    await system.shutdown()


async def remove_first(ref: ActorRef, system: ActorSystem) -> None:
    ref.remove()
    await system.shutdown()


@pytest.mark.parametrize("end", [end_in_order, end_at_once, remove_first])
async def test_no_task_is_left_when_the_system_has_ended(
    handoff: bool, end: Callable[[ActorRef, ActorSystem], Awaitable[None]]
) -> None:
    before = asyncio.all_tasks()
    async with ActorSystem(handoff=handoff) as system:
        await park_drivers(system)
        ref = await system.spawn(Runner, "a")
        asking = [await begin(ref.ask(nothing)) for _ in range(5)]
        asking.append(await begin(ref.ask(forever)))  # in hand
        asking.append(await begin(ref.ask(nothing)))  # in line
        await end(ref, system)
        await asyncio.gather(*asking, return_exceptions=True)
        assert asyncio.all_tasks() == before
    assert system.active == 0


async def test_a_handler_that_restarts_its_actor_on_error_leaves_no_hand(
    system: ActorSystem,
) -> None:
    heard = listen(system, Restarting)
    ref = await system.spawn(Runner, "a", on_error="restart")

    async def fail_in_the_first_step(_: object) -> None:
        raise ValueError("no")

    for n in range(3):
        with pytest.raises(ValueError, match="no"):
            await ref.ask(fail_in_the_first_step)
        assert cell(system, "/a").hands == ()
        assert ref.state == "restarting"
        assert await ref.ask(nothing) is None  # waits in line for the new instance
        assert len(heard) == n + 1
    check_account(system)
