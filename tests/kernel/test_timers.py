"""Timers: messages of one's own that come later, one at a time, and end with the instance."""

from __future__ import annotations

import asyncio
import itertools
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aplay_host.kernel import Actor, ActorRef, ActorSystem, DeadLettered, NotBound
from aplay_host.testing import VirtualTimeLoop

from .actors import (
    Recorder,
    begin,
    behaviour,
    cell,
    check_account,
    counts_of,
    listen,
    now,
    settle,
    timers,
)


class Clock(Actor):
    """Runs jobs; notes every other message with its time, and is busy with it for a while."""

    def __init__(self, ticks: list[tuple[Any, float]] | None = None) -> None:
        self.ticks: list[tuple[Any, float]] = [] if ticks is None else ticks
        self.busy = 0.0

    async def msg_handler(self, msg: Any) -> Any:
        if callable(msg):
            return await msg(self)
        self.ticks.append((msg, now()))
        await asyncio.sleep(self.busy)
        return None


async def spawn_clock(system: ActorSystem, **settings: Any) -> tuple[ActorRef, Clock]:
    ref = await system.spawn(Clock, "clock", **settings)
    return ref, behaviour(system, "/clock", Clock)


async def test_a_message_comes_once_after_its_delay(system: ActorSystem) -> None:
    ref, clock = await spawn_clock(system)
    clock.send_after(2.5, "tick")
    await asyncio.sleep(10)
    assert clock.ticks == [("tick", 2.5)]
    assert counts_of(ref.status()) == (1, 1, 0, 0, 0, 0)
    assert not tuple(cell(system, "/clock").timers)


async def test_without_a_delay_it_comes_as_soon_as_the_loop_allows(system: ActorSystem) -> None:
    _, clock = await spawn_clock(system)
    clock.send_after(0, "tick")
    assert clock.ticks == []
    await settle()
    assert clock.ticks == [("tick", 0.0)]


async def test_a_message_comes_each_interval_until_it_is_cancelled(system: ActorSystem) -> None:
    _, clock = await spawn_clock(system)
    key = clock.send_every(2, "tick")
    await asyncio.sleep(7)
    assert clock.ticks == [("tick", 2.0), ("tick", 4.0), ("tick", 6.0)]
    assert clock.cancel_timer(key)
    assert not clock.cancel_timer(key)
    await asyncio.sleep(7)
    assert len(clock.ticks) == 3
    assert timers() == []


async def test_none_is_a_message_and_no_key(system: ActorSystem) -> None:
    _, clock = await spawn_clock(system)
    keys = {clock.send_after(1, None), clock.send_after(1, None, key=None)}
    assert len(keys) == 2
    assert None not in keys
    await asyncio.sleep(2)
    assert clock.ticks == [(None, 1.0), (None, 1.0)]


async def test_a_timer_under_the_same_key_is_replaced(system: ActorSystem) -> None:
    _, clock = await spawn_clock(system)
    assert clock.send_every(1, "old", key="k") == "k"
    assert clock.send_after(1.5, "new", key="k") == "k"
    clock.send_after(1, "other", key="l")
    await asyncio.sleep(5)
    assert clock.ticks == [("other", 1.0), ("new", 1.5)]


async def test_a_handler_may_set_its_own_timer_anew(system: ActorSystem) -> None:
    ticks: list[float] = []

    class Again(Actor):
        async def on_start(self) -> None:
            self.send_after(1, "tick", key="k")

        async def msg_handler(self, msg: str) -> None:
            ticks.append(now())
            if len(ticks) < 3:
                self.send_after(len(ticks) + 1, msg, key="k")

    await system.spawn(Again, "again")
    await asyncio.sleep(20)
    assert ticks == [1.0, 3.0, 6.0]


