"""What a durable box says of a message, against errors, restarts and new code; all is counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aplay_host.kernel import (
    Actor,
    ActorRef,
    ActorSystem,
    Failed,
    Handled,
    HookFailed,
    Refuse,
    Released,
    SavedUnreadable,
    StartFailed,
)

from .actors import EVEN, check_account, counts_of, listen, now, settle
from .exchanges import New, Old, exchange, spawn_old, spec_of
from .test_durable import outcomes_of_box
from .test_probation import Broken, fail
from .test_transaction import Cart, Items
from .turnbox import KEPT, TurnStore, outcomes_of


@pytest.fixture
def store() -> TurnStore:
    return TurnStore(tries=9)


@pytest.fixture
async def kept(store: TurnStore) -> AsyncIterator[ActorSystem]:
    async with ActorSystem("kept", mailboxes=store.make) as system:
        yield system
    check_account(system)


class Fails(Actor):
    """Fails on ``boom`` as often as `left` says; `seen` has the instance's number and time."""

    def __init__(self, seen: list[Any], left: list[int]) -> None:
        self.seen, self.left = seen, left

    async def msg_handler(self, msg: Any) -> None:
        self.seen.append((self.ref().status().restarts, msg, now()))
        if msg == "boom" and self.left[0]:
            self.left[0] -= 1
            raise ValueError(msg)


async def spawn(
    system: ActorSystem, *, failures: int = 1, **settings: Any
) -> tuple[ActorRef, list[Any]]:
    seen: list[Any] = []
    kwargs = {"seen": seen, "left": [failures]}
    settings = {"mailbox": KEPT, "backoff": EVEN, **settings}
    return await system.spawn(Fails, "a", kwargs=kwargs, **settings), seen


# what on_error says


async def test_resume_tries_again_on_the_same_instance(kept: ActorSystem) -> None:
    ref, seen = await spawn(kept)
    await fail(ref, "boom", "next")
    assert counts_of(ref.status()) == (2, 0, 0, 0, 2, 0)
    await asyncio.sleep(2)
    assert seen == [(0, "boom", 0.0), (0, "boom", 1.0), (0, "next", 1.0)]
    assert counts_of(ref.status()) == (2, 2, 0, 0, 0, 0)


async def test_restart_tries_again_on_the_next_instance_and_the_line_keeps_its_order(
    kept: ActorSystem,
) -> None:
    ref, seen = await spawn(kept, on_error="restart")
    await fail(ref, "boom", "next")
    assert ref.state == "restarting"
    assert counts_of(ref.status()) == (2, 0, 0, 0, 2, 0)
    ref.tell_nowait("later")
    await asyncio.sleep(2)
    assert seen == [(0, "boom", 0.0), (1, "boom", 1.0), (1, "next", 1.0), (1, "later", 1.0)]
    assert counts_of(ref.status()) == (3, 3, 0, 0, 0, 0)


@pytest.mark.parametrize("held", [True, False])
async def test_stop_and_a_hold_let_the_second_try_wait_for_the_start(
    kept: ActorSystem, held: bool
) -> None:
    ref, seen = await spawn(kept, on_error="resume" if held else "stop")
    await fail(ref, "boom", "next")
    if held:
        await ref.stop()
    await asyncio.sleep(10)
    assert (ref.state, [message for _, message, _ in seen]) == ("stopped", ["boom"])
    assert counts_of(ref.status()) == (2, 0, 0, 0, 2, 0)
    await ref.human_start()
    await asyncio.sleep(2)
    assert [message for _, message, _ in seen] == ["boom", "boom", "next"]
    assert counts_of(ref.status()) == (2, 2, 0, 0, 0, 0)


async def test_escalate_tries_again_when_the_parent_has_decided(kept: ActorSystem) -> None:
    seen: list[Any] = []
    kwargs = {"seen": seen, "left": [1]}

    class Parent(Actor):
        backoff = EVEN

        async def on_start(self) -> None:
            more: dict[str, Any] = {"mailbox": KEPT, "on_error": "escalate"}
            await self.spawn(Fails, "a", kwargs=kwargs, **more)

    await kept.spawn(Parent, "p")
    ref = kept.ref("/p/a")
    await fail(ref, "boom", "next")
    assert counts_of(ref.status()) == (2, 0, 0, 0, 2, 0)
    await asyncio.sleep(3)
    assert [(number, message) for number, message, _ in seen] == [
        (0, "boom"),
        (1, "boom"),
        (1, "next"),
    ]
    check_account(kept)


