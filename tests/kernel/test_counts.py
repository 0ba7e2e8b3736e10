"""What is counted beside the account: time in handlers, age of mail, and what happens seldom."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aplay_host.kernel import (
    Actor,
    ActorStatus,
    ActorSystem,
    MailboxFull,
    StartFailed,
)

from .actors import EVEN, Gate, Recorder, Runner, begin, cell, settle


class Sleeper(Actor):
    """Handles a number by sleeping so many seconds, and raises when it is below 0."""

    async def msg_handler(self, msg: float) -> None:
        await asyncio.sleep(abs(msg))
        if msg < 0:
            raise ValueError("below 0")


# ---- time in handlers ----------------------------------------------------------------------


@pytest.mark.parametrize("handoff", [True, False])
async def test_the_time_of_handlers_is_counted_whatever_their_end(handoff: bool) -> None:
    async with ActorSystem(handoff=handoff) as system:
        ref = await system.spawn(Sleeper, "a")
        ref.tell_nowait(1)
        ref.tell_nowait(-2)
        await asyncio.sleep(10)
        assert ref.status().worked_s == pytest.approx(3)
        await ref.ask(0)  # so that there is somebody to hand the next one to
        await ref.ask(4)
        assert ref.status().worked_s == pytest.approx(7)


async def test_a_handler_that_has_not_ended_is_counted_so_far(system: ActorSystem) -> None:
    ref = await system.spawn(Sleeper, "a")
    ref.tell_nowait(100)
    await asyncio.sleep(30)
    assert ref.status().worked_s == pytest.approx(30)
    await asyncio.sleep(100)
    assert ref.status().worked_s == pytest.approx(100)


async def test_a_handler_that_was_cut_off_is_counted_until_then(system: ActorSystem) -> None:
    ref = await system.spawn(Sleeper, "a", stop_timeout=5)
    ref.tell_nowait(100)
    await asyncio.sleep(2)
    await ref.stop()
    assert ref.status().worked_s == pytest.approx(6)


# ---- the age of mail -----------------------------------------------------------------------


async def test_mail_has_waited_since_none_was_there(system: ActorSystem) -> None:
    ref = await system.spawn(Gate, "a")
    assert ref.status().oldest_s == 0
    await ref.stop()
    ref.tell_nowait(1)
    await asyncio.sleep(5)
    ref.tell_nowait(2)
    assert ref.status().oldest_s == pytest.approx(5)


async def test_what_is_in_hand_does_not_wait(system: ActorSystem) -> None:
    ref = await system.spawn(Sleeper, "a")
    ref.tell_nowait(100)
    await asyncio.sleep(5)
    assert ref.status().oldest_s == 0


@pytest.mark.parametrize("max_tasks", [1, 2])
async def test_an_actor_that_is_never_idle_has_no_old_mail_for_that(
    system: ActorSystem, max_tasks: int
) -> None:
    ref = await system.spawn(Sleeper, "a", max_tasks=max_tasks)
    ref.tell_nowait(1)
    for _ in range(60):
        await asyncio.sleep(0.99)
        ref.tell_nowait(1)
    assert cell(system, "/a").hands
    assert ref.status().oldest_s < 5


async def test_the_age_is_never_less_than_the_true_one(system: ActorSystem) -> None:
    sent: list[float] = []
    seen: list[tuple[float, float]] = []

    async def look(actor: Actor) -> None:
        sent.pop(0)
        true = system.now() - sent[0] if sent else 0.0
        seen.append((true, actor.ref().status().oldest_s))
        await asyncio.sleep(0.3)

    ref = await system.spawn(Runner, "a")
    for n in range(40):
        sent.append(system.now())
        ref.tell_nowait(look)
        await asyncio.sleep(0.1 if n % 10 else 2.5)
    await asyncio.sleep(10)
    assert len(seen) == 40
    assert all(told >= true for true, told in seen), seen


# ---- what happens seldom -------------------------------------------------------------------


async def test_refusals_are_counted_by_their_reason(system: ActorSystem) -> None:
    ref = await system.spawn(Gate, "a", mailbox={"capacity": 1, "overflow": "wait"})
    await ref.stop()
    ref.tell_nowait(1)
    with pytest.raises(MailboxFull):
        ref.tell_nowait(2)
    with pytest.raises(MailboxFull):
        await ref.tell(3)
    assert ref.status().counts == {("rejected", "full"): 1, ("rejected", "timeout"): 1}


async def test_restarts_are_counted_by_their_reason(system: ActorSystem) -> None:
    async def leave(actor: Actor) -> None:
        actor.exit()

    async def fail(actor: Actor) -> None:
        raise ValueError("boom")

    settings: dict[str, Any] = {"on_error": "restart", "backoff": EVEN}
    top = await system.spawn(Recorder, "a")
    ref = await system.spawn(Runner, "b", parent=top, **settings)
    await ref.restart()
    for job in (fail, leave):
        ref.tell_nowait(job)
        await asyncio.sleep(10)
    assert ref.status().counts == {
        ("restart", "command"): 1,
        ("restart", "error"): 1,
        ("restart", "done"): 1,
    }
    assert ref.status().restarts == 3


async def test_who_restarts_with_another_and_who_was_failed_is_told_apart(
    system: ActorSystem,
) -> None:
    async def fail(actor: Actor) -> None:
        raise ValueError("boom")

    top = await system.spawn(Recorder, "a", strategy="one_for_all")
    one = await system.spawn(
        Runner, "b", parent=top, on_error="restart", budget={"max": 1}, backoff=EVEN
    )
    two = await system.spawn(Recorder, "c", parent=top)
    for _ in range(2):
        one.tell_nowait(fail)
        await asyncio.sleep(10)
    assert (one.state, two.state) == ("failed", "failed")
    await one.start()
    assert one.status().counts == {("restart", "error"): 1, ("restart", "revive"): 1}
    assert two.status().counts[("restart", "group")] >= 1


async def test_an_escalation_is_counted_where_it_began(system: ActorSystem) -> None:
    async def fail(actor: Actor) -> None:
        raise ValueError("boom")

    gone: list[ActorStatus] = []
    system.on_forget = gone.append
    top = await system.spawn(Recorder, "a")
    ref = await system.spawn(Runner, "b", parent=top, on_error="escalate")
    ref.tell_nowait(fail)
    await asyncio.sleep(10)
    (status,) = gone  # its parent did not make it again
    assert status.counts[("escalation", "")] == 1


# ---- who is gone ---------------------------------------------------------------------------


async def test_whoever_goes_is_told_with_the_counters_as_they_ended(system: ActorSystem) -> None:
    gone: list[ActorStatus] = []
    system.on_forget = gone.append
    ref = await system.spawn(Recorder, "a")
    ref.tell_nowait(1)
    await settle()
    await ref.stop()
    ref.tell_nowait(2)
    await ref.remove()
    (status,) = gone
    assert (status.address, status.state) == ("/a", "removed")
    assert (status.accepted, status.handled, status.dead, status.pending) == (2, 1, 1, 0)


async def test_when_an_actor_has_left_running_is_known(system: ActorSystem) -> None:
    class Bad(Actor):
        async def on_start(self) -> None:
            raise OSError("the disk is gone")

    ref = await system.spawn(Recorder, "a")
    await asyncio.sleep(3)
    await ref.stop()
    assert ref.status().left == system.now()
    made = system.now()
    with pytest.raises(StartFailed):
        await system.spawn(Bad, "b", budget={"max": 100, "within": 1000})
    await asyncio.sleep(20)
    assert system.ref("/b").status().left == made


async def test_a_snapshot_has_all_cells_but_the_root(system: ActorSystem) -> None:
    top = await system.spawn(Recorder, "a")
    await system.spawn(Recorder, "b", parent=top)
    waiting = await begin(system.spawn(Recorder, "c"))
    await waiting
    found = system.registry.snapshot()
    assert found == [cell(system, one) for one in ("/a", "/a/b", "/c")]
