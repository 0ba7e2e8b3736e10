"""Holding actors between two messages: what is waited for, and for how long."""

from __future__ import annotations

import asyncio

import pytest

from aplay_host.kernel import (
    Actor,
    ActorStopped,
    ActorSystem,
    AskTimeout,
    BadAddress,
    Busy,
    MessageFailed,
    SelfWait,
    StartFailed,
    Terminated,
)

from .actors import (
    Hooked,
    begin,
    check_account,
    counts_of,
    forever,
    ignore_cancels,
    listen,
    now,
    settle,
    states,
)
from .exchanges import Latch, plain, spawn_old
from .stage import Stage

# ---- the gate


async def test_mail_sent_during_a_hold_is_handled_once_in_order_after_it(
    either: ActorSystem,
) -> None:
    ref, seen = await spawn_old(either)
    ref.tell_nowait(0)
    async with either.quiesce(["/a"]):
        assert ref.state == "paused"
        for number in (1, 2):
            await ref.tell(number)
        asked = await begin(ref.ask(3))
        ref.tell_nowait(4)
        await asyncio.sleep(1)
        assert counts_of(ref.status()) == (5, 0, 0, 0, 5, 0)
    assert await asked == "old"
    await settle()
    assert [msg for _, msg in seen] == [0, 1, 2, 3, 4]
    assert counts_of(ref.status()) == (5, 5, 0, 0, 0, 0)


async def test_entering_waits_for_the_message_in_hand_and_begins_no_other(
    either: ActorSystem,
) -> None:
    ref, seen = await spawn_old(either)
    latch = Latch()
    for message in (latch, 1, 2):
        ref.tell_nowait(message)
    await latch.begun.wait()
    block = either.quiesce(["/a"])
    entering = await begin(block.__aenter__())
    assert not entering.done()
    latch.may_end.set()
    await entering
    assert plain(seen) == []
    assert counts_of(ref.status()) == (3, 1, 0, 0, 2, 0)
    await block.__aexit__()
    await settle()
    assert plain(seen) == [("old", 1), ("old", 2)]


async def test_all_slots_of_an_actor_are_waited_for(system: ActorSystem) -> None:
    ref, _ = await spawn_old(system, max_tasks=3)
    latches = [Latch() for _ in range(4)]
    for latch in latches:
        ref.tell_nowait(latch)
    await latches[2].begun.wait()
    block = system.quiesce(["/a"])
    entering = await begin(block.__aenter__())
    for latch in latches[:3]:
        assert not entering.done()
        latch.may_end.set()
        await settle()
    await entering
    assert not latches[3].begun.is_set()
    latches[3].may_end.set()
    await block.__aexit__()
    await settle()
    assert ref.status().handled == 4


async def test_who_is_at_a_message_for_long_is_held_first(system: ActorSystem) -> None:
    slow, _ = await spawn_old(system, "slow")
    quick, _seen = await spawn_old(system, "quick")
    latch = Latch()
    slow.tell_nowait(latch)
    await latch.begun.wait()
    await asyncio.sleep(0.06)
    block = system.quiesce(["/quick", "/slow"])
    entering = await begin(block.__aenter__())
    assert (slow.state, quick.state) == ("paused", "running")
    assert await quick.ask("hello") == "old"
    latch.may_end.set()
    await entering
    assert (slow.state, quick.state) == ("paused", "paused")
    await block.__aexit__()


async def test_other_actors_are_not_held(system: ActorSystem) -> None:
    await spawn_old(system)
    other, _ = await spawn_old(system, "b")
    async with system.quiesce(["/a"]):
        assert await other.ask("hello") == "old"


async def test_an_address_without_an_actor_is_refused(system: ActorSystem) -> None:
    with pytest.raises(BadAddress, match="/nobody: no actor lives there"):
        system.quiesce(["/nobody"])
    assert system.quiet is None


async def test_an_actor_named_twice_is_held_once(system: ActorSystem) -> None:
    ref, _ = await spawn_old(system)
    async with system.quiesce(["/a", "/a"]) as quiet:
        assert [view.address for view in quiet.cells] == ["/a"]
    assert ref.state == "running"


async def test_the_time_of_an_ask_runs_on_behind_the_gate_and_it_says_where_it_was(
    either: ActorSystem,
) -> None:
    ref, seen = await spawn_old(either)
    async with either.quiesce(["/a"]):
        with pytest.raises(AskTimeout, match=r"actor is paused, .* not begun, 1 messages in line"):
            await ref.ask("late", timeout=0.5)
    await settle()
    assert seen == []
    assert either.dead_letters.counts["expired"] == 1
    check_account(either)