async def test_an_actor_out_of_budget_keeps_its_mail_until_it_is_revived(
    kept: ActorSystem,
) -> None:
    ref, seen = await spawn(kept, on_error="restart", budget={"max": 0})
    await fail(ref, "boom", "next")
    await asyncio.sleep(10)
    assert (ref.state, len(seen)) == ("failed", 1)
    assert counts_of(ref.status()) == (2, 0, 0, 0, 2, 0)
    await ref.start()
    await asyncio.sleep(2)
    assert [message for _, message, _ in seen] == ["boom", "boom", "next"]


async def test_a_message_out_of_tries_makes_way_for_the_next(
    kept: ActorSystem, store: TurnStore
) -> None:
    store.tries = 2
    ref, seen = await spawn(kept, failures=9)
    await fail(ref, "boom", "next")
    await asyncio.sleep(3)
    assert [message for _, message, _ in seen] == ["boom", "boom", "next"]
    assert counts_of(ref.status()) == (2, 1, 0, 1, 0, 0)
    assert store.dead == [("/a", "boom", "max_attempts")]


# probation


async def broken(system: ActorSystem, **settings: Any) -> tuple[ActorRef, list[Any]]:
    ref, seen = await spawn_old(system, mailbox=KEPT, **settings)
    await exchange(system, Broken)
    return ref, seen


async def test_what_new_code_fails_is_set_aside_unsettled(
    kept: ActorSystem, store: TurnStore
) -> None:
    ref, seen = await broken(kept)
    await fail(ref, 1, 2, 3, 4)
    assert [message for _, message in seen] == [1, 2, 3]
    assert (outcomes_of(kept, "/a"), ref.state) == ([], "paused")
    assert counts_of(ref.status()) == (4, 0, 0, 0, 4, 0)
    assert store.messages("/a") == [1, 2, 3, 4]
    check_account(kept)


async def test_what_is_taken_back_is_released_and_first_in_line_of_the_old_code(
    kept: ActorSystem, store: TurnStore
) -> None:
    ref, seen = await broken(kept)
    await fail(ref, 1, 2, 3, 4)
    async with kept.quiesce(["/a"]) as quiet:
        quiet.swap([quiet.stage("/a", spec=_old(kept))], give_back=True, remap=_no_remap)
        assert outcomes_of(kept, "/a") == [Released] * 3
        assert counts_of(ref.status()) == (4, 0, 0, 0, 4, 0)
    await settle()
    assert [number for word, number in seen if word == "old"] == [1, 2, 3, 4]
    assert outcomes_of(kept, "/a") == [Released] * 3 + [Handled] * 4
    assert counts_of(ref.status()) == (4, 4, 0, 0, 0, 0)


async def test_a_passed_probation_settles_as_failed_and_the_box_decides(
    kept: ActorSystem, store: TurnStore
) -> None:
    ref, seen = await broken(kept)
    await fail(ref, 1, 2, "fine", 4)
    assert outcomes_of(kept, "/a")[:3] == [Handled, Failed, Failed]
    assert counts_of(ref.status())[:4] == (4, 1, 0, 0)
    await exchange(kept, Old, give_back=True)
    await asyncio.sleep(2)
    assert [number for word, number in seen if word == "old"] == [1, 2, 4]
    assert counts_of(ref.status()) == (4, 4, 0, 0, 0, 0)


async def test_without_a_verdict_the_messages_have_failed(
    kept: ActorSystem, store: TurnStore
) -> None:
    store.tries = 1
    ref, _ = await broken(kept)
    await fail(ref, 1, 2, 3)
    await asyncio.sleep(31)
    assert counts_of(ref.status()) == (3, 0, 0, 3, 0, 0)
    assert sorted(message for _, message, _ in store.dead) == [1, 2, 3]
    check_account(kept)


