"""A mailbox that is durable: opened early, left alone by a shutdown, told what was cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aplay_host.kernel import (
    ActorSystem,
    Address,
    Failed,
    Handled,
    MailboxSpec,
    Released,
    TreeNode,
    TreePlan,
    TurnMailbox,
)

from .actors import (
    Gate,
    Recorder,
    Runner,
    behaviour,
    cell,
    check_account,
    counts_of,
    listen,
    settle,
)
from .test_box import Tryer
from .turnbox import KEPT, TurnBox, TurnStore, outcomes_of, planned


@pytest.fixture
def store() -> TurnStore:
    return TurnStore()


@pytest.fixture
async def kept(store: TurnStore) -> AsyncIterator[ActorSystem]:
    async with ActorSystem("kept", mailboxes=store.make) as system:
        yield system
    check_account(system)


async def test_the_box_of_the_tests_is_a_turn_mailbox(store: TurnStore) -> None:
    box: TurnMailbox = TurnBox(store, "/a")
    assert box.depth().messages == 0


# opened when a plan names the actor


async def test_a_planned_box_takes_mail_before_the_plan_is_carried_out(
    kept: ActorSystem, store: TurnStore
) -> None:
    planting = kept.plant(planned(("/a", Recorder)))
    await kept.ref("/a").tell("early")
    assert store.messages("/a") == ["early"]
    assert counts_of(kept.ref("/a").status()) == (1, 0, 0, 0, 1, 0)
    await planting
    await settle()
    assert behaviour(kept, "/a", Recorder).seen == ["early"]
    assert store.messages("/a") == []


async def test_what_the_store_has_found_comes_before_what_was_put(store: TurnStore) -> None:
    async with ActorSystem("first", mailboxes=store.make) as system:
        await system.plant(planned(("/a", Gate)))
        for message in ("a", "b"):
            await system.ref("/a").tell(message)
    async with ActorSystem("second", mailboxes=store.make) as system:
        planting = system.plant(planned(("/a", Recorder)))
        system.ref("/a").tell_nowait("c")
        await planting
        await settle()
        assert behaviour(system, "/a", Recorder).seen == ["a", "b", "c"]
        assert counts_of(system.ref("/a").status()) == (3, 3, 0, 0, 0, 0)


async def test_every_planned_box_is_open_before_the_first_actor_starts(
    kept: ActorSystem, store: TurnStore
) -> None:
    opened: list[bool] = []

    class Early(Recorder):
        async def on_start(self) -> None:
            opened.append(store.boxes["/b"].inlet is not None)

    await kept.plant(planned(("/a", Early), ("/b", Recorder)))
    assert opened == [True]


async def test_a_held_actor_has_its_box_open(kept: ActorSystem, store: TurnStore) -> None:
    planting = kept.plant(planned(("/a", Recorder)))
    stopping = kept.ref("/a").stop()
    await planting
    await stopping
    inlet = store.boxes["/a"].inlet
    assert inlet is not None
    was_up = inlet.is_up
    await kept.ref("/a").tell("m")
    assert store.messages("/a") == ["m"]
    await kept.ref("/a").human_start()
    await settle()
    assert (was_up, inlet.is_up) == (False, True)
    assert behaviour(kept, "/a", Recorder).seen == ["m"]


async def test_an_actor_without_a_class_keeps_its_mail_in_its_box(
    kept: ActorSystem, store: TurnStore
) -> None:
    node = TreeNode(Address("/a"), fault="no such class", mailbox=MailboxSpec("turns"))
    await kept.plant(TreePlan((node,)))
    await kept.ref("/a").tell("m")
    inlet = store.boxes["/a"].inlet
    assert inlet is not None
    assert not inlet.is_up
    assert (store.messages("/a"), kept.ref("/a").state) == (["m"], "failed")


async def test_a_box_that_does_not_open_fails_the_start_and_is_opened_by_the_next(
    kept: ActorSystem, store: TurnStore
) -> None:
    store.broken = True
    await kept.plant(planned(("/a", Recorder), budget={"max": 0}))
    box, ref = store.boxes["/a"], kept.ref("/a")
    assert ref.state == "failed"
    assert [one.text for one in ref.status().history] == ["the store is broken"]
    with pytest.raises(OSError, match="the store is broken"):
        await ref.tell("lost")
    assert counts_of(ref.status()) == (0, 0, 0, 0, 0, 0)
    store.broken = False
    await ref.tell("kept")
    await ref.start()
    await settle()
    assert store.boxes["/a"] is box
    assert behaviour(kept, "/a", Recorder).seen == ["kept"]


async def test_a_start_beside_the_plan_opens_a_box_once(
    kept: ActorSystem, store: TurnStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    open_box = TurnBox.open

    async def slowly(self: TurnBox, inlet: Any) -> int:
        opened.append(self.address)
        await asyncio.sleep(1)
        return await open_box(self, inlet)

    monkeypatch.setattr(TurnBox, "open", slowly)
    planting = asyncio.create_task(kept.plant(planned(("/a", Recorder))))
    await settle()
    await kept.ref("/a").start()
    await planting
    assert opened == ["/a"]


# what the kernel cuts off


async def cut_by_stop(system: ActorSystem) -> None:
    await system.ref("/a").stop()


async def cut_by_restart(system: ActorSystem) -> None:
    await system.ref("/a").restart()


async def cut_by_exchange(system: ActorSystem) -> None:
    async with system.quiesce(["/a"], deadline=0.5, on_busy="cancel") as quiet:
        assert counts_of(system.ref("/a").status()) == (2, 0, 0, 0, 2, 0)
        quiet.swap([quiet.stage("/a")])


@pytest.mark.parametrize("cut", [cut_by_stop, cut_by_restart, cut_by_exchange])
async def test_what_the_kernel_cuts_off_is_released_and_first_in_line(
    kept: ActorSystem, store: TurnStore, cut: Any
) -> None:
    heard = listen(kept)
    ref = await kept.spawn(Gate, "a", mailbox=KEPT, stop_timeout=1.0)
    for message in ("a", "b"):
        await ref.tell(message)
    await settle()
    await cut(kept)
    assert outcomes_of(kept, "/a")[0] is Released
    assert counts_of(ref.status())[2] == 0
    assert [type(one).__name__ for one in heard if type(one).__name__ == "MessageFailed"] == []
    check_account(kept)
    await ref.human_start()
    gate = behaviour(kept, "/a", Gate)
    gate.opened.set()
    await settle()
    assert gate.ended == ["a", "b"]
    assert counts_of(ref.status()) == (2, 2, 0, 0, 0, 0)


async def test_a_handler_that_ignores_being_cut_off_is_released_and_has_no_say(
    kept: ActorSystem, store: TurnStore
) -> None:
    ends, again = asyncio.Event(), asyncio.Event()

    class Stubborn(Recorder):
        async def msg_handler(self, msg: Any) -> None:
            while not ends.is_set():
                try:
                    await ends.wait()
                except asyncio.CancelledError:
                    continue
            again.set()

    ref = await kept.spawn(Stubborn, "a", mailbox=KEPT, stop_timeout=1.0)
    await ref.tell("m")
    await settle()
    await ref.stop()
    assert outcomes_of(kept, "/a") == [Released]
    assert counts_of(ref.status()) == (1, 0, 0, 0, 1, 0)
    check_account(kept)
    ends.set()
    await again.wait()
    await settle()
    assert outcomes_of(kept, "/a") == [Released]
    assert store.messages("/a") == ["m"]
    await ref.human_start()
    await settle()
    assert outcomes_of(kept, "/a") == [Released, Handled]
    assert counts_of(ref.status()) == (1, 1, 0, 0, 0, 0)


async def test_a_handler_that_cancels_itself_has_failed(kept: ActorSystem) -> None:
    async def cancel(_: object) -> None:
        raise asyncio.CancelledError

    class Cancels(Recorder):
        async def msg_handler(self, msg: Any) -> None:
            await cancel(self)

    ref = await kept.spawn(Cancels, "a", mailbox=KEPT)
    await ref.tell("m")
    await settle()
    assert outcomes_of(kept, "/a") == [Failed]
    assert counts_of(ref.status()) == (1, 0, 0, 0, 1, 0)


async def test_a_request_that_is_cut_off_has_failed_and_its_asker_is_told(
    kept: ActorSystem,
) -> None:
    ref = await kept.spawn(Gate, "a", mailbox=KEPT, stop_timeout=1.0)
    asking = asyncio.create_task(ref.ask("m", timeout=60))
    await settle()
    await ref.stop()
    assert "CancelledError" in str(asking.exception())
    assert counts_of(ref.status()) == (1, 0, 1, 0, 0, 0)


# the end of the system, and of the actor


async def test_a_drain_leaves_a_durable_backlog_alone_and_answers_requests(
    kept: ActorSystem, store: TurnStore
) -> None:
    ref = await kept.spawn(Gate, "a", mailbox=KEPT)
    memory = await kept.spawn(Runner, "m")
    for message in ("a", "b", "c"):
        await ref.tell(message)
    waiting = asyncio.create_task(ref.ask("asked"))
    await settle()

    async def ask(_: Any) -> Any:
        return await ref.ask("late")

    draining = asyncio.create_task(kept.drain(30.0))
    asking = asyncio.create_task(memory.ask(ask))
    await settle()
    await ref.tell("d")
    gate = behaviour(kept, "/a", Gate)
    gate.opened.set()
    assert await draining
    assert (await waiting, await asking) == ("asked", "late")
    assert gate.ended == ["a", "asked", "late"]
    assert counts_of(ref.status()) == (6, 3, 0, 0, 3, 0)
    check_account(kept)
    await kept.shutdown()
    assert outcomes_of_box(store, "/a")[-2:] == [Released, Released]
    assert store.messages("/a") == ["b", "c", "d"]
    assert (list(kept.dead_letters), store.boxes["/a"].closed) == ([], [False])


async def test_what_waits_for_its_retry_is_not_waited_for(
    kept: ActorSystem, store: TurnStore
) -> None:
    ref = await kept.spawn(Tryer, "a", mailbox=KEPT)
    behaviour(kept, "/a", Tryer).failures = {"a": 9}
    await ref.tell("a")
    await settle()
    assert await kept.drain(30.0)
    await asyncio.sleep(5)
    assert [message for message, _ in behaviour(kept, "/a", Tryer).tries] == ["a"]
    assert counts_of(ref.status()) == (1, 0, 0, 0, 1, 0)


async def test_removal_gives_up_what_waits_and_counts_it_dead(
    kept: ActorSystem, store: TurnStore
) -> None:
    ref = await kept.spawn(Gate, "a", mailbox=KEPT)
    for number in range(200):
        await ref.tell(number)
    removing = ref.remove()
    behaviour(kept, "/a", Gate).opened.set()
    await removing
    assert store.boxes["/a"].closed == [True]
    assert [message for _, message, _ in store.dead] == list(range(1, 200))
    assert counts_of(kept.status()) == (200, 1, 0, 199, 0, 0)
    assert kept.dead_letters.counts["removed"] == 199


# dead letters


async def test_a_dead_letter_of_a_durable_box_is_kept_and_says_why(
    kept: ActorSystem, store: TurnStore
) -> None:
    ref = await kept.spawn(Tryer, "a", mailbox=KEPT)
    behaviour(kept, "/a", Tryer).failures = {"a": 9}
    for message in ("a", "refuse", "bad"):
        await ref.tell(message)
    await asyncio.sleep(5)
    assert [(one.reason, one.error, one.kept) for one in kept.dead_letters] == [
        ("max_attempts", "ValueError: a", True),
        ("rejected", None, True),
        ("no_handler", "nobody knows it", True),
    ]
    assert [reason for _, _, reason in store.dead] == ["max_attempts", "rejected", "no_handler"]
    kept.ref("/nobody").tell_nowait("lost")
    assert not list(kept.dead_letters)[-1].kept


def outcomes_of_box(store: TurnStore, address: str) -> list[type[object]]:
    return [type(one) for one in store.boxes[address].outcomes]


async def test_a_memory_mailbox_is_not_durable(kept: ActorSystem) -> None:
    await kept.plant(planned(("/a", Recorder), mailbox={}))
    assert cell(kept, "/a").box is None
