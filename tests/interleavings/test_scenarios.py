"""Senders, askers and people who steer, at once, in many orders of their steps.

What every scenario is checked for is in `Play` and `Ledger`: the account, first in first out,
handled at most once, asks in time, nothing lost, nothing left. The scenarios add what they
alone can know. ``INTERLEAVING_SEEDS=20000`` plays longer.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

import pytest

from aplay_host.kernel import (
    ActorRef,
    ActorStopped,
    AplayError,
    AskCycle,
    Busy,
    Refuse,
    StartFailed,
)

from ..kernel.ledger import outcome_of
from .play import Play, Scenario, play, seeds

MIXED = ("return", "turn", "cancelled", "short", "raise", "refuse")
OUTCOMES: dict[str, type] = {
    **dict.fromkeys(("return", "turn", "short"), int),
    "raise": ValueError,
    "refuse": Refuse,
    "cancelled": ActorStopped,
}
"""What becomes of an ask, by deed, if nobody stops, restarts or removes the actor."""
PATIENT = {"max": 1000}
"""A budget that no scenario spends."""


async def settled(ref: ActorRef) -> None:
    """Wait until the actor runs and has nothing to do any more."""
    while is_busy(ref):  # noqa: ASYNC110 - nobody tells when the last message is over
        await asyncio.sleep(0.1)


def is_busy(ref: ActorRef) -> bool:
    status = ref.status()
    return bool(status.state != "running" or status.pending or status.in_hand)


def assert_all_begun(play: Play, *addresses: str) -> None:
    """Check that every order that was accepted there, and did not expire, reached its handler."""
    for (address, _), tally in play.ledger.tallies.items():
        lost = tally.sure - tally.begun - tally.unclear
        assert not lost or address not in addresses, f"{address} lost {sorted(lost)}"


# Messages


async def many_senders_and_little_room(play: Play) -> None:
    ref = await play.spawn("/a", mailbox={"capacity": 2, "overflow": "wait"})
    for name in ("first", "second", "third"):
        play.go(play.tells(ref, name, MIXED, wait=True))
    play.go(play.tells(ref, "hasty", MIXED, wait=False))
    for deed in MIXED:  # one sender who does not wait for himself
        play.go(play.tells(ref, "impatient", (deed,), wait=True))
    await play.all_done()
    await settled(ref)
    assert_all_begun(play, "/a")


async def three_slots(play: Play) -> None:
    ref = await play.spawn("/a", max_tasks=3, mailbox={"capacity": 3, "overflow": "wait"})
    for name in ("first", "second", "third"):
        play.go(play.tells(ref, name, MIXED, wait=True))
    play.go(play.asks(ref, "asker", MIXED))
    await play.all_done()
    await settled(ref)
    assert_all_begun(play, "/a")


async def senders_who_give_up_waiting(play: Play) -> None:
    ref = await play.spawn("/a", mailbox={"capacity": 1, "overflow": "wait"})
    ref_tasks = [
        play.go(play.tells(ref, f"sender {number}", ("short", "return"), wait=True))
        for number in range(4)
    ]
    for task in ref_tasks[::2]:
        await play.breathe()
        task.cancel()
    await play.all_done()
    await settled(ref)
    assert_all_begun(play, "/a")


async def actors_that_talk_to_each_other(play: Play) -> None:
    for address in ("/a", "/b", "/c"):
        await play.spawn(address, max_tasks=2, mailbox={"capacity": 2, "overflow": "wait"})

    async def chatter(sender: str, target: str, deed: str, other: str) -> None:
        for _ in range(4):
            order = play.ledger.order(sender, deed, other)
            await play.ledger.tell(play.system.ref(target), order)
            await play.breathe()

    play.go(chatter("first", "/a", "forward", "/b"))
    play.go(chatter("second", "/b", "ask", "/c"))
    play.go(chatter("third", "/c", "forward", "/a"))
    await play.breathe()
    await play.system.ref("/c").restart()


# Asks


async def askers_and_their_deadlines(play: Play) -> None:
    ref = await play.spawn("/a", mailbox={"capacity": 2, "overflow": "wait"})
    for number, timeout in enumerate((0.05, 0.3, 1.5, 5.0)):
        play.go(play.asks(ref, f"asker {number}", ("short", "return", "long"), timeout))
    play.go(play.tells(ref, "sender", MIXED, wait=True))


async def askers_alone(play: Play) -> None:
    ref = await play.spawn("/a", max_tasks=play.random.choice((1, 2)))
    asking = [play.go(play.asks(ref, f"asker {number}", MIXED)) for number in range(4)]
    await play.all_done()
    for asker in asking:  # the same, whether requests are handed off or stand in line
        assert [type(outcome) for outcome in await asker] == [OUTCOMES[deed] for deed in MIXED]
    assert_all_begun(play, "/a")


async def askers_who_are_cancelled(play: Play) -> None:
    ref = await play.spawn("/a", mailbox={"capacity": 2, "overflow": "wait"})
    askers = [play.go(play.asks(ref, f"asker {n}", ("short", "turn", "return"))) for n in range(5)]
    play.go(play.tells(ref, "sender", MIXED, wait=True))
    for asker in askers[::2]:
        await play.breathe()
        asker.cancel()
    await play.all_done()
    await settled(ref)


async def an_asker_behind_his_own_tells(play: Play) -> None:
    ref = await play.spawn("/a")

    async def tell_and_ask(name: str) -> None:
        for _ in range(5):
            play.ledger.tell_nowait(ref, play.ledger.order(name, "turn"))
            await play.asks(ref, name, ("return",))

    for name in ("first", "second"):
        play.go(tell_and_ask(name))


async def asks_in_a_circle(play: Play) -> None:
    for address in ("/a", "/b"):
        await play.spawn(address)

    async def ask(address: str, other: str) -> None:
        order, began = play.ledger.order(f"asker of {address}", "circle", other), play.loop.time()
        ref = play.system.ref(address)
        outcome = await outcome_of(play.ledger.ask(ref, order, timeout=20.0))
        assert isinstance(outcome, AskCycle), outcome
        assert play.loop.time() < began + 1.0, "found out by time, not by looking"

    play.go(play.tells(play.system.ref("/b"), "sender", MIXED, wait=True))
    for _ in range(3):
        await ask("/a", "/b")
        await play.breathe()


# Life


async def a_person_who_stops_and_starts(play: Play) -> None:
    ref = await play.spawn("/a", stops=("turn", "short", "raise"))
    play.go(play.tells(ref, "sender", MIXED * 2, wait=True))
    play.go(play.tells(ref, "hasty", MIXED * 2, wait=False))
    if play.random.random() < 0.7:
        play.go(play.asks(ref, "asker", MIXED))
    for _ in range(3):
        await play.breathe()
        await ref.stop()
        await asyncio.sleep(0.01)  # the clock moves when all that can be done is done
        assert ref.held
        play.ledger.check(idle=True)
        with pytest.raises(StartFailed):
            await ref.start()
        await ref.human_start()
    await play.all_done()
    await settled(ref)
    tally = play.ledger.tallies["/a", 0]
    assert tally.sure - tally.begun <= play.ledger.asks  # a stop answers requests, that is all


async def starts_that_take_their_time(play: Play) -> None:
    async def spawn() -> None:
        with suppress(StartFailed):
            await play.spawn("/a", starts=("short", "raise", "turn"), budget=PATIENT)

    play.go(spawn())
    ref = play.system.ref("/a")
    play.go(play.tells(ref, "sender", MIXED, wait=True))
    play.go(play.asks(ref, "asker", MIXED))
    await play.breathe()
    with suppress(ActorStopped, StartFailed):
        ref.stop()
        await play.breathe()
        await ref.human_start()


async def restarts_on_error_and_on_demand(play: Play) -> None:
    ref = await play.spawn(
        "/a", stops=("short",), starts=("turn", "raise"), on_error="restart", budget=PATIENT
    )
    play.go(play.tells(ref, "sender", MIXED, wait=True))
    play.go(play.tells(ref, "hasty", ("task", "exit", "restart", "fail"), wait=False))
    play.go(play.asks(ref, "asker", MIXED, timeout=20.0))
    for _ in range(3):
        await play.breathe()
        with suppress(StartFailed):
            await ref.restart()
    await play.all_done()
    await settled(ref)
    assert_all_begun(play, "/a")


async def a_crash_loop(play: Play) -> None:
    ref = await play.spawn("/a", on_error="restart", budget={"max": 2})
    play.go(play.tells(ref, "troubler", ("raise", "return") * 4, wait=True))
    play.go(play.asks(ref, "asker", MIXED, timeout=20.0))
    for _ in range(3):
        await asyncio.sleep(play.random.choice((1.0, 10.0)))
        await ref.start()
    await play.all_done()
    play.ledger.check()


async def removed_and_made_again(play: Play) -> None:
    ref = await play.spawn("/a", mailbox={"capacity": 2, "overflow": "wait"})
    play.go(play.tells(ref, "sender", MIXED, wait=True))
    play.go(play.tells(ref, "hasty", MIXED, wait=False))
    play.go(play.asks(ref, "asker", MIXED))
    for _ in range(3):
        await play.breathe()
        await ref.remove()
        await play.breathe()
        await play.spawn("/a", mailbox={"capacity": 2, "overflow": "wait"})


async def a_handler_that_is_left_behind(play: Play) -> None:
    ref = await play.spawn("/a", max_tasks=2)
    play.go(play.tells(ref, "sender", ("return", "stubborn", *MIXED, "stubborn"), wait=True))
    play.go(play.asks(ref, "asker", ("turn", "stubborn", "return"), timeout=20.0))
    for _ in range(2):
        await play.breathe()
        await ref.stop()
        await ref.human_start()
        play.ledger.check()
    play.end.set()
    await play.all_done()
    await settled(ref)
    play.ledger.check()


async def people_who_disagree(play: Play) -> None:
    ref = await play.spawn("/a", starts=("return", "short"), stops=("turn", "short"))

    async def steer() -> None:
        for _ in range(5):
            verb = play.random.choice(("stop", "start", "human_start", "restart"))
            op = getattr(ref, verb)()
            await play.breathe()
            with suppress(StartFailed):
                await op

    play.go(play.tells(ref, "sender", MIXED, wait=True))
    play.go(play.asks(ref, "asker", MIXED))
    play.go(steer())
    play.go(steer())
    await play.all_done()
    await ref.human_start()
    await settled(ref)
    tally = play.ledger.tallies["/a", 0]
    assert tally.sure - tally.begun <= play.ledger.asks


# Exchanges


async def exchange(play: Play, *addresses: str, swap: bool = True) -> None:
    """Hold actors for a moment, and give them a new instance of their class."""
    async with play.system.quiesce(addresses) as quiet:
        begun = [set(play.ledger.tallies[address, 0].begun) for address in addresses]
        await play.breathe()
        assert [play.ledger.tallies[address, 0].begun for address in addresses] == begun
        if swap:
            quiet.swap([quiet.stage(address) for address in addresses])


async def new_behaviours_amid_traffic(play: Play) -> None:
    ref = await play.spawn("/a", max_tasks=2)
    play.go(play.tells(ref, "sender", MIXED * 2, wait=True))
    play.go(play.tells(ref, "hasty", ("ticks", *MIXED, "untick"), wait=False))
    play.go(play.asks(ref, "asker", MIXED, timeout=20.0))
    for number in range(3):
        await play.breathe()
        await exchange(play, "/a", swap=number != 1)
    await play.all_done()
    await play.asks(ref, "judge", ("return",))  # who does one thing right is on trial no more
    await settled(ref)
    assert_all_begun(play, "/a")
    assert ref.status().generation == 3


async def an_exchange_of_actors_that_ask_each_other(play: Play) -> None:
    for address in ("/a", "/b"):
        await play.spawn(address, max_tasks=2, mailbox={"overflow": "wait", "capacity": 2})

    async def ask(address: str, other: str) -> None:
        for _ in range(4):
            order = play.ledger.order(f"asker of {address}", "ask", other)
            await outcome_of(play.ledger.ask(play.system.ref(address), order))

    async def hold() -> None:
        play.ledger.exchanges += 1  # what is asked within is let through
        with suppress(Busy):
            async with play.system.quiesce(("/a", "/b"), deadline=1.0):
                await play.breathe()
        play.ledger.exchanges -= 1

    play.go(ask("/a", "/b"))
    play.go(ask("/b", "/a"))
    play.go(play.tells(play.system.ref("/a"), "sender", MIXED, wait=True))
    for _ in range(3):
        await play.breathe()
        await hold()
    await play.all_done()
    await settled(play.system.ref("/a"))
    assert_all_begun(play, "/a", "/b")


async def verbs_for_actors_that_are_held(play: Play) -> None:
    ref = await play.spawn("/a", stops=("turn",))
    play.go(play.tells(ref, "sender", MIXED, wait=True))
    play.go(play.asks(ref, "asker", MIXED, timeout=20.0))
    verb = play.random.choice(("stop", "restart", "remove"))
    async with play.system.quiesce(("/a",)) as quiet:
        op = getattr(ref, verb)()
        await play.breathe()
        assert (ref.state == "paused") == (verb != "remove")
        if verb != "remove":
            quiet.swap([quiet.stage("/a")])
    if verb == "restart":
        await settled(ref)
    else:
        await op
    assert ref.state == {"stop": "stopped", "restart": "running", "remove": "removed"}[verb]
    if verb == "stop":
        await ref.human_start()


# Timers and watches


async def timers_and_their_ends(play: Play) -> None:
    ref = await play.spawn("/a", on_error="restart", budget=PATIENT)
    deeds = ("ticks", "tick", "return", "untick", "short", "ticks", "raise", "tick", "untick")
    play.go(play.tells(ref, "sender", deeds * 2, wait=True))
    play.go(play.asks(ref, "asker", ("short", "tick", "long"), timeout=20.0))
    await play.breathe()
    await ref.stop()
    await ref.human_start()
    await play.all_done()
    await asyncio.sleep(2.0)
    play.ledger.check()


async def who_watches_is_told(play: Play) -> None:
    watcher = await play.spawn("/a")
    play.go(play.tells(watcher, "sender", MIXED, wait=True))
    for told in range(2):
        target = await play.spawn("/b")
        order = play.ledger.order("watcher", "watch", "/b")
        assert await play.ledger.ask(watcher, order) == order.number
        play.go(play.tells(target, f"sender {told}", MIXED, wait=True))
        await play.breathe()
        await target.restart()
        assert play.ledger.tallies["/a", 0].own == told
        await target.remove()
        await settled(watcher)
        assert play.ledger.tallies["/a", 0].own == told + 1


# Families


async def a_parent_that_restarts_with_its_child(play: Play) -> None:
    settings = {"on_error": "restart", "budget": PATIENT}
    parent = await play.spawn("/p", children={"x": settings}, **settings)
    child = play.system.ref("/p/x")
    play.go(play.tells(child, "sender", MIXED, wait=True))
    play.go(play.asks(child, "asker", MIXED, timeout=20.0))
    play.go(play.tells(parent, "troubler", ("raise", "return"), wait=True))
    for _ in range(2):
        await play.breathe()
        await parent.restart()
    await play.all_done()
    await settled(parent)
    await settled(child)
    assert_all_begun(play, "/p", "/p/x")


async def siblings_that_share_a_fate(play: Play) -> None:
    strategy = play.random.choice(("one_for_all", "rest_for_one"))
    settings = {"on_error": "restart", "budget": PATIENT}
    await play.spawn("/p", children={"x": settings, "y": settings}, strategy=strategy)
    for name in ("x", "y"):
        ref = play.system.ref(f"/p/{name}")
        play.go(play.tells(ref, f"sender to {name}", MIXED, wait=True))
        play.go(play.asks(ref, f"asker of {name}", ("return", "raise"), timeout=20.0))
    await play.breathe()
    with suppress(StartFailed):  # its sibling may take it down in the middle of it
        await play.system.ref("/p/y").restart()
    await play.all_done()
    for name in ("x", "y"):
        await settled(play.system.ref(f"/p/{name}"))
    assert_all_begun(play, "/p/x", "/p/y")


async def a_failure_that_is_the_parents(play: Play) -> None:
    child = {"on_error": "escalate", "budget": PATIENT}
    await play.spawn("/p", children={"x": child, "y": {}}, on_error="restart", budget=PATIENT)
    for name in ("x", "y"):
        ref = play.system.ref(f"/p/{name}")
        play.go(play.tells(ref, f"sender to {name}", MIXED, wait=True))
    await play.all_done()
    for name in ("x", "y"):
        await settled(play.system.ref(f"/p/{name}"))
    assert_all_begun(play, "/p/x", "/p/y")


async def the_end_amid_traffic(play: Play) -> None:
    await play.spawn("/p", children={"x": {}, "y": {"max_tasks": 2}}, stops=("short",))
    await play.spawn("/a", mailbox={"capacity": 1, "overflow": "wait"})
    for number, address in enumerate(("/p", "/p/x", "/p/y", "/a")):
        ref = play.system.ref(address)
        deeds = (*MIXED, play.random.choice(("endless", "stubborn", "long")), *MIXED)
        play.go(play.tells(ref, f"sender {number}", deeds, wait=True))
        play.go(play.asks(ref, f"asker {number}", deeds))
    await play.breathe()
    with suppress(AplayError):
        play.go(play.spawn("/p/z")).cancel()
    await play.system.shutdown(play.random.choice((0.0, 0.5, 30.0)))


SCENARIOS: tuple[Scenario, ...] = (
    many_senders_and_little_room,
    three_slots,
    senders_who_give_up_waiting,
    actors_that_talk_to_each_other,
    askers_and_their_deadlines,
    askers_alone,
    askers_who_are_cancelled,
    an_asker_behind_his_own_tells,
    asks_in_a_circle,
    a_person_who_stops_and_starts,
    starts_that_take_their_time,
    restarts_on_error_and_on_demand,
    a_crash_loop,
    removed_and_made_again,
    a_handler_that_is_left_behind,
    people_who_disagree,
    new_behaviours_amid_traffic,
    an_exchange_of_actors_that_ask_each_other,
    verbs_for_actors_that_are_held,
    timers_and_their_ends,
    who_watches_is_told,
    a_parent_that_restarts_with_its_child,
    siblings_that_share_a_fate,
    a_failure_that_is_the_parents,
    the_end_amid_traffic,
)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_every_order_of_steps_keeps_the_promises(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("aplay_host.kernel"), "disabled", True)
    for seed in seeds(share=len(SCENARIOS)):
        play(scenario, seed)