async def test_ticks_and_notices_wait_behind_the_gate_too(system: ActorSystem) -> None:
    async def prepare(actor: Actor) -> None:
        actor.send_every(1.0, "tick")
        actor.watch("/b")

    ref, seen = await spawn_old(system)
    other, _ = await spawn_old(system, "b")
    await ref.ask(prepare)
    async with system.quiesce(["/a"]):
        ref.tell_nowait("told")
        await asyncio.sleep(3.5)
        await other.remove()
        assert plain(seen) == []
    await settle()
    notice = Terminated(other.address, "removed")
    assert plain(seen) == [("old", notice), ("old", "told"), ("old", "tick")]
    await asyncio.sleep(0.5)
    assert plain(seen)[3:] == [("old", "tick")], "the phase is kept"


# ---- too late


async def test_past_the_deadline_the_gates_open_and_busy_names_who_was_at_work(
    either: ActorSystem,
) -> None:
    ref, seen = await spawn_old(either)
    other, _ = await spawn_old(either, "b")
    latch = Latch()
    ref.tell_nowait(latch)
    ref.tell_nowait("next")
    await settle()
    with pytest.raises(Busy, match=r"^/a: it is at work$") as caught:
        await either.quiesce(["/a", "/b"], deadline=2.0).__aenter__()
    assert (caught.value.addresses, now()) == (("/a",), 2.0)
    assert (ref.state, other.state, either.quiet) == ("running", "running", None)
    latch.may_end.set()
    await settle()
    assert plain(seen) == [("old", "next")]


async def test_with_cancel_a_handler_past_the_deadline_has_failed(either: ActorSystem) -> None:
    ref, seen = await spawn_old(either)
    failed = listen(either, MessageFailed)
    ref.tell_nowait(forever)
    ref.tell_nowait("next")
    await settle()
    async with either.quiesce(["/a"], deadline=2.0, on_busy="cancel"):
        assert now() == 2.0
        assert counts_of(ref.status()) == (2, 0, 1, 0, 1, 0)
        assert [event.directive for event in failed] == ["resume"]
    await settle()
    assert plain(seen) == [("old", "next")]


async def test_with_cancel_an_asked_handler_is_cut_and_its_asker_told(either: ActorSystem) -> None:
    ref, _ = await spawn_old(either)
    await ref.ask("warm up")
    asked = await begin(ref.ask(forever, timeout=100))
    async with either.quiesce(["/a"], deadline=2.0, on_busy="cancel"):
        pass
    with pytest.raises(ActorStopped, match="CancelledError"):
        await asked
    check_account(either)


async def test_a_handler_that_ignores_its_cancellation_makes_it_busy_a_second_later(
    system: ActorSystem,
) -> None:
    until = asyncio.Event()

    async def stubborn(_: Actor) -> None:
        await ignore_cancels(until)

    ref, _ = await spawn_old(system, max_tasks=3)
    for _ in range(3):
        ref.tell_nowait(stubborn)
    await settle()
    with pytest.raises(Busy, match="/a: it is at work"):
        await system.quiesce(["/a"], deadline=2.0, on_busy="cancel").__aenter__()
    assert now() == 3.0
    assert ref.state == "running"
    until.set()
    await settle()
    check_account(system)


async def test_a_start_past_the_deadline_makes_it_busy(system: ActorSystem) -> None:
    spawning = await begin(system.spawn(Hooked, "a", kwargs={"starting": forever}))
    with pytest.raises(Busy, match="/a: it is starting"):
        await system.quiesce(["/a"], deadline=1.0, on_busy="cancel").__aenter__()
    await system.ref("/a").remove()
    with pytest.raises(StartFailed):
        await spawning


async def test_an_endless_deadline_is_possible(system: ActorSystem) -> None:
    ref, _ = await spawn_old(system)

    async def long(_: Actor) -> None:
        await asyncio.sleep(1000)

    ref.tell_nowait(long)
    await settle()
    async with system.quiesce(["/a"], deadline=float("inf")):
        assert now() == 1000.0


# ---- by state


async def test_an_actor_that_is_starting_is_waited_for(system: ActorSystem) -> None:
    stage_ = Stage(system)
    await stage_.bring("starting")
    block = system.quiesce(["/a"])
    entering = await begin(block.__aenter__())
    assert not entering.done()
    stage_.may_start.set()
    await entering
    assert stage_.ref.state == "paused"
    await block.__aexit__()
    await stage_.finish()


async def test_an_actor_that_is_stopping_makes_it_busy(system: ActorSystem) -> None:
    stage_ = Stage(system)
    await stage_.bring("stopping")
    with pytest.raises(Busy, match="/a: it is stopping"):
        await system.quiesce(["/a"]).__aenter__()
    await stage_.finish()


@pytest.mark.parametrize("state", ["new", "restarting", "stopped", "failed"])
async def test_an_actor_where_nothing_runs_stays_as_it_is(system: ActorSystem, state: str) -> None:
    stage_ = Stage(system)
    await stage_.bring(state)
    async with system.quiesce(["/a"]) as quiet:
        assert [view.state for view in quiet.cells] == [state]
    assert stage_.ref.state == state
    assert stage_.log == []
    await stage_.finish()


