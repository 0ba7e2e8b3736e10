"""A failure that becomes the parent's, and on to the top, which never fails."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aplay_host.kernel import (
    ActorRef,
    ActorSystem,
    Escalated,
    MessageFailed,
    Quarantined,
    Restarting,
)

from .actors import (
    EVEN,
    Diarist,
    Hooked,
    begin,
    behaviour,
    cell,
    check_account,
    listen,
    now,
    settle,
    states,
)


async def family(system: ActorSystem, diary: list[str], **settings: Any) -> ActorRef:
    """Spawn ``/p`` with the escalating child ``/p/x``; return the child."""
    kwargs = {"diary": diary, "children": {"x": {"on_error": "escalate"}}}
    await system.spawn(Diarist, "p", kwargs=kwargs, **{"backoff": EVEN, **settings})
    diary.clear()
    return system.ref("/p/x")


@pytest.fixture
def diary() -> list[str]:
    return []


@pytest.mark.parametrize("on_error", ["resume", "stop", "restart", {Escalated: "resume"}])
async def test_the_parent_restarts_and_takes_the_child_with_it(
    system: ActorSystem, diary: list[str], on_error: Any
) -> None:
    ref = await family(system, diary, on_error=on_error)
    heard = listen(system, MessageFailed, Restarting)
    ref.tell_nowait("boom")
    ref.tell_nowait("kept")
    await asyncio.sleep(1)
    assert diary == [
        *("x boom", "x stop: restart", "p stop: restart"),
        *("p made", "p start", "x made", "x start", "x kept"),
    ]
    child, parent, restarting = heard
    assert (child.address, child.directive) == ("/p/x", "escalate")
    assert (parent.address, parent.directive, parent.message_type) == ("/p", "restart", None)
    assert isinstance(parent.error, Escalated)
    assert (parent.error.address, str(parent.error.error)) == ("/p/x", "boom")
    assert (restarting.address, restarting.error.type) == ("/p", "Escalated")
    assert len(cell(system, "/p").stamps) == 1
    assert cell(system, "/p/x").stamps == ()  # it is charged to the parent
    check_account(system)


async def test_the_child_is_paused_while_the_parent_finishes(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await family(system, diary)

    async def work(actor: Diarist) -> None:
        await asyncio.sleep(2)
        actor.note("worked")

    system.ref("/p").tell_nowait(work)
    ref.tell_nowait("boom")
    await settle()
    assert (ref.state, system.ref("/p").state) == ("paused", "restarting")
    asking = await begin(ref.ask("asked", timeout=60))
    ref.tell_nowait("told")
    await asyncio.sleep(1)
    assert diary == ["x boom"]
    assert not asking.done()
    assert await asking == "asked"
    await settle()
    assert (now(), diary[1], diary[-2:]) == (2.2, "p worked", ["x asked", "x told"])


@pytest.mark.parametrize("verb", ["stop", "remove", "restart"])
async def test_a_verb_to_a_paused_child_is_obeyed(
    system: ActorSystem, diary: list[str], verb: str
) -> None:
    ref = await family(system, diary)

    async def work(_: object) -> None:
        await asyncio.sleep(2)

    system.ref("/p").tell_nowait(work)
    ref.tell_nowait("boom")
    await settle()
    assert ref.state == "paused"
    await getattr(ref, verb)()
    assert now() == 0.0
    await asyncio.sleep(10)
    expected = {"/p": "running", "/p/x": "stopped" if verb == "stop" else "running"}
    assert states(system) == expected


async def test_each_escalation_is_charged_to_the_parents_budget(
    system: ActorSystem, diary: list[str]
) -> None:
    heard = listen(system, Quarantined)
    ref = await family(system, diary, budget={"max": 2})
    for _ in range(3):
        ref.tell_nowait("boom")
    await asyncio.sleep(10)
    assert states(system) == {"/p": "failed", "/p/x": "failed"}
    assert [event.address for event in heard] == ["/p", "/p/x"]


async def test_two_children_that_escalate_at_once_restart_the_parent_once(
    system: ActorSystem, diary: list[str]
) -> None:
    children = {"x": {"on_error": "escalate"}, "y": {"on_error": "escalate"}}
    kwargs = {"diary": diary, "children": children}
    await system.spawn(Diarist, "p", kwargs=kwargs, backoff=EVEN)
    heard = listen(system, Restarting)
    for name in children:
        system.ref(f"/p/{name}").tell_nowait("boom")
    await asyncio.sleep(5)
    assert set(states(system).values()) == {"running"}
    assert len(heard) == 1


async def test_a_child_that_escalates_to_a_restarting_parent_handles_nothing_more(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await family(system, diary)

    async def work(_: object) -> None:
        await asyncio.sleep(2)

    parent = system.ref("/p")
    parent.tell_nowait(work)
    await settle()
    parent.restart()
    for message in ("boom", "kept"):
        ref.tell_nowait(message)
    await asyncio.sleep(1)
    assert diary == ["x boom", "x stop: restart"]
    await asyncio.sleep(2)
    assert diary[-2:] == ["x start", "x kept"]
    assert cell(system, "/p").stamps == ()


async def test_a_parent_that_escalates_in_turn_takes_it_further_up(
    system: ActorSystem, diary: list[str]
) -> None:
    inner = {"on_error": "escalate"}
    await system.spawn(Diarist, "top", kwargs={"diary": diary}, backoff=EVEN)
    for parent, name in (("/top", "p"), ("/top/p", "x")):
        await system.spawn(Diarist, name, parent=parent, kwargs={"diary": diary}, **inner)
    for address in ("/top/p", "/top/p/x"):
        cell(system, address).planned = True
    diary.clear()
    system.ref("/top/p/x").tell_nowait("boom")
    await asyncio.sleep(1)
    assert [line for line in diary if "st" in line] == [
        *("x stop: restart", "p stop: restart", "top stop: restart"),
        *("top start", "p start", "x start"),
    ]
    assert set(states(system).values()) == {"running"}
    assert len(cell(system, "/top").stamps) == 1
    assert cell(system, "/top/p").stamps == ()


async def test_at_the_root_the_top_level_child_becomes_failed_with_its_subtree(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await family(system, diary, on_error="escalate")
    await system.spawn(Hooked, "other")
    ref.tell_nowait("boom")
    await settle()
    assert states(system) == {"/p": "failed", "/p/x": "failed", "/other": "running"}
    assert diary == ["x boom", "x stop: restart", "p stop: restart"]
    assert system.ref("/").state == "running"
    await asyncio.sleep(100)
    assert states(system)["/p"] == "failed"
    await system.ref("/p").start()
    assert set(states(system).values()) == {"running"}


async def test_a_top_level_actor_that_escalates_becomes_failed(system: ActorSystem) -> None:
    ref = await system.spawn(Diarist, "a", kwargs={"diary": []}, on_error="escalate")
    old = behaviour(system, "/a", Diarist)
    ref.tell_nowait("boom")
    await settle()
    assert ref.state == "failed"
    await ref.start()
    assert behaviour(system, "/a", Diarist) is not old


async def test_under_a_parent_that_a_person_holds_the_child_becomes_failed(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await family(system, diary)
    await system.ref("/p").stop()
    ref.tell_nowait("boom")
    await settle()
    assert states(system) == {"/p": "stopped", "/p/x": "failed"}


async def test_a_child_whose_parent_is_stopped_before_it_can_restart_becomes_failed(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await family(system, diary)
    ref.tell_nowait("boom")
    system.events.subscribe((Restarting,), lambda event: system.ref("/p").stop())
    await settle()
    assert states(system) == {"/p": "stopped", "/p/x": "failed"}
    await asyncio.sleep(100)
    assert states(system) == {"/p": "stopped", "/p/x": "failed"}


async def test_a_temporary_parent_is_removed_by_an_escalation(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await family(system, diary, restart="temporary")
    ref.tell_nowait("boom")
    await asyncio.sleep(1)
    assert system.tree() == []


async def test_a_child_that_escalates_during_its_parents_start_makes_that_start_fail(
    system: ActorSystem,
) -> None:
    tries: list[int] = []

    class Parent(Diarist):
        async def on_start(self) -> None:
            tries.append(1)
            kwargs = {"diary": self.diary}
            child = await self.spawn(Diarist, "x", kwargs=kwargs, on_error="escalate")
            if len(tries) == 1:
                child.tell_nowait("boom")
            await asyncio.sleep(1)

    diary: list[str] = []
    spawning = await begin(system.spawn(Parent, "p", kwargs={"diary": diary}, backoff=EVEN))
    await asyncio.sleep(10)
    assert spawning.exception() is not None
    assert states(system) == {"/p": "running", "/p/x": "running"}
    assert len(tries) == 2
