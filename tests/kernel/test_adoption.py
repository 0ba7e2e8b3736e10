"""What becomes of an actor's children when it gets a new instance."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aplay_host.kernel import (
    Actor,
    ActorSpec,
    ActorSystem,
    Address,
    NameTaken,
    Removed,
    StartFailed,
    TreeNode,
    TreePlan,
)

from .actors import (
    Diarist,
    Hooked,
    Recorder,
    Runner,
    begin,
    behaviour,
    cell,
    check_account,
    forever,
    listen,
    now,
    settle,
    spawn_parent,
    states,
)


@pytest.fixture
def diary() -> list[str]:
    return []


async def test_children_stop_before_their_parent_in_reverse_order_and_are_adopted(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await spawn_parent(system, diary)
    x, removed = system.ref("/p/x"), listen(system, Removed)
    old = behaviour(system, "/p/x", Diarist)
    ref.tell_nowait("boom")
    await settle()
    assert diary == ["p boom", "y stop: restart", "x stop: restart", "p stop: restart"]
    assert set(states(system).values()) == {"restarting"}
    x.tell_nowait("kept")
    asking = await begin(x.ask("asked"))
    assert await asking == "asked"
    await settle()
    assert diary[4:] == [
        *("p made", "p start", "x made", "x start", "x kept", "x asked"),
        *("y made", "y start"),
    ]
    assert set(states(system).values()) == {"running"}
    assert removed == []
    assert behaviour(system, "/p/x", Diarist) is not old
    assert (x.status().restarts, ref.status().children) == (1, ("/p/x", "/p/y"))
    assert cell(system, "/p/x").stamps == ()  # nothing is charged to the children
    check_account(system)


async def test_an_adopted_child_has_the_settings_of_its_new_life(
    system: ActorSystem, diary: list[str]
) -> None:
    children: dict[str, dict[str, Any]] = {
        "x": {"mailbox": {"capacity": 1, "overflow": "wait"}, "stop_timeout": 1.0},
        "y": {},
    }
    ref = await spawn_parent(system, diary, children)
    x = system.ref("/p/x")
    ref.tell_nowait("boom")
    await settle()
    x.tell_nowait("one")
    waiting = await begin(x.tell("two"))
    assert not waiting.done()
    children["x"] = {"mailbox": {"capacity": 10}, "max_tasks": 2}
    children["y"] = {"mailbox": {"capacity": 5}}
    await ref.start()
    await waiting
    spec = cell(system, "/p/x").spec
    assert (spec.max_tasks, spec.mailbox.capacity, spec.stop_timeout) == (2, 10, 5.0)
    await settle()
    assert [line for line in diary if line in ("x one", "x two")] == ["x one", "x two"]
    assert (cell(system, "/p/x").limit, cell(system, "/p/y").limit) == (0, 5)
    check_account(system)


async def test_children_not_made_again_are_removed(system: ActorSystem, diary: list[str]) -> None:
    children: dict[str, dict[str, Any]] = {"x": {}, "y": {}}
    ref = await spawn_parent(system, diary, children)
    del children["x"]
    system.ref("/p/x").tell_nowait("boom")
    await ref.restart()
    system.ref("/p/y").tell_nowait("kept")
    await settle()
    assert states(system) == {"/p": "running", "/p/y": "running"}
    assert "y kept" in diary
    check_account(system)


async def test_a_child_of_another_class_is_name_taken(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await spawn_parent(system, diary)

    class Rival(Runner):
        async def on_start(self) -> None:
            await self.spawn(Recorder, "x")

    cell(system, "/p").spec = ActorSpec.of(Rival)
    with pytest.raises(StartFailed, match="NameTaken: /p/x exists already"):
        await ref.restart()
    assert states(system) == {"/p": "restarting", "/p/x": "restarting", "/p/y": "restarting"}


async def test_a_child_of_the_same_life_is_name_taken(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await spawn_parent(system, diary)
    await ref.restart()
    with pytest.raises(NameTaken):
        await system.spawn(Diarist, "x", parent="/p", kwargs={"diary": diary})


async def test_a_child_that_is_being_removed_is_not_adopted(
    system: ActorSystem, diary: list[str]
) -> None:
    end = asyncio.Event()

    async def busy(_: Actor) -> None:
        await end.wait()

    ref = await spawn_parent(system, diary)
    system.ref("/p/x").tell_nowait(busy)
    await settle()
    system.ref("/p/x").remove()
    with pytest.raises(StartFailed, match="NameTaken"):
        await ref.restart()
    end.set()
    await asyncio.sleep(1)
    assert states(system) == {"/p": "running", "/p/x": "running", "/p/y": "running"}


async def test_planned_children_come_back_of_themselves(
    system: ActorSystem, diary: list[str]
) -> None:
    nodes = []
    for address in ("/p", "/p/x", "/p/x/deep", "/p/y"):
        place = Address(address)
        spec = ActorSpec.of(Diarist, kwargs={"diary": diary})
        nodes.append(TreeNode(place, spec))
    await system.plant(TreePlan(tuple(nodes)))
    await system.spawn(Recorder, "guest", parent="/p")
    diary.clear()
    await system.ref("/p").restart()
    assert [line for line in diary if "start" in line or "stop" in line] == [
        *("y stop: restart", "deep stop: restart", "x stop: restart", "p stop: restart"),
        *("p start", "x start", "deep start", "y start"),
    ]
    assert set(states(system)) == {"/p", "/p/x", "/p/x/deep", "/p/y"}
    assert set(states(system).values()) == {"running"}


async def test_a_planned_child_that_failed_by_itself_is_left_alone(system: ActorSystem) -> None:
    nodes = []
    for address in ("/p", "/p/x"):
        place = Address(address)
        settings = {"on_error": "restart", "budget": {"max": 0}}
        spec = ActorSpec.of(Diarist, kwargs={"diary": []}, settings=settings)
        nodes.append(TreeNode(place, spec))
    await system.plant(TreePlan(tuple(nodes)))
    system.ref("/p/x").tell_nowait("boom")
    await settle()
    await system.ref("/p").restart()
    assert states(system) == {"/p": "running", "/p/x": "failed"}
    await system.ref("/p/x").start()
    system.ref("/p").tell_nowait("boom")  # but with its parent it fails and comes back
    await settle()
    assert states(system) == {"/p": "failed", "/p/x": "failed"}
    await system.ref("/p").start()
    assert states(system) == {"/p": "running", "/p/x": "running"}


async def test_a_child_that_was_started_before_its_parent_is_restarted_when_made_again(
    system: ActorSystem, diary: list[str]
) -> None:
    children: dict[str, dict[str, Any]] = {"x": {}}
    ref = await spawn_parent(system, diary, children)
    ref.tell_nowait("boom")
    await settle()
    await system.ref("/p/x").start()
    children["x"] = {"stop_timeout": 1.0}
    diary.clear()
    await ref.start()
    assert diary == ["p made", "p start", "x stop: restart", "x made", "x start"]


@pytest.mark.parametrize("revived", [False, True])
async def test_a_child_on_its_way_to_be_failed_does_not_come_back_with_its_parent(
    system: ActorSystem, revived: bool
) -> None:
    async def slowly(_: object) -> None:
        await asyncio.sleep(1)

    ref = await system.spawn(Runner, "p")
    x = await system.spawn(Hooked, "x", parent=ref, kwargs={"ending": slowly})
    cell(system, "/p/x").planned = True
    cell(system, "/p/x").fail(ValueError("no"), None, "restart")
    restarted = ref.restart()
    await asyncio.sleep(0.5)
    if revived:
        x.start()
    await restarted
    await settle()
    assert now() == 1.0
    assert states(system) == {"/p": "running", "/p/x": "running" if revived else "failed"}


async def test_a_child_made_from_outside_between_two_instances_belongs_to_the_next(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await spawn_parent(system, diary, {})
    ref.tell_nowait("boom")
    await settle()
    await system.spawn(Recorder, "guest", parent=ref)
    await ref.start()
    assert states(system) == {"/p": "running", "/p/guest": "running"}
    await ref.restart()
    assert states(system) == {"/p": "running"}


async def test_a_child_that_a_person_holds_stays_held_and_the_parent_starts(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await spawn_parent(system, diary)
    held = system.ref("/p/x")
    await held.stop()
    held.tell_nowait("kept")
    diary.clear()
    await ref.restart()
    assert states(system) == {"/p": "running", "/p/x": "stopped", "/p/y": "running"}
    assert held.held
    assert not [line for line in diary if line.startswith("x")]
    await held.human_start()
    await settle()
    assert diary[-1] == "x kept"


async def test_a_child_in_its_own_pause_goes_down_and_up_with_its_parent(
    system: ActorSystem, diary: list[str]
) -> None:
    slow = {"on_error": "restart", "backoff": {"initial": 50.0}, "budget": {"max": 1}}
    ref = await spawn_parent(system, diary, {"x": slow})
    system.ref("/p/x").tell_nowait("boom")
    await settle()
    await ref.restart()
    assert states(system) == {"/p": "running", "/p/x": "running"}
    assert now() == 0.0
    await asyncio.sleep(100)  # the old pause has no say any more
    assert diary.count("x made") == 1


async def test_a_child_that_is_starting_when_its_parent_restarts_is_cut(
    system: ActorSystem,
) -> None:
    tries: list[int] = []

    class Slow(Recorder):
        async def on_start(self) -> None:
            tries.append(1)
            await asyncio.sleep(10)

    class Parent(Runner):
        async def on_start(self) -> None:
            if tries:
                await self.spawn(Slow, "x")

    ref = await system.spawn(Parent, "p")
    spawning = await begin(system.spawn(Slow, "x", parent=ref))
    op = ref.restart()
    with pytest.raises(StartFailed):
        await spawning
    assert now() == 0.0
    await op
    assert (now(), len(tries)) == (10.0, 2)
    assert states(system) == {"/p": "running", "/p/x": "running"}


async def test_a_stop_between_two_instances_lets_the_children_wait_for_the_next(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await spawn_parent(system, diary)
    ref.tell_nowait("boom")
    await settle()
    await ref.stop()
    assert states(system) == {"/p": "stopped", "/p/x": "restarting", "/p/y": "restarting"}
    await ref.human_start()
    assert set(states(system).values()) == {"running"}
    assert (ref.status().restarts, ref.status().children) == (1, ("/p/x", "/p/y"))


# Verbs in the middle


async def test_a_removal_of_the_parent_in_the_pause_removes_the_children(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await spawn_parent(system, diary)
    removed = listen(system, Removed)
    ref.tell_nowait("boom")
    await settle()
    system.ref("/p/x").tell_nowait("lost")
    await ref.remove()
    assert system.tree() == []
    assert [event.address for event in removed] == ["/p/y", "/p/x", "/p"]
    assert [letter.reason for letter in system.dead_letters] == ["removed"]
    check_account(system)


async def test_a_stop_of_a_child_that_is_being_cut_does_not_hold_up_its_parent(
    system: ActorSystem,
) -> None:
    class Clinging(Recorder):
        async def on_start(self) -> None:
            try:
                await forever()
            finally:
                await asyncio.sleep(1)

    ref = await system.spawn(Runner, "p")
    spawning = await begin(system.spawn(Clinging, "x", parent=ref))
    op = ref.restart()
    await settle()
    system.ref("/p/x").stop()
    async with asyncio.timeout(50):
        await op
    with pytest.raises(StartFailed):
        await spawning
    assert ref.state == "running"
