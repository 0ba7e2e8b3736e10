"""Which names are known, what belongs to whom, and what a newer generation takes over."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import dedent
from types import ModuleType
from typing import Any

import msgspec
import pytest

from aplay_host import Actor, message, upcast
from aplay_host.errors import BadMessageType
from aplay_host.mailboxes import Codec, TypeRegistry, UnreadableRecord, accept

from .orders import Cancel, FirstOrder, Order, Tree

HEAD = """
from aplay_host import Actor, message, upcast
import msgspec
"""


@pytest.fixture
def module() -> Iterator[ModuleType]:
    """Give a module whose text can be run anew, as a reload does."""
    module = ModuleType("shop_of_test")
    sys.modules[module.__name__] = module
    yield module
    del sys.modules[module.__name__]


def load(module: ModuleType, text: str) -> dict[str, Any]:
    """Run `text` as the newest generation of `module`."""
    namespace = vars(module)
    for name in [name for name in namespace if not name.startswith("__")]:
        del namespace[name]
    exec(HEAD + dedent(text), namespace)
    return namespace


FIRST = """
@message("acme-shop:Item@1")
class Item(msgspec.Struct):
    name: str

class Shop(Actor):
    accepts = (Item,)
"""
SECOND = """
@message("acme-shop:Item@2")
class Item(msgspec.Struct):
    sku: str

@upcast("acme-shop:Item", 1, 2)
def to_second(body):
    return {"sku": body["name"]}

class Shop(Actor):
    accepts = (Item,)
