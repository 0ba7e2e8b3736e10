"""What passes a closed gate: as much as the messages in hand wait for, and nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aplay_host.kernel import (
    Actor,
    ActorSystem,
    MailboxFull,
)

from .actors import (
    Hooked,
    Runner,
    begin,
    check_account,
    now,
    settle,
)
from .exchanges import Latch, asking, exchange, plain, spawn_old


async def test_two_held_actors_that_ask_each_other_finish_in_order(either: ActorSystem) -> None:
    a, seen_a = await spawn_old(either, "a", max_tasks=2)
    b, seen_b = await spawn_old(either, "b", max_tasks=2)
    go = asyncio.Event()
    answers = [
        await begin(a.ask(asking(b, "asked by a", go))),
        await begin(b.ask(asking(a, "asked by b", go))),
    ]
    entering = await begin(either.quiesce(["/a", "/b"]).__aenter__())
    for ref in (a, b):
        ref.tell_nowait("before")
    go.set()
    quiet = await entering
    for ref in (a, b):
        ref.tell_nowait("after")
    assert await asyncio.gather(*answers) == ["old", "old"]
    assert plain(seen_a) == [("old", "before"), ("old", "asked by b")]
    assert plain(seen_b) == [("old", "before"), ("old", "asked by a")]
    await quiet.__aexit__()
    await settle()
    assert plain(seen_a)[2:] == plain(seen_b)[2:] == [("old", "after")]
    check_account(either)


@pytest.mark.parametrize("sent", ["before the gate closes", "after it"])
async def test_a_request_of_a_message_in_hand_passes_the_gate_with_all_before_it(
    either: ActorSystem, sent: str
) -> None:
    asker, _ = await spawn_old(either, "asker")
    asked, seen = await spawn_old(either, "asked")
    latch, go = Latch(), asyncio.Event()
    asked.tell_nowait(latch)
    asked.tell_nowait("before")
    if sent == "before the gate closes":
        go.set()
    asking_it = await begin(asker.ask(asking(asked, "asked", go)))
    if not go.is_set():
        asked.tell_nowait("between")
    block = either.quiesce(["/asker", "/asked"])
    entering = await begin(block.__aenter__())
    go.set()
    await settle()
    asked.tell_nowait("after")
    latch.may_end.set()
    assert await asking_it == "old"
    await entering
    between = [] if sent == "before the gate closes" else ["between"]
    assert [msg for _, msg in plain(seen)] == ["before", *between, "asked"]
    await block.__aexit__()
    await settle()
    assert [msg for _, msg in plain(seen)][-1] == "after"


async def test_a_request_by_way_of_an_actor_that_is_not_held_passes_the_gate(
    either: ActorSystem,
) -> None:
    asker, _ = await spawn_old(either, "asker")
    middle, _ = await spawn_old(either, "middle")
    target, seen = await spawn_old(either, "target")
    go = asyncio.Event()
    outcome = await begin(asker.ask(asking(middle, asking(target, "asked"), go)))
    block = either.quiesce(["/asker", "/target"])
    entering = await begin(block.__aenter__())
    assert target.state == "paused"
    go.set()
    assert await outcome == "old"
    await entering
    assert plain(seen) == [("old", "asked")]
    await block.__aexit__()


async def test_a_request_of_somebody_else_waits(either: ActorSystem) -> None:
    ref, seen = await spawn_old(either)
    other, _ = await spawn_old(either, "b")
    async with either.quiesce(["/a"]):
        asked = await begin(other.ask(asking(ref, "asked")))
        assert seen == []
    assert await asked == "old"


async def test_a_request_that_a_drop_took_out_of_line_lets_nothing_more_pass(
    system: ActorSystem,
) -> None:
    asker, _ = await spawn_old(system, "asker")
    target, seen = await spawn_old(
        system, "target", mailbox={"capacity": 1, "overflow": "drop_oldest"}
    )
    latch, go = Latch(), asyncio.Event()
    target.tell_nowait(latch)
    asking_it = await begin(asker.ask(asking(target, "asked", go)))
    block = system.quiesce(["/asker", "/target"])
    entering = await begin(block.__aenter__())
    go.set()
    await settle()
    target.tell_nowait("newer")
    with pytest.raises(MailboxFull):
        await asking_it
    latch.may_end.set()
    await entering
    assert plain(seen) == []
    await block.__aexit__()
    await settle()
    assert plain(seen) == [("old", "newer")]
    check_account(system)


async def test_a_notice_at_the_head_of_the_line_does_not_take_the_place_of_a_request(
    system: ActorSystem,
) -> None:
    async def watch(actor: Actor) -> None:
        actor.watch("/other")

    asker, _ = await spawn_old(system, "asker")
    target, _seen = await spawn_old(system, "target")
    other, _ = await spawn_old(system, "other")
    await target.ask(watch)
    latch, go = Latch(), asyncio.Event()
    target.tell_nowait(latch)
    asking_it = await begin(asker.ask(asking(target, "asked", go)))
    block = system.quiesce(["/asker", "/target"])
    entering = await begin(block.__aenter__())
    go.set()
    await settle()
    await other.remove()
    latch.may_end.set()
    assert await asking_it == "old"
    await entering
    assert now() < 1.0
    await block.__aexit__()


@pytest.mark.parametrize("sent", ["before the gate closes", "after it"])
async def test_a_tell_of_a_message_in_hand_gets_room_behind_the_gate(
    system: ActorSystem, sent: str
) -> None:
    target, seen = await spawn_old(system, "target", mailbox={"capacity": 1, "overflow": "wait"})
    latch, go = Latch(), asyncio.Event()
    target.tell_nowait(latch)
    await latch.begun.wait()
    target.tell_nowait("waits")

    async def tell(_: Actor) -> None:
        await go.wait()
        await target.tell("told")

    async def tell_first() -> None:
        await target.tell("told first")

    stranger = await begin(tell_first())
    sender = await system.spawn(Runner, "sender")
    if sent == "before the gate closes":
        go.set()
    done = await begin(sender.ask(tell))
    block = system.quiesce(["/sender", "/target"])
    entering = await begin(block.__aenter__())
    go.set()
    latch.may_end.set()
    await done
    await entering
    await stranger
    assert [msg for _, msg in plain(seen)] == ["waits", "told first"]
    assert now() < 1.0
    await block.__aexit__()
    await settle()
    assert [msg for _, msg in plain(seen)] == ["waits", "told first", "told"]
    check_account(system)


async def test_a_start_that_is_waited_for_gets_its_answers_from_a_held_actor(
    system: ActorSystem,
) -> None:
    slow, _seen = await spawn_old(system, "slow")
    latch, go = Latch(), asyncio.Event()
    slow.tell_nowait(latch)
    await asyncio.sleep(1)

    async def ask(_: Actor) -> None:
        await go.wait()
        await slow.ask("asked")

    spawning = await begin(system.spawn(Hooked, "starting", kwargs={"starting": ask}))
    block = system.quiesce(["/slow", "/starting"])
    entering = await begin(block.__aenter__())
    latch.may_end.set()
    await settle()
    assert slow.state == "paused"
    go.set()
    await spawning
    await entering
    assert now() < 2.0
    await block.__aexit__()


async def test_within_the_block_nothing_passes_the_gate(either: ActorSystem) -> None:
    """Not even a request that a task of an earlier message has left behind."""
    left: list[asyncio.Task[Any]] = []
    go = asyncio.Event()
    target, seen = await spawn_old(either, "target")
    middle, _ = await spawn_old(either, "middle")

    async def leave_a_task(_: Actor) -> None:
        left.append(asyncio.create_task(middle.ask(asking(target, "asked", go))))
        await settle(5)

    ref, _ = await spawn_old(either)
    await ref.ask(leave_a_task)
    async with either.quiesce(["/a", "/target"]):
        go.set()
        await settle()
        assert seen == []
    assert await left[0] == "old"


async def test_who_asks_on_and_on_is_answered_by_the_old_code_and_then_by_the_new(
    either: ActorSystem,
) -> None:
    ref, _ = await spawn_old(either)
    halfway, go_on, answers = asyncio.Event(), asyncio.Event(), []

    async def ask_on(_: Actor) -> None:
        for number in range(100):
            if number == 50:
                halfway.set()
                await go_on.wait()
            answers.append(await ref.ask("hello"))

    asker, _ = await spawn_old(either, "asker")
    done = await begin(asker.ask(ask_on))
    await halfway.wait()
    await exchange(either)
    go_on.set()
    await done
    assert answers == ["old"] * 50 + ["new"] * 50
    check_account(either)
