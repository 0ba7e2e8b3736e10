"""A full mailbox: who is refused, who waits, and who gets the room."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aplay_host.kernel import (
    Actor,
    ActorRef,
    ActorSpec,
    ActorStopped,
    ActorSystem,
    MailboxFull,
    TreeNode,
    TreePlan,
)

from .actors import (
    Gate,
    Recorder,
    Runner,
    begin,
    behaviour,
    check_account,
    counts_of,
    forever,
    now,
    settle,
)


async def full_gate(system: ActorSystem, overflow: str, capacity: int = 2) -> ActorRef:
    """Return a blocked gate with message 0 in hand and `capacity` messages waiting."""
    mailbox = {"capacity": capacity, "overflow": overflow}
    ref = await system.spawn(Gate, "gate", mailbox=mailbox)
    ref.tell_nowait(0)
    await settle()
    for n in range(capacity):
        ref.tell_nowait(n + 1)
    return ref


@pytest.mark.parametrize("overflow", ["reject", "wait"])
async def test_tell_nowait_into_a_full_mailbox_is_refused(
    system: ActorSystem, overflow: str
) -> None:
    ref = await full_gate(system, overflow)
    with pytest.raises(MailboxFull, match=rf"/gate is full: 2 of 2 waiting.* {overflow}"):
        ref.tell_nowait(3)
    assert counts_of(ref.status()) == (3, 0, 0, 0, 2, 1)


async def test_under_reject_tell_and_ask_are_refused_at_once(system: ActorSystem) -> None:
    ref = await full_gate(system, "reject")
    with pytest.raises(MailboxFull):
        await ref.tell(3)
    with pytest.raises(MailboxFull):
        await ref.ask(3)
    assert now() == 0.0
    assert counts_of(ref.status()) == (3, 0, 0, 0, 2, 1)


async def test_capacity_counts_waiting_messages_not_the_one_in_hand(system: ActorSystem) -> None:
    ref = await full_gate(system, "reject", capacity=1)
    assert counts_of(ref.status()) == (2, 0, 0, 0, 1, 1)


async def test_under_wait_tell_waits_30_seconds_and_no_longer(system: ActorSystem) -> None:
    ref = await full_gate(system, "wait")
    with pytest.raises(MailboxFull):
        await ref.tell(3)
    assert now() == 30.0
    behaviour(system, "/gate", Gate).opened.set()
    await settle()
    assert behaviour(system, "/gate", Gate).ended == [0, 1, 2]
    assert counts_of(ref.status()) == (3, 3, 0, 0, 0, 0)


async def test_under_wait_an_ask_waits_for_room_within_its_own_time(system: ActorSystem) -> None:
    ref = await full_gate(system, "wait")
    with pytest.raises(MailboxFull):
        await ref.ask(3, timeout=2.0)
    assert now() == 2.0
    asking = await begin(ref.ask(4, timeout=2.0))
    behaviour(system, "/gate", Gate).opened.set()
    assert await asking == 4
    assert now() == 2.0


async def test_waiting_for_room_counts_towards_the_time_of_an_ask(system: ActorSystem) -> None:
    mailbox = {"capacity": 1, "overflow": "wait"}
    ref = await system.spawn(Runner, "a", mailbox=mailbox)

    async def three_seconds(_: Actor) -> None:
        await asyncio.sleep(3)

    ref.tell_nowait(three_seconds)
    await settle()
    ref.tell_nowait(three_seconds)
    with pytest.raises(TimeoutError, match="not begun"):
        await ref.ask(forever, timeout=5.0)
    assert now() == 5.0


async def test_waiting_senders_get_room_in_the_order_in_which_they_came(
    system: ActorSystem,
) -> None:
    ref = await full_gate(system, "wait", capacity=1)
    tells = [await begin(ref.tell(n)) for n in range(2, 8)]
    assert counts_of(ref.status()) == (2, 0, 0, 0, 1, 1)
    behaviour(system, "/gate", Gate).opened.set()
    await asyncio.gather(*tells)
    await settle()
    assert behaviour(system, "/gate", Gate).ended == list(range(8))
    assert now() == 0.0


@pytest.mark.parametrize("slots", [1, 2])
async def test_a_waiter_gets_room_when_a_message_is_taken_not_when_it_is_handled(
    system: ActorSystem, slots: int
) -> None:
    mailbox = {"capacity": 1, "overflow": "wait"}
    ref = await system.spawn(Gate, "gate", mailbox=mailbox, max_tasks=slots)
    gate = behaviour(system, "/gate", Gate)
    for n in range(slots):
        ref.tell_nowait(n)
        await settle()
    ref.tell_nowait("waiting")
    waiter = await begin(ref.tell("waiter"))
    assert not waiter.done()
    gate.opened.set()
    gate.opened.clear()  # those in hand go on, the next is blocked again
    await settle()
    assert gate.begun[slots] == "waiting"
    assert waiter.done()
    assert counts_of(ref.status()) == (
        slots + 2,
        slots,
        0,
        0,
        0 if slots == 2 else 1,
        slots,
    )
    gate.opened.set()


async def test_a_waiter_that_comes_in_the_middle_of_a_batch_gets_the_next_room(
    system: ActorSystem,
) -> None:
    mailbox = {"capacity": 30, "overflow": "wait"}
    ref = await system.spawn(Runner, "a", mailbox=mailbox)
    blocked = asyncio.Event()

    async def quick(_: Actor) -> None: ...

    async def block(_: Actor) -> None:
        blocked.set()
        await asyncio.sleep(1)

    for n in range(30):  # batches of 1, 4, 16: the tenth is in the middle of the third
        ref.tell_nowait(block if n >= 9 else quick)
    await blocked.wait()
    for _ in range(10):
        ref.tell_nowait(block)
    waiter = await begin(ref.tell(quick))
    await asyncio.sleep(1)
    await settle()
    assert waiter.done()
    assert now() == 1.0


async def test_newcomers_queue_behind_those_that_wait(system: ActorSystem) -> None:
    ref = await full_gate(system, "wait", capacity=1)
    gate = behaviour(system, "/gate", Gate)
    waiter = await begin(ref.tell("first"))
    newcomer = await begin(ref.tell("second"))
    gate.opened.set()
    gate.opened.clear()
    await settle()
    assert waiter.done()
    assert not newcomer.done()
    with pytest.raises(MailboxFull):
        ref.tell_nowait("third")
    gate.opened.set()
    await newcomer
    await settle()
    assert gate.ended == [0, 1, "first", "second"]


async def test_the_message_of_a_cancelled_waiter_is_not_delivered(system: ActorSystem) -> None:
    ref = await full_gate(system, "wait", capacity=1)
    first, second, third = [await begin(ref.tell(name)) for name in ("first", "second", "third")]
    second.cancel()
    behaviour(system, "/gate", Gate).opened.set()
    await asyncio.gather(first, third)
    with pytest.raises(asyncio.CancelledError):
        await second
    await settle()
    assert behaviour(system, "/gate", Gate).ended == [0, 1, "first", "third"]
    assert counts_of(ref.status()) == (4, 4, 0, 0, 0, 0)


async def test_a_waiter_that_times_out_makes_way_for_the_next(system: ActorSystem) -> None:
    ref = await full_gate(system, "wait", capacity=1)
    first = await begin(ref.tell("first"))
    await asyncio.sleep(20)
    second = await begin(ref.tell("second"))
    await asyncio.sleep(11)
    assert isinstance(first.exception(), MailboxFull)
    behaviour(system, "/gate", Gate).opened.set()
    await second
    await settle()
    assert behaviour(system, "/gate", Gate).ended == [0, 1, "second"]


@pytest.mark.parametrize("room_comes", ["before the end of the wait", "after it"])
async def test_a_tell_that_got_its_room_at_the_last_instant_has_not_failed(
    system: ActorSystem, room_comes: str
) -> None:
    """One and the same turn of the loop ends the wait and, by a stop, makes the room."""
    ref = await system.spawn(Gate, "gate", mailbox={"capacity": 1, "overflow": "wait"})
    ref.tell_nowait("in hand")
    await settle()
    asking = await begin(ref.ask("makes room when it is answered", timeout=60))
    loop = asyncio.get_running_loop()
    if room_comes == "after it":
        telling = await begin(ref.tell("told"))
        loop.call_at(30.0, ref.stop)
    else:
        loop.call_at(30.0, ref.stop)
        telling = await begin(ref.tell("told"))
    await asyncio.wait({telling, asking})
    assert now() == 30.0
    accepted = telling.exception() is None
    assert accepted is (room_comes == "before the end of the wait")
    assert counts_of(ref.status()) == (2 + accepted, 0, 0, 1, int(accepted), 1)
    assert isinstance(asking.exception(), ActorStopped)


async def test_an_actor_that_tells_itself_is_refused_at_once(system: ActorSystem) -> None:
    outcome: list[Any] = []

    async def fill(actor: Actor) -> None:
        await actor.ref().tell(nothing)
        try:
            await actor.ref().tell(nothing)
        except MailboxFull as error:
            outcome.append(error)

    async def nothing(_: Actor) -> None: ...

    ref = await system.spawn(Runner, "a", mailbox={"capacity": 1, "overflow": "wait"})
    ref.tell_nowait(fill)
    await settle()
    assert now() == 0.0
    assert len(outcome) == 1
    assert counts_of(ref.status()) == (2, 2, 0, 0, 0, 0)


async def test_an_actor_that_tells_itself_while_it_starts_is_refused_at_once(
    system: ActorSystem,
) -> None:
    class Eager(Recorder):
        async def on_start(self) -> None:
            await self.ref().tell(1)
            with pytest.raises(MailboxFull):
                await self.ref().tell(2)

    seen: list[Any] = []
    kwargs = {"seen": seen}
    await system.spawn(Eager, "a", kwargs=kwargs, mailbox={"capacity": 1, "overflow": "wait"})
    await settle()
    assert now() == 0.0
    assert seen == [1]


async def test_a_stop_passes_a_full_mailbox(system: ActorSystem) -> None:
    ref = await full_gate(system, "reject")
    behaviour(system, "/gate", Gate).opened.set()
    await ref.stop()
    assert ref.state == "stopped"
    assert counts_of(ref.status()) == (3, 1, 0, 0, 2, 0)


async def test_a_stop_answers_asks_that_wait_for_room_and_lets_tells_wait_on(
    system: ActorSystem,
) -> None:
    ref = await full_gate(system, "wait", capacity=1)
    asking = await begin(ref.ask("asked", timeout=20))
    telling = await begin(ref.tell("told"))
    ref.stop()
    await settle()
    with pytest.raises(ActorStopped, match="stopped"):
        await asking
    assert now() == 0.0
    assert not telling.done()
    check_account(system)
    behaviour(system, "/gate", Gate).opened.set()
    await ref.human_start()
    await telling
    await settle()
    assert behaviour(system, "/gate", Gate).ended == [0, 1, "told"]


async def test_room_made_by_a_stop_goes_to_those_that_wait(system: ActorSystem) -> None:
    """The stop answers the waiting request; its place is free for the sender behind it."""
    ref = await system.spawn(Gate, "gate", mailbox={"capacity": 1, "overflow": "wait"})
    gate = behaviour(system, "/gate", Gate)
    ref.tell_nowait("in hand")
    await settle()
    asking = await begin(ref.ask("asked"))
    telling = await begin(ref.tell("told"))
    gate.opened.set()
    await ref.stop()
    with pytest.raises(ActorStopped):
        await asking
    await settle()
    assert telling.done()
    assert counts_of(ref.status()) == (3, 1, 0, 1, 1, 0)
    await ref.human_start()
    await settle()
    assert gate.ended == ["in hand", "told"]


async def test_a_removal_ends_every_wait_for_room(system: ActorSystem) -> None:
    ref = await full_gate(system, "wait", capacity=1)
    telling = await begin(ref.tell("told"))
    asking = await begin(ref.ask("asked"))
    behaviour(system, "/gate", Gate).opened.set()
    await ref.remove()
    await telling
    with pytest.raises(ActorStopped, match="removed"):
        await asking
    assert now() == 0.0
    assert [letter.message for letter in system.dead_letters] == ["asked", 1, "told"]
    assert system.status().dead == 3
    check_account(system)


async def test_an_actor_that_has_not_started_fills_up_too(system: ActorSystem) -> None:
    spec = ActorSpec.of(Recorder, settings={"mailbox": {"capacity": 1}})
    plan = TreePlan((TreeNode(system.ref("/late").address, spec),))
    planting = system.plant(plan)
    late = system.ref("/late")
    late.tell_nowait(1)
    with pytest.raises(MailboxFull, match="actor is new"):
        late.tell_nowait(2)
    await planting
    await settle()
    assert behaviour(system, "/late", Recorder).seen == [1]


async def test_an_ask_cancelled_just_as_it_gets_its_room_is_not_run(system: ActorSystem) -> None:
    ref = await full_gate(system, "wait", capacity=1)
    gate = behaviour(system, "/gate", Gate)
    asking = await begin(ref.ask("asked"))
    gate.opened.set()
    gate.opened.clear()
    while ref.status().accepted < 3:
        await settle(1)
    asking.cancel()  # it has a place in line and does not know it yet
    gate.opened.set()
    await settle()
    assert asking.cancelled()
    assert gate.ended == [0, 1]
    assert system.dead_letters.counts == {"asker_gone": 1}
    assert counts_of(ref.status()) == (3, 2, 0, 1, 0, 0)
