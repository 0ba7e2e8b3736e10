"""What an actor costs: idle it is one cell, without a task and without an inbox."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref

import pytest

from aplay_host.kernel import ActorSystem, MailboxFull

from .actors import Gate, Hooked, Recorder, begin, behaviour, cell, settle


def tasks() -> int:
    return len(asyncio.all_tasks())


async def test_an_idle_actor_has_no_task_and_no_inbox(system: ActorSystem) -> None:
    before = tasks()
    for n in range(100):
        await system.spawn(Recorder, f"a{n}")
    assert tasks() == before
    idle = cell(system, "/a1")
    assert idle.inbox is None
    assert idle.hands == ()
    assert not vars(idle)


async def test_a_started_actor_gives_back_the_task_that_started_it(system: ActorSystem) -> None:
    before = tasks()
    await system.spawn(Hooked, "a")
    await settle(1)
    assert tasks() == before
    assert cell(system, "/a").steering is None


async def test_after_its_mail_an_actor_gives_back_task_and_inbox(system: ActorSystem) -> None:
    before = tasks()
    refs = [await system.spawn(Recorder, f"a{n}", max_tasks=1 + n % 2) for n in range(10)]
    for ref in refs:
        for n in range(5):
            ref.tell_nowait(n)
    assert all(cell(system, ref.address).inbox is not None for ref in refs)
    await settle()
    assert tasks() == before
    assert all(cell(system, ref.address).inbox is None for ref in refs)
    assert all(cell(system, ref.address).hands == () for ref in refs)
    assert system.active == 0


async def test_a_stopped_actor_with_mail_has_an_inbox_and_no_task(system: ActorSystem) -> None:
    before = tasks()
    ref = await system.spawn(Gate, "a")
    await ref.stop()
    ref.tell_nowait(1)
    assert len(cell(system, "/a").inbox) == 1
    assert tasks() == before


async def test_a_sender_that_gave_up_waiting_leaves_nothing_behind(system: ActorSystem) -> None:
    ref = await system.spawn(Gate, "a", mailbox={"capacity": 1, "overflow": "wait"})
    await ref.stop()
    ref.tell_nowait(1)
    cancelled = await begin(ref.tell(2))
    cancelled.cancel()
    with pytest.raises(MailboxFull):
        await ref.tell(3)
    assert not cell(system, "/a").waiters


async def test_a_removed_actor_is_collected(system: ActorSystem) -> None:
    ref = await system.spawn(Recorder, "a")
    ref.tell_nowait(1)
    await settle()
    gone = weakref.ref(behaviour(system, "/a", Recorder))
    await ref.remove()
    del ref
    gc.collect()
    assert gone() is None


async def test_a_kept_failure_keeps_no_frame_alive(
    system: ActorSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("aplay_host.kernel"), "disabled", True)  # pytest keeps

    class Big:
        pass

    alive: list[weakref.ref[Big]] = []

    class Failing(Recorder):
        async def msg_handler(self, msg: object) -> None:
            big = Big()
            alive.append(weakref.ref(big))
            raise ValueError("boom")

    ref = await system.spawn(Failing, "a")
    ref.tell_nowait(1)
    await settle()
    gc.collect()
    assert ref.status().last_error is not None
    assert [one() for one in alive] == [None]