async def test_a_key_that_is_free_again_is_not_cancelled_by_the_timer_before(
    system: ActorSystem,
) -> None:
    """The first one's message is handled after the second one was set under its key."""
    ref, clock = await spawn_clock(system)

    async def set_two(actor: Any) -> None:
        actor.send_after(1, "first", key="k")
        await asyncio.sleep(2)  # the first waits in line by now
        actor.send_after(1, "second", key="k")

    await ref.ask(set_two)
    await asyncio.sleep(5)
    assert clock.ticks == [("second", 3.0)]
    assert system.dead_letters.counts == {"timer_cancelled": 1}


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf, -0.001])
@pytest.mark.parametrize("verb", ["send_after", "send_every"])
async def test_a_time_out_of_range_is_refused(
    system: ActorSystem, verb: str, seconds: float
) -> None:
    _, clock = await spawn_clock(system)
    with pytest.raises(ValueError, match=rf"timer: got {seconds!r} seconds, want a finite number"):
        getattr(clock, verb)(seconds, "tick")
    with pytest.raises(ValueError, match="more than 0"):
        clock.send_every(0, "tick")
    assert timers() == []


def test_an_actor_made_by_hand_has_no_timers() -> None:
    with pytest.raises(NotBound):
        Recorder().send_after(1, "tick")


# What waits in line


@pytest.mark.parametrize("end", ["cancelled", "replaced"])
async def test_a_message_that_waits_already_is_not_handled_after_its_timers_end(
    system: ActorSystem, end: str
) -> None:
    letters = listen(system, DeadLettered)
    ref, clock = await spawn_clock(system)

    async def end_it(actor: Any) -> None:
        actor.send_every(1, "tick", key="k")
        await asyncio.sleep(2.5)
        assert counts_of(ref.status()) == (2, 0, 0, 0, 1, 1)
        if end == "cancelled":
            assert actor.cancel_timer("k")
        else:
            actor.send_after(1, "new", key="k")

    await ref.ask(end_it)
    await asyncio.sleep(5)
    assert clock.ticks == ([] if end == "cancelled" else [("new", 3.5)])
    assert system.dead_letters.counts == {"timer_cancelled": 1}
    assert letters == []  # a quiet letter: nobody wanted the message any more
    check_account(system)


async def test_there_is_one_in_line_at_most_and_the_others_are_left_out(
    system: ActorSystem,
) -> None:
    ref, clock = await spawn_clock(system)

    async def be_busy(actor: Any) -> None:
        actor.send_every(1, "tick")
        for _ in range(10):
            await asyncio.sleep(1)
            assert actor.ref().status().pending == 1

    await ref.ask(be_busy, timeout=60)
    await asyncio.sleep(2.5)
    assert [when for _, when in clock.ticks] == [10.0, 11.0, 12.0]


async def test_late_ones_keep_their_phase(system: ActorSystem) -> None:
    _, clock = await spawn_clock(system)
    await asyncio.sleep(0.25)
    clock.busy = 2.5
    clock.send_every(1, "tick")
    await asyncio.sleep(9)
    # One comes while each is handled, waits, and is handled next; none is ever made up for.
    assert [when for _, when in clock.ticks] == [1.25, 3.75, 6.25, 8.75]
    clock.busy = 0.0
    clock.ticks.clear()
    await asyncio.sleep(4)
    assert [when % 1 for _, when in clock.ticks[1:]] == [0.25] * (len(clock.ticks) - 1)