async def test_the_next_code_settles_what_the_one_before_had_set_aside(
    kept: ActorSystem, store: TurnStore
) -> None:
    ref, seen = await broken(kept)
    await fail(ref, 1, 2, 3, 4)
    async with kept.quiesce(["/a"]) as quiet:
        quiet.swap([quiet.stage("/a", spec=_old(kept))])
        assert outcomes_of(kept, "/a") == [Failed] * 3
        assert counts_of(ref.status()) == (4, 0, 0, 0, 4, 0)
    await asyncio.sleep(2)
    assert [number for word, number in seen if word == "old"] == [1, 2, 3, 4]
    assert counts_of(ref.status()) == (4, 4, 0, 0, 0, 0)


async def test_a_refusal_on_probation_is_no_failure(kept: ActorSystem, store: TurnStore) -> None:
    class Refuses(New):
        async def msg_handler(self, msg: Any) -> Any:
            raise Refuse("no")

    ref, _ = await spawn_old(kept, mailbox=KEPT)
    await exchange(kept, Refuses)
    await fail(ref, 1)
    assert counts_of(ref.status()) == (1, 0, 0, 1, 0, 0)
    assert store.dead == [("/a", 1, "rejected")]


async def test_a_restart_ends_the_probation_and_the_messages_have_failed(
    kept: ActorSystem, store: TurnStore
) -> None:
    ref, _ = await broken(kept)
    await fail(ref, 1)
    await ref.restart()
    assert outcomes_of_box(store, "/a")[0] is Failed
    check_account(kept)


def _old(system: ActorSystem) -> Any:
    return spec_of(system, "/a", Old)


def _no_remap(message: Any) -> Any:
    raise AssertionError(f"{message} is read by the new code, when its turn comes")


# the state over an exchange


class Newer(Cart):
    """Reads what the class before has saved, and one thing more."""

    class saved_type(Items):  # noqa: N801
        def __init__(self, items: list[Any] | None = None, more: int = 7) -> None:
            super().__init__(items or [])
            self.more = more


async def test_new_code_reads_what_was_saved_as_its_own_class(
    kept: ActorSystem, store: TurnStore
) -> None:
    ref = await kept.spawn(Cart, "a", mailbox=KEPT)
    await ref.ask(1)
    await exchange(kept, Newer)
    cell = kept.cell_at(ref.address)
    assert cell is not None
    saved = getattr(cell.behaviour, "saved", None)
    assert isinstance(saved, Newer.saved_type)
    assert (saved.items, saved.more) == ([1], 7)
    assert await ref.ask(2) == [1, 2]


async def test_other_settings_reach_the_box(kept: ActorSystem, store: TurnStore) -> None:
    ref, _ = await spawn(kept)
    hooks = listen(kept, HookFailed)
    await exchange(kept, Fails, mailbox={"kind": "turns", "capacity": 5})
    await exchange(kept, Fails, mailbox={"kind": "turns", "capacity": 5})
    assert [one.capacity for one in store.boxes["/a"].specs] == [5]
    await exchange(kept, Fails, mailbox={"kind": "turns", "capacity": 666})
    assert [event.hook for event in hooks] == ["mailbox"]
    assert ref.status().spec.mailbox.capacity == 666


async def test_what_new_code_cannot_read_keeps_the_old_code(
    kept: ActorSystem, store: TurnStore
) -> None:
    class Strange(Cart):
        class saved_type:  # noqa: N801
            items: tuple[Any, ...] = ()

    ref = await kept.spawn(Cart, "a", mailbox=KEPT)
    await ref.ask(1)
    async with kept.quiesce(["/a"]) as quiet:
        with pytest.raises(SavedUnreadable, match="takes no arguments"):
            quiet.stage("/a", spec=spec_of(kept, "/a", Strange))
    assert await ref.ask(2) == [1, 2]


async def test_a_broken_store_is_a_failed_start_of_what_is_spawned(
    kept: ActorSystem, store: TurnStore
) -> None:
    store.broken = True
    with pytest.raises(StartFailed, match="the store is broken"):
        await kept.spawn(Cart, "a", mailbox=KEPT, budget={"max": 0})
    store.broken = False
    await kept.ref("/a").start()
    assert await kept.ref("/a").ask(1) == [1]