async def test_an_actor_that_comes_up_while_others_are_waited_for_is_held_too(
    system: ActorSystem,
) -> None:
    stage_ = Stage(system)
    await stage_.bring("stopped")
    ref, _ = await spawn_old(system, "busy")
    latch = Latch()
    ref.tell_nowait(latch)
    await latch.begun.wait()
    block = system.quiesce(["/a", "/busy"])
    entering = await begin(block.__aenter__())
    await stage_.ref.human_start()
    assert stage_.ref.state == "running"
    latch.may_end.set()
    await entering
    assert states(system) == {"/a": "paused", "/busy": "paused"}
    await block.__aexit__()


async def test_an_actor_removed_while_another_exchange_was_under_way_is_left_out(
    system: ActorSystem,
) -> None:
    ref, _ = await spawn_old(system)
    await spawn_old(system, "b")
    async with system.quiesce(["/b"]):
        entering = await begin(system.quiesce(["/a", "/b"]).__aenter__())
        await ref.remove()
    quiet = await entering
    assert [view.address for view in quiet.cells] == ["/b"]
    await quiet.__aexit__()


# ---- two at a time


async def test_a_second_exchange_waits_for_the_first(system: ActorSystem) -> None:
    ref, _ = await spawn_old(system)
    first = await system.quiesce(["/a"]).__aenter__()
    second = await begin(system.quiesce(["/a"]).__aenter__())
    assert not second.done()
    await first.__aexit__()
    quiet = await second
    assert system.quiet == quiet
    assert ref.state == "paused"
    await quiet.__aexit__()
    assert (ref.state, system.quiet) == ("running", None)


async def test_an_exchange_that_waits_for_another_too_long_is_busy(system: ActorSystem) -> None:
    ref, _ = await spawn_old(system)
    async with system.quiesce(["/a"]) as quiet:
        with pytest.raises(Busy, match="/a: another exchange is under way"):
            await system.quiesce(["/a"], deadline=1.0).__aenter__()
        assert system.quiet is quiet
        assert ref.state == "paused"


# ---- idle


async def test_idle_ends_when_the_message_in_hand_is_over(either: ActorSystem) -> None:
    ref, _seen = await spawn_old(either)
    latch, more = Latch(), Latch()
    ref.tell_nowait(latch)
    ref.tell_nowait(more)
    await latch.begun.wait()
    waiting = await begin(either.idle("/a"))
    assert not waiting.done()
    latch.may_end.set()
    await waiting
    await settle()
    assert more.begun.is_set()
    more.may_end.set()


async def test_idle_ends_for_a_handler_that_was_handed_off(system: ActorSystem) -> None:
    ref, _ = await spawn_old(system)
    await ref.ask("warm up")
    latch = Latch()
    asked = await begin(ref.ask(latch))
    waiting = await begin(system.idle("/a"))
    assert not waiting.done()
    latch.may_end.set()
    await waiting
    await asked


async def test_idle_ends_at_once_for_an_idle_actor_and_for_none(system: ActorSystem) -> None:
    await spawn_old(system)
    await system.idle("/a")
    await system.idle("/nobody")
    assert now() == 0.0


async def test_idle_within_ones_own_handler_is_refused(either: ActorSystem) -> None:
    async def wait(actor: Actor) -> None:
        await actor.system.idle("/a")

    ref, _ = await spawn_old(either)
    await ref.ask("warm up")
    with pytest.raises(SelfWait):
        await ref.ask(wait)


async def test_idle_ends_with_an_endless_handler_only_and_its_wait_can_be_cancelled(
    system: ActorSystem,
) -> None:
    ref, _ = await spawn_old(system)
    ref.tell_nowait(forever)
    await settle()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(100):
            await system.idle("/a")
    waiting = await begin(system.idle("/a"))
    await ref.stop()
    await waiting
    check_account(system)


async def test_idle_ends_while_the_actor_restarts(system: ActorSystem) -> None:
    ref, _ = await spawn_old(system)
    latch = Latch()
    ref.tell_nowait(latch)
    await latch.begun.wait()
    waiting = await begin(system.idle("/a"))
    restarting = asyncio.ensure_future(ref.restart())
    latch.may_end.set()
    await waiting
    await restarting


async def test_idle_ends_when_a_stop_that_is_under_way_is_over(system: ActorSystem) -> None:
    stage_ = Stage(system)
    await stage_.bring("stopping")
    waiting = await begin(system.idle("/a"))
    assert not waiting.done()
    await stage_.finish()
    await waiting


async def test_idle_ends_when_a_handler_is_left_behind(either: ActorSystem) -> None:
    end = asyncio.Event()

    async def stay(_: Actor) -> None:
        await ignore_cancels(end)

    ref, _seen = await spawn_old(either)
    ref.tell_nowait(stay)
    await settle()
    waiting = await begin(either.idle("/a"))
    await ref.stop()
    await waiting
    assert now() <= 5.0
    end.set()
    check_account(either)
