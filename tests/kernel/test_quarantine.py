"""A crash loop ends: the budget is spent, the actor is failed, and somebody revives it."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Any

import pytest

from aplay_host.kernel import (
    Actor,
    ActorRef,
    ActorStopped,
    ActorSystem,
    Quarantined,
    Restarting,
    Started,
    StartFailed,
)
from aplay_host.kernel.supervision import Backoff

from .actors import (
    EVEN,
    Diarist,
    Hooked,
    Recorder,
    begin,
    cell,
    check_account,
    counts_of,
    listen,
    now,
    settle,
    states,
)

PAUSES = [0.2, 0.4, 0.8, 1.6, 3.2]


class Crasher(Actor):
    """Fails with each message, saying which."""

    async def msg_handler(self, msg: Any) -> None:
        raise ValueError(f"number {msg}")


async def crash(ref: ActorRef, *numbers: int) -> None:
    """Let the actor fail once for each number, as soon as it runs again."""
    for number in numbers:
        ref.tell_nowait(number)
    await asyncio.sleep(20)


async def test_a_crash_loop_ends_after_about_six_seconds(system: ActorSystem) -> None:
    heard = listen(system, Restarting, Started, Quarantined)
    ref = await system.spawn(Crasher, "a", on_error="restart", backoff=EVEN)
    heard.clear()
    await crash(ref, *range(1, 9))
    at = [sum(PAUSES[:number]) for number in range(6)]
    assert [event.time for event in heard if isinstance(event, Restarting)] == pytest.approx(at[:5])
    assert [event.time for event in heard if isinstance(event, Started)] == pytest.approx(at[1:])
    assert [event.restarts for event in heard if isinstance(event, Restarting)] == [1, 2, 3, 4, 5]
    quarantined = heard[-1]
    assert isinstance(quarantined, Quarantined)
    assert quarantined.time == pytest.approx(6.2)
    assert [failure.text for failure in quarantined.history] == [f"number {n}" for n in range(1, 7)]
    assert (ref.state, ref.status().restarts) == ("failed", 5)
    assert counts_of(ref.status()) == (8, 0, 6, 0, 2, 0)
    assert cell(system, "/a").steering is None


async def test_the_jitter_of_a_seeded_system_is_known_beforehand() -> None:
    times: list[list[float]] = []
    for _ in range(2):
        async with ActorSystem(seed=7) as system:
            heard = listen(system, Restarting)
            ref = await system.spawn(Crasher, "a", on_error="restart")
            await crash(ref, *range(6))
            times.append([event.delay for event in heard])
    chance = random.Random(7)
    assert times[0] == times[1] == [Backoff().pause(n, chance) for n in range(1, 6)]
    assert times[0] != pytest.approx(PAUSES)


async def test_the_event_is_told_when_the_actor_is_failed_and_logged_once(
    system: ActorSystem, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []
    ref = await system.spawn(Crasher, "a", on_error="restart", budget={"max": 0})
    system.events.subscribe((Quarantined,), lambda event: seen.append(ref.state))
    with caplog.at_level(logging.ERROR, "aplay_host.kernel"):
        await crash(ref, 1)
    assert seen == ["failed"]
    (line,) = [text for text in caplog.messages if "is failed" in text]
    assert line.startswith("/a is failed")
    assert "ValueError: number 1" in line


async def test_a_start_that_keeps_failing_ends_in_the_same_time(system: ActorSystem) -> None:
    tries: list[float] = []

    async def fail(_: Actor) -> None:
        tries.append(now())
        raise ValueError("no start")

    kwargs = {"starting": fail}
    with pytest.raises(StartFailed):
        await system.spawn(Hooked, "a", kwargs=kwargs, budget={"max": 5}, backoff=EVEN)
    await asyncio.sleep(20)
    assert tries == pytest.approx([sum(PAUSES[:number]) for number in range(6)])
    assert system.ref("/a").state == "failed"


async def test_a_failed_actor_answers_requests_and_keeps_other_mail(system: ActorSystem) -> None:
    ref = await system.spawn(Crasher, "a", on_error="restart", budget={"max": 0})
    ref.tell_nowait(1)
    asking = await begin(ref.ask(2))
    with pytest.raises(ActorStopped, match="failed"):
        await asking
    ref.tell_nowait(3)
    with pytest.raises(ActorStopped, match="it is failed"):
        await ref.ask(4)
    assert counts_of(ref.status()) == (3, 0, 1, 1, 1, 0)
    assert system.dead_letters.counts == {"failed": 1}
    check_account(system)


@pytest.mark.parametrize("revive", ["start", "restart", "human_start", "stop and human_start"])
async def test_whoever_starts_it_clears_the_stamps(system: ActorSystem, revive: str) -> None:
    heard = listen(system, Started)
    ref = await system.spawn(Crasher, "a", on_error="restart", budget={"max": 1}, backoff=EVEN)
    for number in range(2):
        ref.tell_nowait(number)
    await asyncio.sleep(1)
    assert states(system) == {"/a": "failed"}
    for verb in revive.split(" and "):
        await getattr(ref, verb)()
    assert heard[-1].cause == ("revive" if " and " not in revive else "start")
    ref.tell_nowait(2)
    await asyncio.sleep(1)
    assert ref.state == "running"  # it has a restart again
    assert len(cell(system, "/a").stamps) == 1


async def test_restarts_that_are_far_apart_never_spend_the_budget(system: ActorSystem) -> None:
    heard = listen(system, Restarting)
    ref = await system.spawn(Crasher, "a", on_error="restart", backoff=EVEN)
    for number in range(20):
        ref.tell_nowait(number)
        await asyncio.sleep(7)
    assert ref.state == "running"
    assert {event.restarts for event in heard} == {1, 2, 3, 4, 5}


async def test_five_siblings_that_fail_once_each_all_come_back(system: ActorSystem) -> None:
    await system.spawn(Recorder, "p")
    refs = [
        await system.spawn(Crasher, f"c{n}", parent="/p", on_error="restart", budget={"max": 1})
        for n in range(5)
    ]
    for ref in refs:
        ref.tell_nowait(1)
    await asyncio.sleep(1)
    assert {ref.state for ref in refs} == {"running"}
    assert {ref.status().restarts for ref in refs} == {1}


async def test_a_start_said_while_it_is_being_failed_is_not_lost(system: ActorSystem) -> None:
    async def slowly(_: object) -> None:
        await asyncio.sleep(1)

    ref = await system.spawn(
        Hooked, "a", kwargs={"ending": slowly}, on_error="restart", budget={"max": 0}
    )
    cell(system, "/a").fail(ValueError("no"), None)
    await asyncio.sleep(0.5)
    assert ref.state == "restarting"
    await ref.start()
    assert (ref.state, now(), ref.status().restarts) == ("running", 1.0, 1)
    assert cell(system, "/a").stamps == ()


@pytest.mark.parametrize("verb", ["stop", "remove"])
async def test_a_verb_said_while_it_is_being_failed_wins(system: ActorSystem, verb: str) -> None:
    async def slowly(_: object) -> None:
        await asyncio.sleep(1)

    heard = listen(system, Quarantined)
    kwargs = {"ending": slowly}
    ref = await system.spawn(Hooked, "a", kwargs=kwargs, on_error="restart")
    cell(system, "/a").fail(ValueError("no"), None)
    await asyncio.sleep(0.5)
    await getattr(ref, verb)()
    assert states(system) == ({"/a": "stopped"} if verb == "stop" else {})
    await asyncio.sleep(10)
    assert heard == []
    if verb == "stop":
        await ref.human_start()
        assert ref.state == "running"


# Children


async def failed_family(system: ActorSystem, diary: list[str]) -> ActorRef:
    kwargs = {"diary": diary, "children": {"x": {}, "y": {}}}
    ref = await system.spawn(
        Diarist, "p", kwargs=kwargs, on_error="restart", budget={"max": 0}, backoff=EVEN
    )
    await system.ref("/p/y").stop()
    ref.tell_nowait("boom")
    await settle()
    return ref


async def test_children_fail_with_their_parent_keep_their_mail_and_come_back(
    system: ActorSystem,
) -> None:
    diary: list[str] = []
    heard = listen(system, Quarantined, Started)
    ref = await failed_family(system, diary)
    x = system.ref("/p/x")
    assert states(system) == {"/p": "failed", "/p/x": "failed", "/p/y": "stopped"}
    assert [event.address for event in heard if isinstance(event, Quarantined)] == ["/p", "/p/x"]
    assert heard[-1].history[-1].text == "/p is failed, and this actor with it"
    x.tell_nowait("kept")
    with pytest.raises(ActorStopped):
        await x.ask("not kept")
    await asyncio.sleep(100)
    assert states(system)["/p/x"] == "failed"
    diary.clear()
    await ref.start()
    await settle()
    assert states(system) == {"/p": "running", "/p/x": "running", "/p/y": "stopped"}
    assert diary == ["p made", "p start", "x made", "x start", "x kept"]
    assert heard[-1].cause == "revive"
    check_account(system)


async def test_a_child_that_somebody_started_meanwhile_is_left_alone(system: ActorSystem) -> None:
    """It restarts by itself then, and its parent's failure must not meet it half-way."""

    async def slowly(_: object) -> None:
        await asyncio.sleep(1)

    ref = await system.spawn(Hooked, "p", kwargs={"ending": slowly})
    x = await system.spawn(Hooked, "x", parent=ref, kwargs={"ending": slowly}, budget={"max": 5})
    cell(system, "/p").fail(ValueError("no"), None, "restart")
    await asyncio.sleep(1.5)
    assert states(system) == {"/p": "restarting", "/p/x": "restarting"}
    await x.start()  # its parent's on_stop still runs
    cell(system, "/p/x").fail(ValueError("again"), None, "restart")
    await asyncio.sleep(0.7)
    assert states(system) == {"/p": "failed", "/p/x": "restarting"}
    await asyncio.sleep(10)
    assert states(system) == {"/p": "failed", "/p/x": "running"}
    assert cell(system, "/p/x").steering is None


async def test_a_child_that_failed_by_itself_comes_back_when_its_parent_makes_it_again(
    system: ActorSystem,
) -> None:
    diary: list[str] = []
    once = {"on_error": "restart", "budget": {"max": 0}}
    kwargs = {"diary": diary, "children": {"x": once}}
    ref = await system.spawn(Diarist, "p", kwargs=kwargs)
    system.ref("/p/x").tell_nowait("boom")
    await settle()
    assert states(system) == {"/p": "running", "/p/x": "failed"}
    await ref.restart()
    assert states(system) == {"/p": "running", "/p/x": "running"}


async def test_a_removal_of_a_failed_actor_removes_its_failed_children(
    system: ActorSystem,
) -> None:
    ref = await failed_family(system, [])
    system.ref("/p/x").tell_nowait("lost")
    await ref.remove()
    assert system.tree() == []
    assert system.dead_letters.counts == {"removed": 1}
    check_account(system)
