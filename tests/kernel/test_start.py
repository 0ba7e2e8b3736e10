"""Making and starting an actor, and what a start that fails leaves: nothing but the mail."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from aplay_host.kernel import (
    Actor,
    ActorRef,
    ActorSystem,
    BadAddress,
    MessageFailed,
    Removed,
    Started,
    StartFailed,
)

from .actors import (
    Hooked,
    Recorder,
    Runner,
    begin,
    cell,
    check_account,
    forever,
    listen,
    settle,
)


async def test_an_error_of_init_reaches_the_caller_and_leaves_nothing(
    system: ActorSystem,
) -> None:
    ran: list[str] = []
    refs: list[ActorRef] = []

    class Broken(Recorder):
        def __init__(self) -> None:
            async def task() -> None:
                ran.append("task")

            self.create_task(task())
            refs.append(self.ref())
            refs[0].tell_nowait("to myself")
            raise ValueError("broken")

    heard = listen(system, MessageFailed, Started)
    with pytest.raises(ValueError, match="broken"):
        await system.spawn(Broken, "a")
    assert system.tree() == []
    assert refs[0].state == "removed"
    check_account(system)
    assert system.status().dead == 1
    await settle()
    assert ran == []
    assert heard == []
    await system.spawn(Recorder, "a")  # the name is free


async def test_init_gets_kwargs_and_knows_its_place(system: ActorSystem) -> None:
    known: list[Any] = []

    class Curious(Recorder):
        def __init__(self, n: int) -> None:
            assert self.parent is not None
            known.extend([n, self.name, self.address, self.parent.address, self.state])

    await system.spawn(Recorder, "p")
    await system.spawn(Curious, "c", parent="/p", kwargs={"n": 3})
    assert known == [3, "c", "/p/c", "/p", "new"]
    with pytest.raises(TypeError, match="unexpected keyword"):
        await system.spawn(Recorder, "d", kwargs={"nonsense": 1})


async def test_a_parent_is_a_ref_or_an_address_that_lives(system: ActorSystem) -> None:
    parent = await system.spawn(Recorder, "p")
    child = await system.spawn(Recorder, "a", parent=parent)
    assert child.address == "/p/a"
    with pytest.raises(BadAddress, match="parent /nobody: no actor lives there"):
        await system.spawn(Recorder, "a", parent="/nobody")
    with pytest.raises(BadAddress, match="actor name 'a b'"):
        await system.spawn(Recorder, "a b")
    assert [status.address for status in system.tree()] == ["/p", "/p/a"]


async def test_an_actor_knows_its_family(system: ActorSystem) -> None:
    await system.spawn(Runner, "p")

    async def look(actor: Actor) -> dict[str, Any]:
        await actor.spawn(Recorder, "b")
        await actor.spawn(Recorder, "a")
        return {
            "children": [(name, ref.address) for name, ref in actor.children.items()],
            "parent": actor.parent,
            "kernel": actor.kernel,
            "self": actor.ref(),
        }

    seen = await system.ref("/p").ask(look)
    assert seen["children"] == [("b", "/p/b"), ("a", "/p/a")]
    assert seen["parent"] == seen["kernel"] == system.ref("/")
    assert seen["self"] == system.ref("/p")
    assert system.ref("/p").status().children == ("/p/b", "/p/a")


# Failed starts


async def test_a_failed_start_is_told_and_the_actor_stays_with_its_mail(
    system: ActorSystem,
) -> None:
    seen: list[Any] = []
    made: list[Actor] = []

    class Second(Recorder):
        def __init__(self) -> None:
            super().__init__(seen)
            made.append(self)

        async def on_start(self) -> None:
            if len(made) == 1:
                raise OSError("no disk")

    heard = listen(system, MessageFailed, Started)
    with pytest.raises(StartFailed, match=r"/a did not start: OSError: no disk .*in on_start"):
        await system.spawn(Second, "a")
    ref = system.ref("/a")
    assert ref.state == "restarting"  # it is tried again after a pause
    ref.tell_nowait("kept")
    (failure,) = heard
    assert (failure.address, failure.message_type, str(failure.error)) == ("/a", None, "no disk")
    assert ref.status().failed == 0  # no message has failed
    await ref.start()
    await settle()
    assert seen == ["kept"]
    assert len(made) == 2
    assert made[0] is not made[1]


async def test_a_start_that_fails_by_cancelling_itself_is_a_failed_start(
    system: ActorSystem,
) -> None:
    tries: list[int] = []

    async def cancel_myself(_: Actor) -> None:
        tries.append(1)
        assert len(tries) < 10
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    with pytest.raises(StartFailed, match="CancelledError"):
        await system.spawn(Hooked, "a", kwargs={"starting": cancel_myself})
    await settle()
    assert system.ref("/a").state == "failed"
    assert tries == [1]


async def test_a_failed_start_leaves_no_task_and_no_child_of_its_own(
    system: ActorSystem,
) -> None:
    ran: list[str] = []

    async def task() -> None:
        await asyncio.sleep(1)
        ran.append("task")

    async def open_much(actor: Actor) -> None:
        await actor.spawn(Recorder, "first")
        await actor.spawn(Recorder, "second")
        actor.create_task(task())
        raise ValueError("no")

    heard = listen(system, Removed)
    with pytest.raises(StartFailed):
        await system.spawn(Hooked, "a", kwargs={"starting": open_much})
    assert [status.address for status in system.tree()] == ["/a"]
    assert [event.address for event in heard] == ["/a/second", "/a/first"]
    assert cell(system, "/a").behaviour is None
    await asyncio.sleep(2)
    assert ran == []


async def test_a_failed_start_keeps_the_children_that_were_there_before(
    system: ActorSystem,
) -> None:
    fails: list[bool] = []

    async def starting(actor: Actor) -> None:
        if fails:
            raise ValueError("no")

    ref = await system.spawn(Hooked, "a", kwargs={"starting": starting})
    await system.spawn(Recorder, "child", parent=ref)
    await ref.stop()
    fails.append(True)
    with pytest.raises(StartFailed):
        await ref.human_start()
    assert [(status.address, status.state) for status in system.tree()] == [
        ("/a", "failed"),
        ("/a/child", "failed"),
    ]
    fails.clear()
    await ref.start()
    assert [status.address for status in system.tree()] == ["/a"]  # it was not made again


async def test_a_start_said_while_a_failed_one_is_cleaned_up_joins_that_one(
    system: ActorSystem,
) -> None:
    tries: list[int] = []

    async def tidy() -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(1)

    async def starting(actor: Actor) -> None:
        tries.append(1)
        if len(tries) == 1:
            actor.create_task(tidy())
            await asyncio.sleep(0)
            raise ValueError("no")

    spawning = await begin(system.spawn(Hooked, "a", kwargs={"starting": starting}))
    op = system.ref("/a").start()
    for joined in (op, spawning):
        with pytest.raises(StartFailed, match="ValueError: no"):
            await joined
    assert (tries, system.ref("/a").state) == ([1], "failed")


async def test_a_stop_said_while_a_failed_start_is_cleaned_up_holds(system: ActorSystem) -> None:
    async def tidy() -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(1)

    async def starting(actor: Actor) -> None:
        actor.create_task(tidy())
        await asyncio.sleep(0)
        raise ValueError("no")

    spawning = await begin(system.spawn(Hooked, "a", kwargs={"starting": starting}))
    ref = system.ref("/a")
    await ref.stop()
    assert (ref.state, ref.held) == ("stopped", True)
    with pytest.raises(StartFailed):
        await spawning


async def test_an_actor_that_makes_one_of_its_own_kind_without_end_is_failed(
    system: ActorSystem,
) -> None:
    class Endless(Recorder):
        budget: ClassVar[Mapping[str, Any]] = {"max": 0}

        async def on_start(self) -> None:
            await self.spawn(Endless, "a")

    with pytest.raises(StartFailed, match="deeper than 64 levels"):
        await system.spawn(Endless, "a")
    assert [(status.address, status.state) for status in system.tree()] == [("/a", "failed")]
