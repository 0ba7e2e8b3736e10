"""What a behaviour says while it is built, its children included, waits for the swap."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aplay_host.kernel import (
    Actor,
    ActorSystem,
    DeadLettered,
    NameTaken,
    NotBound,
    StartFailed,
    Terminated,
)

from .actors import (
    Gate,
    Recorder,
    begin,
    behaviour,
    check_account,
    forever,
    listen,
    settle,
    states,
)
from .exchanges import New, Old, exchange, plain, spawn_old, spec_of, stage


class Chatty(New):
    """Says all that can be said while it is built."""

    def __init__(self, seen: list[Any]) -> None:
        super().__init__(seen)
        self.ref("/other").tell_nowait("told at once")
        self.ref("/nobody").tell_nowait("lost")
        self.send_after(5, "once")
        self.send_every(3, "often", key="k")
        self.cancel_timer("old")
        self.watch("/nobody")
        self.create_task(self._work(), name="work")

    async def prepare_children(self) -> None:
        await self.ref("/other").tell("told")
        child = await self.spawn(Recorder, "child")
        child.tell_nowait("hello")

    async def _work(self) -> None:
        self.seen.append(("task", None))
        await forever()


async def test_what_a_behaviour_says_while_it_is_built_happens_when_it_takes_its_place(
    system: ActorSystem,
) -> None:
    async def set_timer(actor: Actor) -> None:
        actor.send_every(0.1, "old tick", key="old")

    ref, seen = await spawn_old(system)
    _, seen_by_other = await spawn_old(system, "other")
    letters = listen(system, DeadLettered)
    await ref.ask(set_timer)
    async with system.quiesce(["/a"]) as quiet:
        staged = stage(system, quiet, Chatty)
        await settle()
        assert seen_by_other == letters == []
        assert list(states(system)) == ["/a", "/other"]
        assert ("task", None) not in seen
        quiet.swap(staged)
    await settle()
    assert [msg for _, msg in seen_by_other] == ["told at once", "told"]
    assert behaviour(system, "/a/child", Recorder).seen == ["hello"]
    assert [event.letter.reason for event in letters] == ["no_actor"]
    notice = Terminated(system.ref("/nobody").address, "no_actor")
    assert plain(seen) == [("task", None), ("new", notice)]
    await asyncio.sleep(5.5)
    assert [msg for word, msg in plain(seen)[2:]] == ["often", "once"]
    check_account(system)


async def test_an_ask_while_a_behaviour_is_built_is_refused(system: ActorSystem) -> None:
    class Asking(New):
        async def prepare_children(self) -> None:
            await self.ref("/other").ask("hello")

    ref, _ = await spawn_old(system)
    _, seen = await spawn_old(system, "other")
    async with system.quiesce(["/a"]) as quiet:
        with pytest.raises(NotBound, match="cannot ask /other while an actor is only being built"):
            stage(system, quiet, Asking)
    assert seen == []
    assert await ref.ask("hello") == "old"


@pytest.mark.parametrize(
    ("verb", "state"),
    [
        ("stop", "stopped"),
        ("remove", "removed"),
        ("restart", "running"),
        ("human_start", "running"),
    ],
)
async def test_a_verb_while_a_behaviour_is_built_takes_effect_with_it(
    system: ActorSystem, verb: str, state: str
) -> None:
    class Steering(New):
        def __init__(self, seen: list[Any]) -> None:
            super().__init__(seen)
            getattr(self.ref("/other"), verb)()

    await spawn_old(system)
    other, _ = await spawn_old(system, "other")
    if verb == "human_start":
        await other.stop()
    before = other.state
    async with system.quiesce(["/a"]) as quiet:
        staged = stage(system, quiet, Steering)
        await settle()
        assert (other.state, other.status().restarts) == (before, 0)
        quiet.swap(staged)
    await settle()
    assert other.state == state
    if verb == "restart":
        assert other.status().restarts == 1


async def test_a_send_that_finds_no_room_when_it_is_played_is_a_dead_letter(
    system: ActorSystem,
) -> None:
    class Sending(New):
        def __init__(self, seen: list[Any]) -> None:
            super().__init__(seen)
            for number in range(3):
                self.ref("/other").tell_nowait(number)

    await spawn_old(system)
    other, _ = await spawn_old(system, "other", mailbox={"capacity": 2})
    letters = listen(system, DeadLettered)
    await other.stop()
    await exchange(system, Sending)
    assert [(event.letter.message, event.letter.reason) for event in letters] == [(2, "full")]
    check_account(system)


async def test_on_reload_code_can_be_recorded_too(system: ActorSystem) -> None:
    await spawn_old(system)
    other, seen = await spawn_old(system, "other")
    async with system.quiesce(["/a"]) as quiet:
        (staged,) = stage(system, quiet)
        with staged.recording():
            other.tell_nowait("recorded")
        await settle()
        assert seen == []
        quiet.swap([staged])
    await settle()
    assert seen == [("old", "recorded")]


# ---- children


def _parent_of(*names: str, base: type[Old] = New, child: type[Actor] = Recorder) -> type[Old]:
    class Parent(base):  # type: ignore[valid-type, misc]
        async def prepare_children(self) -> None:
            for name in names:
                await self.spawn(child, name)

    return Parent


async def test_of_the_declared_children_new_ones_start_and_missing_ones_are_removed(
    system: ActorSystem,
) -> None:
    async def adopt_another(actor: Actor) -> None:
        await actor.spawn(Recorder, "own")

    seen: list[Any] = []
    ref = await system.spawn(_parent_of("x", "y", base=Old), "a", kwargs={"seen": seen})
    await ref.ask(adopt_another)
    kept = behaviour(system, "/a/y", Recorder)
    await exchange(system, _parent_of("y", "z"))
    await settle()
    assert states(system) == {f"/{name}": "running" for name in ("a", "a/y", "a/own", "a/z")}
    assert behaviour(system, "/a/y", Recorder) is kept
    await exchange(system, New)
    await settle()
    assert list(states(system)) == ["/a", "/a/own"]


async def test_a_child_that_is_created_while_a_behaviour_is_built_is_new_until_its_first_message(
    system: ActorSystem,
) -> None:
    class Creating(New):
        async def prepare_children(self) -> None:
            self.create_actor("idle", Recorder)
            self.create_actor("told", Recorder).tell_nowait("hello")

    await spawn_old(system)
    await exchange(system, Creating)
    await settle()
    assert [system.ref(f"/a/{name}").state for name in ("idle", "told")] == ["new", "running"]
    await system.ref("/a/idle").start()
    assert system.ref("/a/idle").state == "running"


async def test_a_declared_child_of_another_class_is_refused(system: ActorSystem) -> None:
    ref = await system.spawn(_parent_of("x", base=Old), "a", kwargs={"seen": []})
    async with system.quiesce(["/a"]) as quiet:
        with pytest.raises(NameTaken, match="/a/x exists already, as Recorder"):
            stage(system, quiet, _parent_of("x", child=Gate))
    assert states(system) == {"/a": "running", "/a/x": "running"}
    assert await ref.ask("hello") == "old"


async def test_prepare_children_that_waits_is_refused(system: ActorSystem) -> None:
    class Waiting(New):
        async def prepare_children(self) -> None:
            await asyncio.sleep(0)

    await spawn_old(system)
    async with system.quiesce(["/a"]) as quiet:
        with pytest.raises(StartFailed, match="prepare_children waits for something"):
            stage(system, quiet, Waiting)


async def test_a_child_declared_while_the_system_ends_is_not_made(system: ActorSystem) -> None:
    ref, _ = await spawn_old(system)
    last, _ = await spawn_old(system, "last")
    last.tell_nowait(forever)
    await settle()
    async with system.quiesce(["/a"]) as quiet:
        ending = await begin(system.shutdown(3.0))
        assert ref.state == "paused"
        quiet.swap(stage(system, quiet, _parent_of("x")))
    await ending
    assert system.tree() == []


# ---- how it is built


async def test_build_fills_the_new_instance_in_the_place_of_init(system: ActorSystem) -> None:
    ref, seen = await spawn_old(system)
    old = behaviour(system, "/a", Old)

    def build(new: Actor) -> None:
        assert isinstance(new, New)
        assert new.address == "/a"
        new.seen = old.seen

    async with system.quiesce(["/a"]) as quiet:
        quiet.swap([quiet.stage("/a", spec=spec_of(system, "/a", New), build=build)])
    await ref.ask("hello")
    assert seen == [("new", "hello")]


async def test_without_a_spec_the_present_one_is_used(system: ActorSystem) -> None:
    ref, _ = await spawn_old(system)
    old = behaviour(system, "/a", Old)
    async with system.quiesce(["/a"]) as quiet:
        quiet.swap([quiet.stage("/a")])
    assert await ref.ask("hello") == "old"
    assert behaviour(system, "/a", Old) is not old
