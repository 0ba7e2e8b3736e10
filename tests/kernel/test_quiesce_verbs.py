"""Verbs, failures and ends that meet a hold: it wins or loses, and changes nothing by itself."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aplay_host.kernel import (
    Actor,
    ActorSystem,
    BadAddress,
    Terminated,
)

from .actors import (
    EVEN,
    Hooked,
    Recorder,
    Runner,
    begin,
    behaviour,
    check_account,
    forever,
    now,
    settle,
    states,
)
from .exchanges import Latch, New, asking, picture, plain, spawn_old, stage

# ---- verbs


async def test_a_stop_follows_the_hold(system: ActorSystem) -> None:
    ref, seen = await spawn_old(system)
    async with system.quiesce(["/a"]):
        ref.tell_nowait("kept")
        stopping = asyncio.ensure_future(ref.stop())
        await asyncio.sleep(1)
        assert (ref.state, ref.held, stopping.done()) == ("paused", True, False)
    await stopping
    assert system.ref("/a").state == "stopped"
    assert seen == []


async def test_a_restart_follows_the_hold_and_its_end_can_be_awaited(system: ActorSystem) -> None:
    ref, _seen = await spawn_old(system)
    before = behaviour(system, "/a", Actor)
    async with system.quiesce(["/a"]):
        restarting = asyncio.ensure_future(ref.restart())
        await asyncio.sleep(1)
        assert ref.state == "paused"
        assert behaviour(system, "/a", Actor) is before
    await restarting
    assert (states(system), ref.status().restarts) == ({"/a": "running"}, 1)


async def test_a_start_wakes_an_actor_that_decides_for_itself_after_the_hold(
    system: ActorSystem,
) -> None:
    seen: list[Any] = []

    class Choosy(Recorder):
        def decide_to_start(self) -> bool:
            return False

    ref = await system.spawn(Choosy, "a", kwargs={"seen": seen})
    ref.tell_nowait(1)
    async with system.quiesce(["/a"]):
        starting = await begin(_wait_for(ref.start()))
        assert seen == []
    await starting
    await settle()
    assert seen == [1]


async def test_a_remove_wins_over_a_hold(system: ActorSystem) -> None:
    ref, _ = await spawn_old(system)
    await spawn_old(system, "b")
    async with system.quiesce(["/a", "/b"]) as quiet:
        ref.tell_nowait("lost")
        ref.restart()
        await ref.remove()
        assert ref.state == "removed"
        assert [view.address for view in quiet.cells] == ["/b"]
        with pytest.raises(BadAddress, match="/a is not one of the held"):
            quiet.stage("/a")
    assert system.dead_letters.counts["removed"] == 1
    check_account(system)


async def test_a_remove_while_the_message_in_hand_is_waited_for_ends_the_wait(
    system: ActorSystem,
) -> None:
    ref, _ = await spawn_old(system)
    ref.tell_nowait(forever)
    await settle()
    entering = await begin(system.quiesce(["/a"], deadline=2.0).__aenter__())
    removing = asyncio.ensure_future(ref.remove())
    quiet = await entering  # with nobody left in it, when its time is up at the latest
    assert quiet.cells == ()
    await quiet.__aexit__()
    await removing


async def test_of_the_verbs_that_came_during_a_hold_the_last_word_counts(
    system: ActorSystem,
) -> None:
    ref, _ = await spawn_old(system)
    async with system.quiesce(["/a"]):
        ref.restart()
        ref.stop()
        ref.human_start()
    await settle()
    assert (ref.state, ref.status().restarts) == ("running", 1)
    async with system.quiesce(["/a"]):
        ref.restart()
        ref.stop()
    await settle()
    assert (ref.state, ref.status().restarts) == ("stopped", 1)
    await ref.human_start()
    assert ref.status().restarts == 1, "a restart that a stop overtook is not made up for"


async def test_a_parent_that_restarts_waits_for_its_held_child(system: ActorSystem) -> None:
    parent, _ = await spawn_old(system, "p")
    _child, _ = await spawn_old(system, "c", parent="/p")
    async with system.quiesce(["/p/c"]):
        restarting = asyncio.ensure_future(parent.restart())
        await asyncio.sleep(1)
        assert states(system) == {"/p": "restarting", "/p/c": "paused"}
    await restarting
    assert states(system) == {"/p": "running"}


@pytest.mark.parametrize("verb", ["stop", "remove"])
async def test_a_verb_for_a_held_child_does_not_keep_its_parent_from_restarting(
    system: ActorSystem, verb: str
) -> None:
    parent, _ = await spawn_old(system, "p")
    child, _ = await spawn_old(system, "c", parent="/p")
    async with system.quiesce(["/p/c"]):
        restarting = asyncio.ensure_future(parent.restart())
        await settle()
        getattr(child, verb)()
        await settle()
    await restarting
    assert parent.state == "running"
    assert now() < 1.0


async def test_a_parent_that_stops_leaves_its_held_child_alone(system: ActorSystem) -> None:
    parent, _ = await spawn_old(system, "p")
    child, _ = await spawn_old(system, "c", parent="/p")
    async with system.quiesce(["/p/c"]):
        await parent.stop()
        assert child.state == "paused"
    await settle()
    assert states(system) == {"/p": "stopped", "/p/c": "running"}
    assert await child.ask("hello") == "old"


async def test_a_parent_that_is_removed_takes_its_held_children_with_it(
    system: ActorSystem,
) -> None:
    parent, _ = await spawn_old(system, "p")
    await spawn_old(system, "c", parent="/p")
    async with system.quiesce(["/p", "/p/c"]) as quiet:
        await parent.remove()
        assert quiet.cells == ()
    assert system.tree() == []


# ---- failures


@pytest.mark.parametrize(
    ("directive", "after"), [("resume", "running"), ("restart", "restarting"), ("stop", "stopped")]
)
async def test_the_failure_of_an_owned_task_has_its_consequence_after_the_hold(
    system: ActorSystem, directive: str, after: str
) -> None:
    ref, _ = await spawn_old(system, on_error=directive, backoff=EVEN)
    go = asyncio.Event()

    async def explode() -> None:
        await go.wait()
        raise ValueError("boom")

    async def work(actor: Actor) -> None:
        actor.create_task(explode())

    await ref.ask(work)
    async with system.quiesce(["/a"]):
        go.set()
        await settle()
        assert ref.state == "paused"
    await settle()
    assert ref.state == after


@pytest.mark.parametrize("held", [["/p/c"], ["/p"], ["/p", "/p/c"], ["/p/c", "/p"]])
async def test_an_escalation_between_held_and_free_actors_restarts_the_parent_after_the_hold(
    system: ActorSystem, held: list[str]
) -> None:
    go = asyncio.Event()

    async def explode() -> None:
        await go.wait()
        raise ValueError("boom")

    async def work(actor: Actor) -> None:
        actor.create_task(explode())

    class Parent(Actor):
        async def on_start(self) -> None:
            await self.spawn(Runner, "c", on_error="escalate")

    await system.spawn(Parent, "p", backoff=EVEN)
    child = system.ref("/p/c")
    await child.ask(work)
    async with system.quiesce(held):
        go.set()
        await settle()
        assert system.ref("/p").state == ("paused" if "/p" in held else "running")
    await asyncio.sleep(1)
    assert states(system) == {"/p": "running", "/p/c": "running"}
    assert (system.ref("/p").status().restarts, child.status().restarts) == (1, 1)


async def test_the_last_message_before_the_gate_may_stop_or_remove_its_actor(
    system: ActorSystem,
) -> None:
    async def stop(actor: Actor) -> None:
        actor.ref().stop()

    async def remove(actor: Actor) -> None:
        actor.ref().remove()

    for job, state in ((stop, "stopped"), (remove, "removed")):
        asker, _ = await spawn_old(system, "asker")
        target, _ = await spawn_old(system, "target")
        latch, go = Latch(), asyncio.Event()
        target.tell_nowait(latch)
        asked = await begin(asker.ask(asking(target, job, go)))
        entering = await begin(system.quiesce(["/asker", "/target"]).__aenter__())
        go.set()
        latch.may_end.set()
        await asyncio.wait({asked})
        quiet = await entering
        await quiet.__aexit__()
        await settle()
        assert target.state == state
        check_account(system)
        await asker.remove()
        await target.remove()


# ---- leaving, cancelling, ending


async def test_without_a_swap_nothing_has_happened(system: ActorSystem) -> None:
    class Restless(New):
        def __init__(self, seen: list[Any]) -> None:
            super().__init__(seen)
            self.ref("/b").tell_nowait("early")
            self.ref("/b").stop()
            self.send_after(1, "tick", key="t")
            self.cancel_timer("old")
            self.unwatch("/b")
            self.watch("/")
            self.create_task(forever())

        async def prepare_children(self) -> None:
            await self.spawn(Recorder, "child")

    async def prepare(actor: Actor) -> None:
        actor.send_every(3600, "tick", key="old")
        actor.watch("/b")
        actor.create_task(forever())

    ref, seen = await spawn_old(system)
    other, seen_b = await spawn_old(system, "b")
    await ref.ask(prepare)
    tasks = asyncio.all_tasks()
    async with system.quiesce(["/a", "/b"]) as quiet:
        ref.tell_nowait("waiting")
        before = picture(system)
        (staged,) = stage(system, quiet, Restless)
        assert staged.address == "/a"
        assert picture(system) == before
        await asyncio.sleep(2)
    await settle()
    assert plain(seen) == [("old", "waiting")]
    assert seen_b == []
    assert states(system) == {"/a": "running", "/b": "running"}
    assert ref.status().generation == 1
    assert asyncio.all_tasks() == tasks
    await other.remove()
    await settle()
    assert plain(seen)[1:] == [("old", Terminated(other.address, "removed"))]


async def test_an_error_in_the_block_opens_the_gates(system: ActorSystem) -> None:
    ref, _seen = await spawn_old(system)
    with pytest.raises(ZeroDivisionError):
        async with system.quiesce(["/a"]):
            raise ZeroDivisionError
    assert (ref.state, system.quiet) == ("running", None)
    assert await ref.ask("hello") == "old"


async def _enter(system: ActorSystem) -> None:
    """Wait at every place where entering can wait, for handlers that have to be cancelled last."""
    names = ["/slow", "/starting", "/quick", "/endless"]
    async with system.quiesce(names, deadline=5.0, on_busy="cancel"):
        await asyncio.sleep(1)


async def _spawn_for_entering(system: ActorSystem) -> asyncio.Task[Any]:
    """Spawn who is waited for: till 1 s a start, till 2 s the slow, then two that are quick."""

    async def wait(_: Actor) -> None:
        await asyncio.sleep(1)

    async def work(_: Actor) -> None:
        await asyncio.sleep(2)

    slow, _ = await spawn_old(system, "slow")
    quick, _ = await spawn_old(system, "quick")
    endless, _ = await spawn_old(system, "endless")
    slow.tell_nowait(work)
    await asyncio.sleep(0.1)
    quick.tell_nowait(asking(slow, "asked"))
    loop = asyncio.get_running_loop()
    loop.call_later(1.99, endless.tell_nowait, forever)
    return await begin(system.spawn(Hooked, "starting", kwargs={"starting": wait}))


async def test_a_cancellation_at_any_moment_leaves_open_gates_and_a_true_account() -> None:
    moments, done = 0, False
    while not done:
        async with ActorSystem() as system:
            spawning = await _spawn_for_entering(system)
            first = await system.quiesce(["/quick"], on_busy="cancel").__aenter__()
            entering = asyncio.create_task(_enter(system))
            await asyncio.sleep(0)
            await first.__aexit__()
            for moment in range(moments):
                await asyncio.sleep(0 if moment % 4 else 0.1)
                check_account(system)
            done = entering.done()
            entering.cancel()
            await asyncio.wait({entering})
            assert system.quiet is None
            await spawning
            assert set(states(system).values()) == {"running"}
            check_account(system)
            await system.shutdown()
            check_account(system)
        moments += 1
    assert moments > 15


@pytest.mark.parametrize("moment", ["waiting", "held"])
@pytest.mark.parametrize("end", ["shutdown", "abort"])
async def test_the_system_can_end_while_actors_are_held(moment: str, end: str) -> None:
    async with ActorSystem() as system:
        ref, _ = await spawn_old(system)
        await spawn_old(system, "b")
        if moment == "waiting":
            ref.tell_nowait(forever)
        ref.tell_nowait("waiting")
        await settle()

        async def hold() -> None:
            async with system.quiesce(["/a", "/b"], deadline=100.0):
                await asyncio.sleep(50)

        holding = await begin(hold())
        if end == "abort":
            system.abort()
        report = await system.shutdown(10.0)
        assert system.tree() == []
        assert report.abandoned == ()
        check_account(system)
        await holding
        assert system.quiet is None


async def _wait_for(op: Any) -> None:
    await op
