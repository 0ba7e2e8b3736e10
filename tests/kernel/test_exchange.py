"""A new behaviour for actors that keep everything else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from aplay_host.kernel import (
    Actor,
    ActorRef,
    ActorSpec,
    ActorSystem,
    Detached,
    MailboxFull,
    Replaced,
    Started,
    Terminated,
    TreeNode,
    TreePlan,
)

from .actors import (
    Recorder,
    begin,
    behaviour,
    cell,
    check_account,
    forever,
    listen,
    now,
    settle,
    states,
)
from .exchanges import Latch, New, Old, exchange, plain, spawn_old, stage
from .stage import Stage, Staged

# ---- what changes and what stays


async def test_waiting_mail_is_handled_by_the_new_behaviour_in_order(either: ActorSystem) -> None:
    ref, seen = await spawn_old(either)
    ref.tell_nowait(0)
    await settle()
    async with either.quiesce(["/a"]) as quiet:
        ref.tell_nowait(1)
        asked = await begin(ref.ask(2))
        ref.tell_nowait(3)
        assert quiet.swap(stage(either, quiet)) == ()
        ref.tell_nowait(4)
    assert await asked == "new"
    await settle()
    assert seen == [("old", 0), ("new", 1), ("new", 2), ("new", 3), ("new", 4)]
    assert await ref.ask("asked again") == "new"
    check_account(either)


async def test_refs_counts_watches_and_children_stay(system: ActorSystem) -> None:
    async def prepare(actor: Actor) -> None:
        await actor.spawn(Recorder, "child")
        actor.watch("/b")

    ref, seen = await spawn_old(system)
    other, _ = await spawn_old(system, "b")
    await ref.ask(prepare)
    await other.ask(_watch("/a"))
    child = behaviour(system, "/a/child", Recorder)
    await exchange(system)
    assert system.ref("/a") == ref
    assert ref.status().handled == 1
    assert ref.status().restarts == 0
    assert behaviour(system, "/a/child", Recorder) is child
    await other.remove()
    await settle()
    assert plain(seen) == [("new", Terminated(other.address, "removed"))]


def _watch(address: str) -> Callable[[Any], Any]:
    async def watch(actor: Actor) -> None:
        actor.watch(address)

    return watch


async def test_no_hook_of_start_or_stop_runs(system: ActorSystem) -> None:
    called: list[str] = []

    class Talkative(Old):
        async def prepare_mailbox(self) -> None:
            called.append(f"{self.word} prepare_mailbox")

        async def on_start(self) -> None:
            called.append(f"{self.word} on_start")

        async def on_stop(self, reason: str) -> None:
            called.append(f"{self.word} {reason}")

    class Newer(Talkative):
        word = "new"

    seen: list[Any] = []
    ref = await system.spawn(Talkative, "a", kwargs={"seen": seen})
    started = listen(system, Started)
    await exchange(system, Newer)
    assert called == ["old prepare_mailbox", "old on_start"]
    await ref.stop()
    await ref.human_start()
    assert called[2:] == ["new stop", "new on_start"]
    assert len(started) == 1


async def test_generations_are_counted_or_given_and_told(system: ActorSystem) -> None:
    ref, _ = await spawn_old(system)
    told = listen(system, Replaced)
    assert ref.status().generation == 1
    await exchange(system)
    assert ref.status().generation == 2
    async with system.quiesce(["/a"]) as quiet:
        assert quiet.cells[0].generation == 2
        quiet.swap(stage(system, quiet), generation=40)
    assert ref.status().generation == 40
    await ref.restart()
    await exchange(system)
    assert [(event.address, event.generation) for event in told] == [
        ("/a", 2),
        ("/a", 40),
        ("/a", 41),
    ]


async def test_all_actors_have_changed_before_anybody_is_told(system: ActorSystem) -> None:
    await spawn_old(system, "a")
    await spawn_old(system, "b")
    found: list[list[int]] = []
    system.events.subscribe(
        (Replaced,), lambda _: found.append([one.generation for one in system.tree()])
    )
    await exchange(system, New, "/a", "/b")
    assert found == [[2, 2], [2, 2]]


async def test_interceptors_are_asked_again_for_the_new_behaviour() -> None:
    asked: list[str] = []

    def interceptors(ref: ActorRef, spec: ActorSpec) -> tuple[Any, ...]:
        asked.append(spec.cls.__name__)

        def wrap(handler: Any) -> Any:
            async def handle(msg: Any) -> Any:
                return spec.cls.__name__, await handler(msg)

            return handle

        return (wrap,)

    async with ActorSystem(interceptors=interceptors) as system:
        ref, _ = await spawn_old(system)
        assert await ref.ask("hello") == ("Old", "old")
        await exchange(system)
        assert await ref.ask("hello") == ("New", "new")
        assert asked == ["Group", "Old", "New"]


async def test_a_callback_of_the_new_class_is_called_and_that_of_the_old_is_not(
    system: ActorSystem,
) -> None:
    class Calling(Old):
        def user_task_callback(self, outcome: Any, msg: Any = None) -> None:
            self.seen.append(("callback", msg))

    seen: list[Any] = []
    ref = await system.spawn(Calling, "a", kwargs={"seen": seen})
    await exchange(system, New)
    await ref.ask(1)
    await exchange(system, Calling)
    await ref.ask(2)
    assert seen == [("new", 1), ("old", 2), ("callback", 2)]


async def test_new_settings_take_effect(system: ActorSystem) -> None:
    ref, _ = await spawn_old(system)
    await exchange(
        system, New, max_tasks=3, on_error="stop", mailbox={"capacity": 1, "overflow": "reject"}
    )
    latches = [Latch() for _ in range(4)]
    for latch in latches[:3]:
        ref.tell_nowait(latch)
        await latch.begun.wait()
    ref.tell_nowait(latches[3])
    with pytest.raises(MailboxFull):
        ref.tell_nowait("too much")
    for latch in latches:
        latch.may_end.set()
    await settle()
    ref.tell_nowait("boom")
    await settle()
    assert ref.state == "stopped"


@pytest.mark.parametrize(("capacity", "pending"), [(1, 3), (3, 3), (4, 4), (10, 5)])
async def test_senders_that_wait_for_room_get_in_as_far_as_the_new_capacity_allows(
    system: ActorSystem, capacity: int, pending: int
) -> None:
    ref, seen = await spawn_old(system, mailbox={"capacity": 3, "overflow": "wait"})
    async with system.quiesce(["/a"]) as quiet:
        sends = [await begin(ref.tell(number)) for number in range(5)]
        box = {"capacity": capacity, "overflow": "wait"}
        quiet.swap(stage(system, quiet, New, mailbox=box))
        assert ref.status().pending == pending
    await asyncio.gather(*sends)
    await settle()
    assert seen == [("new", number) for number in range(5)]
    check_account(system)


async def test_a_choosy_class_is_asked_once_it_is_there(system: ActorSystem) -> None:
    class Choosy(New):
        def decide_to_start(self) -> bool:
            return bool(self.seen)

    ref, seen = await spawn_old(system)
    async with system.quiesce(["/a"]) as quiet:
        ref.tell_nowait(1)
        quiet.swap(stage(system, quiet, Choosy))
    await settle()
    assert seen == []
    ref.start()
    await settle()
    assert seen == [("new", 1)]


async def test_the_view_of_a_cell_tells_what_an_exchange_needs_to_know(
    system: ActorSystem,
) -> None:
    async def prepare(actor: Actor) -> None:
        actor.create_task(forever(), name="forever")
        actor.send_every(1.0, "tick", key="waiting")
        actor.send_every(3600.0, "tock")

    ref, _ = await spawn_old(system, mailbox={"capacity": 2, "overflow": "wait"})
    await ref.ask(prepare)
    async with system.quiesce(["/a"]) as quiet:
        ref.tell_nowait("told")
        await asyncio.sleep(1.5)
        asked = await begin(ref.ask("asked"))
        sending = await begin(ref.tell("no room"))
        (view,) = quiet.cells
        assert view.address == "/a"
        assert view.spec == cell(system, "/a").spec
        assert (view.state, view.generation) == ("paused", 1)
        assert view.behaviour is behaviour(system, "/a", Old)
        assert view.waiting == ("told", "tick", "asked", "tock", "no room")
        assert view.tasks == ("/a forever",)
    await sending
    await asked


# ---- by state


class Newer(Staged):
    """As `Staged`, and says so."""

    def _note(self, text: str) -> None:
        super()._note(f"newer {text}")


@pytest.mark.parametrize(
    ("state", "after", "log"),
    [
        ("new", "new", ["made"]),
        ("running", "running", ["made"]),
        ("paused", "paused", ["made"]),
        ("restarting", "running", ["made", "newer start"]),
        ("stopped", "stopped", ["made"]),
        ("failed", "running", ["made", "newer start"]),
    ],
)
async def test_a_swap_by_state(system: ActorSystem, state: str, after: str, log: list[str]) -> None:
    stage_ = Stage(system)
    await stage_.bring(state)
    if state == "new":
        log = []  # it has no instance, and is not started
    await exchange(system, Newer)
    await settle()
    assert stage_.ref.state == after
    assert stage_.log == log
    assert now() < 1.0, "the pause of a restart has ended"
    await stage_.finish()
    if state == "stopped":
        assert stage_.ref.held
        await stage_.ref.human_start()
    if state == "paused":
        cell(system, "/a").enter("running")
    assert await stage_.ref.ask("hello") == "hello"
    assert stage_.log[-1] == "newer handled hello"


async def test_a_swap_of_an_actor_whose_start_was_under_way_follows_that(
    system: ActorSystem,
) -> None:
    stage_ = Stage(system)
    await stage_.bring("starting")
    exchanging = await begin(exchange(system, Newer))
    stage_.may_start.set()
    await exchanging
    await stage_.finish()
    assert stage_.log == ["made"]
    assert stage_.ref.state == "running"


async def test_a_swap_before_the_first_start_has_begun_replaces_the_instance(
    system: ActorSystem,
) -> None:
    stage_ = Stage(system)
    spawning = asyncio.create_task(stage_.spawn())
    await asyncio.sleep(0)
    assert (stage_.ref.state, stage_.log) == ("new", ["made"])
    await exchange(system, Newer)
    await spawning
    assert stage_.log == ["made", "made", "newer start"]


async def test_an_actor_that_is_being_taken_down_ends_by_its_old_class(
    system: ActorSystem,
) -> None:
    ended: list[str] = []
    may_end = asyncio.Event()

    class Ending(Old):
        async def on_stop(self, reason: str) -> None:
            await may_end.wait()
            ended.append(reason)

    ref = await system.spawn(Ending, "a", kwargs={"seen": []})
    restarting = asyncio.ensure_future(ref.restart())
    await settle()
    await exchange(system, New)
    may_end.set()
    await restarting
    assert ended == ["restart"]
    assert await ref.ask("hello") == "new"


async def test_a_planned_fault_keeps_its_mail_and_a_swap_revives_it(system: ActorSystem) -> None:
    node = TreeNode(system.ref("/a").address, fault="no such class")
    await system.plant(TreePlan((node,)))
    ref = system.ref("/a")
    for number in range(3):
        ref.tell_nowait(number)
    assert (ref.state, ref.status().pending) == ("failed", 3)
    seen: list[Any] = []
    async with system.quiesce(["/a"]) as quiet:
        quiet.swap([quiet.stage("/a", spec=ActorSpec.of(New, kwargs={"seen": seen}))])
    await settle()
    assert seen == [("new", 0), ("new", 1), ("new", 2)]
    check_account(system)


async def test_a_swap_of_a_quarantined_actor_gives_it_a_whole_budget(system: ActorSystem) -> None:
    ref, _ = await spawn_old(
        system, on_error="restart", budget={"max": 1}, backoff={"initial": 0.1, "jitter": 0}
    )
    for _ in range(2):
        ref.tell_nowait("boom")
        await asyncio.sleep(0.2)
    assert ref.state == "failed"
    await exchange(system)
    await settle()
    assert states(system) == {"/a": "running"}
    ref.tell_nowait("boom")
    await asyncio.sleep(0.2)
    assert states(system) == {"/a": "running"}


async def test_a_swap_of_an_actor_that_a_person_holds_does_not_start_it(
    system: ActorSystem,
) -> None:
    stage_ = Stage(system)
    await stage_.bring("failed")
    await stage_.ref.stop()
    await exchange(system, Newer)
    await settle()
    assert (stage_.ref.state, stage_.ref.held) == ("stopped", True)


# ---- the old behaviour


async def test_the_old_behaviour_can_act_no_more(system: ActorSystem) -> None:
    ref, _ = await spawn_old(system)
    old = behaviour(system, "/a", Old)
    await exchange(system)
    for act in (
        lambda: old.send_after(1, "x"),
        lambda: old.send_every(1, "x"),
        lambda: old.cancel_timer("x"),
        lambda: old.watch("/a"),
        lambda: old.unwatch("/a"),
        lambda: old.create_task(forever()),
        old.exit,
    ):
        with pytest.raises(Detached, match="this instance of /a was exchanged for a newer one"):
            act()
    with pytest.raises(Detached):
        await old.spawn(Recorder, "x")
    assert ref.state == "running"


async def test_a_behaviour_that_was_staged_and_dropped_can_act_no_more(
    system: ActorSystem,
) -> None:
    await spawn_old(system)
    async with system.quiesce(["/a"]) as quiet:
        (staged,) = stage(system, quiet)
    assert staged.behaviour is not None
    with pytest.raises(Detached):
        staged.behaviour.send_after(1, "x")
