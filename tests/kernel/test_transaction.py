"""What a handler did in its turn is committed with the end of its message, or never was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from aplay_host.kernel import (
    Actor,
    ActorSpec,
    ActorSystem,
    Failed,
    Handled,
    MailboxFull,
    Refuse,
    Released,
    StartFailed,
)

from .actors import (
    Gate,
    Recorder,
    Runner,
    begin,
    behaviour,
    check_account,
    counts_of,
    fail_with,
    settle,
)
from .test_durable import outcomes_of_box
from .turnbox import KEPT, TurnStore, outcomes_of, planned


@dataclass
class Items:
    items: list[Any] = field(default_factory=list)


class Cart(Actor):
    """Saves what it is told, tells `/b` and `/m` of it, and then does what `deeds` say."""

    saved: Items
    saved_type = Items

    def __init__(self) -> None:
        self.deeds: dict[Any, Any] = {}
        self.at_init = list(self.saved.items)
        self.at_start: list[Any] = []

    async def on_start(self) -> None:
        self.at_start = list(self.saved.items)

    async def msg_handler(self, msg: Any) -> Any:
        self.saved.items.append(msg)
        for address in ("/b", "/m"):
            if self.system.ref(address).state != "removed":
                await self.ref(address).tell(msg)
        if msg in self.deeds:
            return await self.deeds[msg](self)
        return list(self.saved.items)


@pytest.fixture
def store() -> TurnStore:
    return TurnStore(by_hand=True)


@pytest.fixture
async def kept(store: TurnStore) -> AsyncIterator[ActorSystem]:
    async with ActorSystem("kept", mailboxes=store.make) as system:
        yield system
        store.commit()
    check_account(system)
    assert system.diverted is None


async def shop(system: ActorSystem, **settings: Any) -> Cart:
    """Make `/a`, which tells `/b` in the same store and `/m` in memory."""
    await system.spawn(Recorder, "m")
    await system.spawn(Recorder, "b", mailbox=KEPT)
    await system.spawn(Cart, "a", mailbox=KEPT, **settings)
    cart: Cart = behaviour(system, "/a", Cart)
    return cart


async def handled(system: ActorSystem, store: TurnStore, message: Any) -> None:
    """Tell `/a`, and let it handle that; its turn is not committed yet."""
    system.ref("/a").tell_nowait(message)
    store.commit()
    await settle()


async def test_the_end_of_the_message_the_state_and_the_sends_commit_together(
    kept: ActorSystem, store: TurnStore
) -> None:
    await shop(kept)
    await handled(kept, store, 1)
    assert (store.messages("/a"), store.state, store.messages("/b")) == ([1], {}, [])
    assert behaviour(kept, "/m", Recorder).seen == []
    assert counts_of(kept.ref("/a").status()) == (1, 1, 0, 0, 0, 0)
    assert counts_of(kept.ref("/b").status()) == (1, 0, 0, 0, 1, 0)
    assert counts_of(kept.ref("/m").status()) == (0, 0, 0, 0, 0, 0)
    check_account(kept)
    store.commit()
    assert (store.messages("/a"), store.state["/a"], store.messages("/b")) == (
        [],
        '{"items": [1]}',
        [1],
    )
    await settle()
    assert behaviour(kept, "/m", Recorder).seen == [1]
    assert behaviour(kept, "/b", Recorder).seen == [1]


@pytest.mark.parametrize("error", [ValueError("no"), Refuse("no")])
async def test_an_error_leaks_no_send_and_restores_what_was_saved(
    kept: ActorSystem, store: TurnStore, error: Exception
) -> None:
    cart = await shop(kept)
    await handled(kept, store, 1)
    store.commit()
    await settle()
    cart.deeds[2] = fail_with(error)
    await handled(kept, store, 2)
    store.commit()
    await settle()
    assert cart.saved == Items([1])
    assert behaviour(kept, "/m", Recorder).seen == behaviour(kept, "/b", Recorder).seen == [1]
    assert kept.ref("/b").status().accepted == 1
    check_account(kept)


async def test_a_message_that_failed_runs_again_on_what_was_saved_before(
    kept: ActorSystem, store: TurnStore
) -> None:
    cart = await shop(kept)
    cart.deeds[1] = fail_with(ValueError("once"))
    await handled(kept, store, 1)
    cart.deeds.clear()
    await asyncio.sleep(2)
    store.commit()
    await settle()
    assert cart.saved == Items([1])
    assert behaviour(kept, "/b", Recorder).seen == [1]


async def test_a_reply_leaves_after_the_commit_and_after_the_sends(
    kept: ActorSystem, store: TurnStore
) -> None:
    await shop(kept)
    asking = await begin(kept.ref("/a").ask(1))
    assert not asking.done()
    assert counts_of(kept.ref("/a").status()) == (1, 1, 0, 0, 0, 0)
    asking.add_done_callback(lambda _: kept.ref("/m").tell_nowait("replied"))
    store.commit()
    await settle()
    assert asking.result() == [1]
    assert behaviour(kept, "/m", Recorder).seen == [1, "replied"]
    assert store.state["/a"] == '{"items": [1]}'


async def test_a_request_that_fails_is_answered_at_once(
    kept: ActorSystem, store: TurnStore
) -> None:
    cart = await shop(kept)
    cart.deeds[1] = fail_with(ValueError("no"))
    asking = await begin(kept.ref("/a").ask(1))
    assert str(asking.exception()) == "no"
    assert cart.saved == Items()


async def test_a_tick_and_a_notice_have_a_turn_too(kept: ActorSystem, store: TurnStore) -> None:
    class Watcher(Actor):
        saved: Items
        saved_type = Items

        async def on_start(self) -> None:
            self.watch("/m")
            self.send_after(1.0, "tick")

        async def msg_handler(self, msg: Any) -> None:
            self.saved.items.append("tick" if msg == "tick" else msg.reason)

    await kept.spawn(Recorder, "m")
    ref = await kept.spawn(Watcher, "a", mailbox=KEPT)
    await kept.ref("/m").remove()
    await asyncio.sleep(2)
    store.commit()
    assert store.state["/a"] == '{"items": ["removed", "tick"]}'
    assert outcomes_of(kept, "/a") == [Handled, Handled]
    assert counts_of(ref.status()) == (2, 2, 0, 0, 0, 0)


async def test_on_memory_there_is_no_turn(kept: ActorSystem, store: TurnStore) -> None:
    await kept.spawn(Recorder, "m")
    ref = await kept.spawn(Cart, "a")
    cart = behaviour(kept, "/a", Cart)

    async def look_and_fail(_: Any) -> None:
        await settle()
        assert behaviour(kept, "/m", Recorder).seen == [1, 2]
        raise ValueError("no")

    cart.deeds[2] = look_and_fail
    assert await ref.ask(1) == [1]
    with pytest.raises(ValueError, match="no"):
        await ref.ask(2)
    assert (cart.saved, store.state) == (Items([1, 2]), {})


# what is saved


async def test_saved_is_there_in_init_and_is_what_was_kept_in_on_start(
    store: TurnStore,
) -> None:
    store.by_hand = False
    async with ActorSystem("first", mailboxes=store.make) as system:
        await system.plant(planned(("/a", Cart)))
        await system.ref("/a").ask(1)
    store.recover()
    async with ActorSystem("second", mailboxes=store.make) as system:
        await system.plant(planned(("/a", Cart)))
        cart = behaviour(system, "/a", Cart)
        assert (cart.at_init, cart.at_start) == ([], [1])
        await system.ref("/a").restart()
        assert behaviour(system, "/a", Cart).at_start == [1]
        await system.ref("/a").stop()
        await system.ref("/a").human_start()
        assert await system.ref("/a").ask(2) == [1, 2]


async def test_a_new_instance_has_what_is_on_its_way_to_the_store(
    kept: ActorSystem, store: TurnStore
) -> None:
    await shop(kept)
    await handled(kept, store, 1)
    await kept.ref("/a").restart()
    assert behaviour(kept, "/a", Cart).saved == Items([1])
    assert store.state == {}


async def test_saved_that_cannot_be_read_is_a_failed_start(
    kept: ActorSystem, store: TurnStore
) -> None:
    store.newest["/a"] = '{"things": []}'
    with pytest.raises(StartFailed):
        await kept.spawn(Cart, "a", mailbox=KEPT, budget={"max": 0})
    assert kept.ref("/a").state == "failed"
    assert "things" in kept.ref("/a").status().history[-1].text


async def test_saved_that_cannot_be_kept_is_the_handlers_error(
    kept: ActorSystem, store: TurnStore
) -> None:
    cart = await shop(kept)

    async def spoil(_: Cart) -> None:
        cart.saved.items.append(object())

    cart.deeds[1] = spoil
    asking = await begin(kept.ref("/a").ask(1))
    assert isinstance(asking.exception(), TypeError)
    assert cart.saved == Items()
    assert kept.ref("/b").status().accepted == 0
    assert counts_of(kept.ref("/a").status()) == (1, 0, 1, 0, 0, 0)


async def test_what_equals_the_kept_state_is_not_written(
    kept: ActorSystem, store: TurnStore
) -> None:
    cart = await shop(kept)

    async def undo(_: Cart) -> None:
        cart.saved.items.clear()

    cart.deeds[2] = undo
    await handled(kept, store, 1)
    await handled(kept, store, 2)
    await handled(kept, store, 2)
    saved = [one.saved for one in store.boxes["/a"].outcomes if isinstance(one, Handled)]
    assert saved == ['{"items": [1]}', '{"items": []}', None]


# sends


async def test_a_send_that_has_no_form_raises_where_it_is_told(
    kept: ActorSystem, store: TurnStore
) -> None:
    cart = await shop(kept)

    async def tell(_: Cart) -> None:
        with pytest.raises(TypeError):
            cart.ref("/b").tell_nowait(object())

    cart.deeds[1] = tell
    await handled(kept, store, 1)
    store.commit()
    assert store.messages("/b") == [1]
    assert outcomes_of(kept, "/a") == [Handled]


@pytest.mark.parametrize("mailbox", [KEPT, {}])
async def test_a_send_without_room_raises_where_it_is_told(
    kept: ActorSystem, store: TurnStore, mailbox: dict[str, Any]
) -> None:
    full = await kept.spawn(Gate, "full", mailbox={**mailbox, "capacity": 2})
    errors: list[Exception] = []

    async def fill(actor: Runner) -> None:
        for number in range(3):
            try:
                await actor.ref("/full").tell(number)
            except MailboxFull as error:
                errors.append(error)

    class Filler(Runner):
        saved_type = Items

        async def msg_handler(self, msg: Any) -> None:
            await fill(self)

    await kept.spawn(Filler, "a", mailbox=KEPT)
    await handled(kept, store, 1)
    assert len(errors) == 1
    store.commit()
    await settle()
    assert (full.status().accepted, full.status().counts[("rejected", "full")]) == (2, 1)
    check_account(kept)


async def test_sends_keep_their_order_from_turn_to_turn(
    kept: ActorSystem, store: TurnStore
) -> None:
    await shop(kept)
    for number in range(5):
        await handled(kept, store, number)
    store.commit()
    await settle()
    store.commit()
    await settle()
    assert behaviour(kept, "/b", Recorder).seen == list(range(5))
    assert behaviour(kept, "/m", Recorder).seen == list(range(5))


async def test_a_send_to_oneself_waits_for_the_commit(kept: ActorSystem, store: TurnStore) -> None:
    cart = await shop(kept)

    async def tell(_: Cart) -> None:
        cart.ref().tell_nowait("own")

    cart.deeds[1] = tell
    await handled(kept, store, 1)
    assert cart.saved == Items([1])
    assert counts_of(kept.ref("/a").status()) == (2, 1, 0, 0, 1, 0)
    store.commit()
    await settle()
    assert cart.saved == Items([1, "own"])


async def test_a_task_within_the_handler_is_of_its_turn_and_one_that_outlives_it_is_not(
    kept: ActorSystem, store: TurnStore
) -> None:
    cart, go = await shop(kept), asyncio.Event()
    late: list[asyncio.Task[None]] = []

    async def tell_late() -> None:
        await go.wait()
        cart.ref("/m").tell_nowait("late")

    async def tell(_: Cart) -> None:
        await asyncio.gather(cart.ref("/m").tell("within"), cart.ref("/m").tell("as well"))
        late.append(asyncio.create_task(tell_late()))

    cart.deeds[1] = tell
    await handled(kept, store, 1)
    seen = behaviour(kept, "/m", Recorder).seen
    assert seen == []
    go.set()
    await settle()
    assert seen == ["late"]
    store.commit()
    await settle()
    assert seen == ["late", 1, "within", "as well"]


async def test_others_tell_as_ever_while_a_turn_is_open(
    kept: ActorSystem, store: TurnStore
) -> None:
    cart, go = await shop(kept), asyncio.Event()

    async def wait(_: Cart) -> None:
        await go.wait()

    cart.deeds[1] = wait
    await handled(kept, store, 1)
    await kept.ref("/m").tell("other")
    await settle()
    assert behaviour(kept, "/m", Recorder).seen == ["other"]
    go.set()


async def test_a_target_that_is_gone_by_the_commit_makes_a_dead_letter(
    kept: ActorSystem, store: TurnStore
) -> None:
    await shop(kept)
    await handled(kept, store, 1)
    await kept.ref("/m").remove()
    store.commit()
    assert [(one.target, one.reason) for one in kept.dead_letters] == [("/m", "no_actor")]


async def test_an_ask_within_a_turn_acts_at_once(kept: ActorSystem, store: TurnStore) -> None:
    cart = await shop(kept)

    async def ask(_: Cart) -> Any:
        return await cart.ref("/m").ask("asked")

    cart.deeds[1] = ask
    await handled(kept, store, 1)
    assert behaviour(kept, "/m", Recorder).seen == ["asked"]


# cut off


async def test_a_handler_that_is_cut_off_leaks_nothing_and_runs_again(
    kept: ActorSystem, store: TurnStore
) -> None:
    cart = await shop(kept, stop_timeout=1.0)

    async def hang(_: Cart) -> None:
        await asyncio.Event().wait()

    cart.deeds[1] = hang
    await handled(kept, store, 1)
    await kept.ref("/a").stop()
    assert outcomes_of_box(store, "/a") == [Released]
    assert (cart.saved, kept.ref("/b").status().accepted) == (Items(), 0)
    cart.deeds.clear()
    await kept.ref("/a").human_start()
    store.commit()
    await settle()
    assert outcomes_of_box(store, "/a") == [Released, Handled]
    assert cart.saved == Items([1])


async def test_a_handler_that_is_left_behind_changes_nothing_any_more(
    kept: ActorSystem, store: TurnStore
) -> None:
    cart, end = await shop(kept, stop_timeout=1.0), asyncio.Event()

    async def stubborn(_: Cart) -> None:
        while not end.is_set():
            try:
                await end.wait()
            except asyncio.CancelledError:
                continue

    cart.deeds[1] = stubborn
    await handled(kept, store, 1)
    await kept.ref("/a").stop()
    assert kept.diverted is None
    end.set()
    await settle()
    store.commit()
    assert outcomes_of_box(store, "/a") == [Released]
    assert (cart.saved, store.state, store.messages("/b")) == (Items(), {}, [])


async def test_what_is_told_to_a_durable_mailbox_at_the_very_end_is_kept(
    kept: ActorSystem, store: TurnStore
) -> None:
    """The one who is told is removed before the one who tells."""

    class Last(Actor):
        async def on_stop(self, reason: str) -> None:
            await self.ref("/b").tell("last")

    await kept.spawn(Last, "first")
    await kept.spawn(Recorder, "b", mailbox=KEPT)
    store.by_hand = False
    await kept.shutdown()
    assert store.messages("/b") == ["last"]
    assert list(kept.dead_letters) == []


async def test_a_drain_waits_for_what_leaves_after_the_commit(
    kept: ActorSystem, store: TurnStore
) -> None:
    await shop(kept)
    await handled(kept, store, 1)
    draining = await begin(kept.drain(30.0))
    assert not draining.done()
    store.commit()
    await settle()
    assert draining.result()
    assert behaviour(kept, "/m", Recorder).seen == [1]
    assert store.messages("/b") == [1]


# what it needs


async def test_a_saved_type_needs_one_task(kept: ActorSystem) -> None:
    with pytest.raises(ValueError, match="max_tasks: got 2, want 1 with a saved_type"):
        await kept.spawn(Cart, "a", max_tasks=2)
    assert kept.tree() == []


async def test_a_saved_type_that_needs_arguments_leaves_nothing(kept: ActorSystem) -> None:
    class Needs(Actor):
        saved_type = ActorSpec

    with pytest.raises(TypeError, match="cls"):
        await kept.spawn(Needs, "a")
    assert kept.tree() == []


async def test_the_error_of_a_told_message_reaches_the_box(
    kept: ActorSystem, store: TurnStore
) -> None:
    cart = await shop(kept)
    cart.deeds[1] = fail_with(ValueError("no"))
    await handled(kept, store, 1)
    outcome = store.boxes["/a"].outcomes[0]
    assert isinstance(outcome, Failed)
    assert str(outcome.error) == "no"
