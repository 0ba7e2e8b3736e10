"""What an actor saves in its mailbox, while the code of the actor is exchanged."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from aplay_host.kernel import ActorRef

from ..kernel.turnbox import KEPT, TurnStore
from .conftest import Served
from .guests import Guest, heard_from, reload, rollback

CART = """
    from dataclasses import dataclass, field

    from aplay_host import Actor
    from aplay_host.mailboxes import message

    @message("guest:Items@1")
    @dataclass
    class Items:
        items: list = field(default_factory=list)

    class Cart(Actor):
        saved_type = Items

        def __init__(self):
            self.note = "old"

        async def msg_handler(self, msg):
            self.saved.items.append(msg)
            return [self.note, type(self.saved).__module__, *self.saved.items]
"""


@pytest.fixture
def store() -> TurnStore:
    return TurnStore(tries=9, after=0.0)


@pytest.fixture
async def cart(plugin: Guest, served: Served, store: TurnStore) -> ActorRef:
    """An actor with a state in `store`, which has handled one message."""
    plugin.write(cart=CART)
    __import__("guest.cart")
    system: Any = served.host.system
    system.make_mailbox = store.make
    ref: ActorRef = await system.spawn(sys.modules["guest.cart"].Cart, "cart", mailbox=KEPT)
    assert await ref.ask("a") == ["old", "guest.cart", "a"]
    return ref


async def test_saved_is_read_by_the_new_class_and_is_no_part_of_the_merge(
    plugin: Guest, served: Served, cart: ActorRef
) -> None:
    served.host.system.cell_at(cart.address).behaviour.saved.items.append("unsettled")  # type: ignore[union-attr]
    plugin.edit("cart", '"old"', '"new"')
    plugin.edit("cart", "items: list =", "more: int = 7\n    items: list =")
    assert (await reload(served)).outcome == "committed"
    assert await cart.ask("b") == ["new", "guest.cart", "a", "b"]
    behaviour: Any = served.host.system.cell_at(cart.address).behaviour  # type: ignore[union-attr]
    assert behaviour.saved.more == 7
    assert isinstance(behaviour.saved, sys.modules["guest.cart"].Items)


async def test_unreadable_saved_refuses_the_swap(
    plugin: Guest, served: Served, cart: ActorRef
) -> None:
    plugin.edit("cart", "items: list =", "things: list =")
    plugin.edit("cart", "self.saved.items.append", "self.saved.things.append")
    report = await reload(served)
    assert report.outcome == "refused"
    assert report.error is not None
    assert report.error.code == "saved"
    assert "what /cart has saved cannot be read as guest.cart:Items: TypeError" in report.error.got
    assert await cart.ask("b") == ["old", "guest.cart", "a", "b"]


async def test_a_new_major_is_told_and_not_rolled_back(
    plugin: Guest, served: Served, cart: ActorRef
) -> None:
    plugin.edit("cart", "Items@1", "Items@2")
    report = await reload(served)
    assert report.plan is not None
    assert report.plan.notes == (
        "/cart: what it saves was guest:Items@1 and is guest:Items@2 now; no way leads back",
    )
    back = await rollback(served)
    assert back.outcome == "refused"
    assert back.error is not None
    assert (back.error.code, back.error.place) == ("saved-major", "/cart")
    assert served.host.current.number == 2
    assert await cart.ask("b") == ["old", "guest.cart", "a", "b"]


async def test_a_new_major_is_not_taken_back_and_its_messages_have_failed(
    plugin: Guest, served: Served, store: TurnStore, cart: ActorRef
) -> None:
    store.tries = 1
    plugin.edit("cart", "Items@1", "Items@2")
    plugin.edit("cart", "self.saved.items.append(msg)", "raise ValueError(msg)")
    heard = heard_from(served)
    assert (await reload(served)).outcome == "committed"
    for text in "bcd":
        await cart.tell(text)
    async with asyncio.timeout(60):
        assert (await heard.get()).outcome == "committed"
        refused = await heard.get()
    assert refused.outcome == "refused"
    assert refused.error is not None
    assert refused.error.code == "saved-major"
    assert sorted(message for _, message, _ in store.dead) == ["b", "c", "d"]


async def test_code_that_is_taken_back_goes_on_with_what_was_saved(
    plugin: Guest, served: Served, store: TurnStore, cart: ActorRef
) -> None:
    plugin.edit("cart", "self.saved.items.append(msg)", "raise ValueError(msg)")
    heard = heard_from(served)
    assert (await reload(served)).outcome == "committed"
    for text in "bcd":
        await cart.tell(text)
    async with asyncio.timeout(60):
        assert (await heard.get()).outcome == "committed"
        assert (await heard.get()).outcome == "taken_back"
    assert await cart.ask("e") == ["old", "guest.cart", *"abcde"]
    status = cart.status()
    assert (status.accepted, status.handled, status.failed, status.dead) == (5, 5, 0, 0)


async def test_on_memory_what_is_saved_is_an_attribute_as_any_other(
    plugin: Guest, served: Served
) -> None:
    plugin.write(cart=CART)
    __import__("guest.cart")
    ref = await served.host.system.spawn(sys.modules["guest.cart"].Cart, "cart")
    assert await ref.ask("a") == ["old", "guest.cart", "a"]
    plugin.edit("cart", "Items@1", "Items@2")
    assert (await reload(served)).outcome == "committed"
    assert await ref.ask("b") == ["old", "guest.cart", "a", "b"]
    assert (await rollback(served)).outcome == "committed"
    assert await ref.ask("c") == ["old", "guest.cart", *"abc"]