"""


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Order",
        "Order@1",
        "acme-shop:Order",
        "acme-shop:Order@",
        "acme-shop:Order@0",
        "acme-shop:Order@1.5",
        "acme-shop:Order@٣",
        "acme-shop:@1",
        "acme_shop:Order@1",
        "Acme:Order@1",
        "acme-shop:Order name@1",
        "acme-shop:Order@1\n",
        "aplay:any@1",
        "acme-shop:" + "x" * 200 + "@1",
    ],
)
def test_a_name_that_is_none_is_refused_where_it_stands(name: str) -> None:
    with pytest.raises(BadMessageType):
        message(name)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Order", "'Order': wanted is the distribution, a name and a major version"),
        ("acme-shop:Order@0", "a major version from 1, in at most 200 characters, as in 'acme-"),
        ("acme_shop:Order@1", "'acme_shop:Order': wanted is .* in small letters and with - for _"),
        (Order, "@message got <class .*Order'>; wanted is a name: @message\\('acme-shop:Order@2'"),
    ],
)
def test_a_name_that_is_none_is_told_what_one_is_like(name: Any, told: str) -> None:
    with pytest.raises(BadMessageType, match=told):
        message(name)


@pytest.mark.parametrize(("old", "new"), [(1, 1), (2, 1), (0, 1), (-1, 2)])
def test_an_upcast_leads_upwards(old: int, new: int) -> None:
    with pytest.raises(BadMessageType, match="wanted is 0 < old < new"):
        upcast("acme-shop:Order", old, new)


def test_registering_says_what_can_be_read_now() -> None:
    types = TypeRegistry()
    names = {"acme-shop:Order@1", "acme-shop:Order@2", "acme-shop:Order@3"}
    assert types.register(Order) == names
    assert types.register(Order) == set()
    assert types.register(Order, Cancel) == {"acme-shop:Cancel@1"}


def test_a_class_of_its_own_is_read_as_that_and_not_by_an_upcast() -> None:
    types = TypeRegistry()
    types.register(Order, FirstOrder)
    codec = Codec(types)
    assert codec.decode(codec.encode(FirstOrder("x"))) == FirstOrder("x")


def test_two_classes_of_one_name_are_refused_and_nothing_changes() -> None:
    @message("acme-shop:Order@3")
    @dataclass
    class Other:
        pass

    types = TypeRegistry()
    types.register(Order)
    with pytest.raises(BadMessageType, match=r"two classes are named acme-shop:Order@3: .*Other"):
        types.register(Tree, Other)
    assert types.reader("acme-shop:Tree@1") is None
    codec = Codec(types)
    assert codec.decode(codec.encode(Order("x"))) == Order("x")


@pytest.mark.parametrize("kind", ["nameless", "plain", "unreadable"])
def test_a_class_that_cannot_be_kept_is_refused(kind: str) -> None:
    class Nameless(msgspec.Struct):
        pass

    @message("acme-shop:Plain@1")
    class Plain:
        pass

    @message("acme-shop:Unreadable@1")
    class Unreadable(msgspec.Struct):
        either: Order | Tree

    cls = {"nameless": Nameless, "plain": Plain, "unreadable": Unreadable}[kind]
    text = {"nameless": "@message", "plain": "wanted is a msgspec Struct", "unreadable": "fields"}
    with pytest.raises(BadMessageType, match=rf"{cls.__name__}.*{text[kind]}"):
        TypeRegistry().register(cls)


def test_two_functions_for_one_step_are_refused(module: ModuleType) -> None:
    again = SECOND + "\n@upcast('acme-shop:Item', 1, 2)\ndef another(body): return body\n"
    item = load(module, again)["Item"]
    with pytest.raises(BadMessageType, match=r"two functions upcast acme-shop:Item@1: .*another"):
        TypeRegistry().register(item)


def test_a_step_without_an_end_is_no_way(module: ModuleType) -> None:
    types = TypeRegistry()
    item = load(module, SECOND.replace("1, 2)", "1, 3)"))["Item"]
    assert types.register(item) == {"acme-shop:Item@2"}
    with pytest.raises(UnreadableRecord, match=r"no upcast leads from acme-shop:Item@1 to .*@2"):
        Codec(types).decode(b"\x95\x01\xb0acme-shop:Item@1\xa0\x80\x80")


def test_an_actor_tells_what_it_accepts_and_keeps() -> None:
    class Shop(Actor):
        accepts = (Order, dict, str)
        saved_type = Cancel

    types = TypeRegistry()
    assert accept(types, Shop, Actor) == {
        "acme-shop:Order@1",
        "acme-shop:Order@2",
        "acme-shop:Order@3",
        "acme-shop:Cancel@1",
    }
    assert accept(types, Shop) == set()


def test_plain_values_need_nobody() -> None:
    class Counter(Actor):
        saved_type = dict

    assert accept(TypeRegistry(), Counter, Actor) == set()


@pytest.mark.parametrize("accepts", [Order, "Order", (Order, "Cancel"), None])
def test_what_is_no_tuple_of_classes_is_refused_with_the_actor(accepts: Any) -> None:
    class Shop(Actor):
        pass

    Shop.accepts = accepts
    with pytest.raises(BadMessageType, match=r"Shop: accepts is .*wanted are a tuple of classes"):
        accept(TypeRegistry(), Shop)


def test_upcasters_are_found_beside_the_actor_too(module: ModuleType) -> None:
    shop = load(
        module,
        """
        from tests.mailboxes.orders import Tree

        @upcast("acme-shop:Leaf", 1, 2)
        def to_second(body):
            return {"children": []}

        @message("acme-shop:Leaf@2")
        class Leaf(Tree):
            pass

        Leaf.__module__ = "somewhere.else"

        class Shop(Actor):
            accepts = (Leaf,)
        """,
    )["Shop"]
    assert "acme-shop:Leaf@1" in accept(TypeRegistry(), shop)


def test_a_newer_generation_takes_the_place_of_the_older_one(module: ModuleType) -> None:
    types = TypeRegistry()
    codec = Codec(types)
    first = load(module, FIRST)
    accept(types, first["Shop"])
    kept = codec.encode(first["Item"]("x"))
    second = load(module, SECOND)
    assert accept(types, second["Shop"]) == {"acme-shop:Item@2"}
    assert codec.decode(kept) == second["Item"]("x")


def test_an_object_of_the_older_generation_is_still_understood(module: ModuleType) -> None:
    types = TypeRegistry()
    codec = Codec(types)
    old = load(module, FIRST)["Item"]("x")
    newer = load(module, FIRST)
    accept(types, newer["Shop"])
    assert type(codec.decode(codec.encode(old))) is newer["Item"]


def test_an_actor_that_still_has_the_older_generation_does_not_bring_it_back(
    module: ModuleType,
) -> None:
    types = TypeRegistry()
    older, newer = load(module, FIRST)["Shop"], load(module, FIRST)["Shop"]
    accept(types, newer, older)
    accept(types, older)
    (item,) = newer.accepts
    assert type(Codec(types).decode(Codec(types).encode(item("x")))) is item


def test_going_back_forgets_the_newer_major_and_its_upcasts(module: ModuleType) -> None:
    types = TypeRegistry()
    codec = Codec(types)
    second = load(module, SECOND)
    accept(types, second["Shop"])
    newer = codec.encode(second["Item"]("x"))
    first = load(module, FIRST)
    accept(types, first["Shop"])
    with pytest.raises(UnreadableRecord, match="newer than what is loaded, acme-shop:Item@1"):
        codec.decode(newer)
    item = first["Item"]("x")
    assert codec.decode(codec.encode(item)) == item


@pytest.mark.parametrize("text", [FIRST, SECOND, "class Shop(Actor): pass"])
def test_no_code_of_an_older_generation_is_held(module: ModuleType, text: str) -> None:
    types = TypeRegistry()
    old = load(module, SECOND)
    accept(types, old["Shop"])
    Codec(types).encode(old["Item"]("x"))
    held = [weakref.ref(old["Item"]), weakref.ref(old["to_second"])]
    accept(types, load(module, text)["Shop"])
    gc.collect()
    assert [it() for it in held] == [None, None]