async def test_a_loop_that_was_away_is_no_reason_for_a_burst(
    system: ActorSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, clock = await spawn_clock(system)
    clock.send_every(1, "tick")
    loop = asyncio.get_running_loop()
    away = [0.0]
    real = loop.time
    monkeypatch.setattr(system, "clock", lambda: real() + away[0])
    await asyncio.sleep(2)
    away[0] = 60.25  # since the last tick, the loop has done nothing for a minute
    await settle()
    await asyncio.sleep(1)
    assert len(clock.ticks) == 3
    (timer,) = timers()
    assert timer.when() == 64.0  # 3 + 60.25, and then the next of the phase


async def test_a_loop_that_is_a_little_early_does_not_tick_twice(
    system: ActorSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As loops are that count in milliseconds, or whose clock is coarse."""
    loop = asyncio.get_running_loop()
    looks = itertools.count()
    monkeypatch.setattr(system, "clock", lambda: loop.time() - (0.0004 if next(looks) % 5 else 0))
    _, clock = await spawn_clock(system)
    clock.send_every(1, "tick")
    await asyncio.sleep(4.5)
    assert [when for _, when in clock.ticks] == pytest.approx([1, 2, 3, 4], abs=0.001)


class Measured(Recorder):
    """Notes with each message how many wait behind it."""

    async def msg_handler(self, msg: Any) -> Any:
        self.seen.append((msg, self.ref().status().pending))


async def test_a_full_mailbox_is_no_hindrance_and_takes_no_more_because_of_it(
    system: ActorSystem,
) -> None:
    ref = await system.spawn(Measured, "a", mailbox={"capacity": 1, "overflow": "wait"})
    measured = behaviour(system, "/a", Measured)
    cell(system, "/a").enter("paused")  # as one that waits for its parent
    measured.send_after(1, "tick")
    await asyncio.sleep(2)
    tells = [await begin(ref.tell(n)) for n in range(3)]
    assert [telling.done() for telling in tells] == [True, False, False]
    cell(system, "/a").enter("running")
    cell(system, "/a").wake()
    await asyncio.gather(*tells)
    await settle()
    assert measured.seen == [("tick", 1), (0, 1), (1, 1), (2, 0)]


async def test_several_timers_of_several_keys_all_wait_in_a_full_mailbox(
    system: ActorSystem,
) -> None:
    ref, clock = await spawn_clock(system, mailbox={"capacity": 1, "overflow": "drop_oldest"})

    async def be_busy(actor: Any) -> None:
        for n in range(5):
            actor.send_after(1 + n / 10, n)
        await asyncio.sleep(2)
        for letter in "abc":
            actor.ref().tell_nowait(letter)
        assert actor.ref().status().pending == 6

    await ref.ask(be_busy)
    await settle()
    assert [tick for tick, _ in clock.ticks] == [0, 1, 2, 3, 4, "c"]
    assert system.dead_letters.counts == {"dropped": 2}


async def test_a_message_that_fails_does_not_end_its_timer(system: ActorSystem) -> None:
    class Failing(Actor):
        async def on_start(self) -> None:
            self.send_every(1, "tick")

        async def msg_handler(self, msg: str) -> None:
            raise ValueError(msg)

    ref = await system.spawn(Failing, "a")
    await asyncio.sleep(3.5)
    error = ref.status().last_error
    assert error is not None
    assert (error.type, ref.status().failed) == ("ValueError", 3)
    assert system.status().failed == 3


# P7


@given(
    st.lists(st.tuples(st.floats(0, 5), st.floats(0.01, 3), st.integers(0, 3)), max_size=12),
    st.floats(0, 2),
)
@settings(max_examples=60, deadline=None)
def test_timers_are_never_early_and_have_one_message_in_line_per_key(
    sets: list[tuple[float, float, int]], busy: float
) -> None:
    began: dict[tuple[int, int], tuple[float, float]] = {}
    newest: dict[int, int] = {}
    handled: list[tuple[tuple[int, int], float]] = []

    class Keyed(Actor):
        async def msg_handler(self, msg: tuple[int, int]) -> None:
            inbox = cell(self.system, "/keyed").inbox or ()
            waiting = [tick.timer.key for tick in inbox if not tick.timer.is_cancelled]
            assert len(waiting) == len(set(waiting))
            assert newest[msg[0]] == msg[1]  # a timer that was replaced says nothing any more
            handled.append((msg, now()))
            await asyncio.sleep(busy)

    async def run() -> None:
        async with ActorSystem() as system:
            ref = await system.spawn(Keyed, "keyed")
            actor = behaviour(system, "/keyed", Keyed)
            for number, (pause, interval, key) in enumerate(sets):
                await asyncio.sleep(pause)
                newest[key] = number
                began[key, number] = now(), interval
                actor.send_every(interval, (key, number), key=key)
            await asyncio.sleep(10)
            assert ref.status().failed == 0
            check_account(system)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(run())
    counts: dict[tuple[int, int], int] = {}
    for msg, when in handled:
        counts[msg] = counts.get(msg, 0) + 1
        start, interval = began[msg]
        assert when >= start + counts[msg] * interval - 1e-9
