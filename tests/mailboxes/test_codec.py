"""A message that is kept comes back as it was, or is refused when it is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel, Field, computed_field

from aplay_host import MessageTooLarge, Unencodable, message
from aplay_host.mailboxes import (
    HARD_MAX_BODY,
    Codec,
    Label,
    TypeRegistry,
    UnreadableRecord,
)

from .orders import Address, Cancel, FirstOrder, Order, SecondOrder, Tree

PACK = msgspec.msgpack.Encoder().encode


@pytest.fixture
def types() -> TypeRegistry:
    types = TypeRegistry()
    types.register(Order, Cancel, Address, Tree)
    return types


@pytest.fixture
def codec(types: TypeRegistry) -> Codec:
    return Codec(types)


@dataclass
class Nameless:
    inner: object


def nested(levels: int) -> Any:
    """Return a list in a list in a list, so many times."""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def record_of(body: bytes, name: str = "aplay:any@1", version: int = 1) -> bytes:
    return PACK((version, name, "/sender", {}, msgspec.Raw(body)))


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "",
        "zwölf",
        b"\x00\xff",
        2**63,
        -(2**63),
        1.5,
        float("inf"),
        [],
        {},
        [1, [2, {"a": None}]],
        {"": {"b": [b"", "x"]}},
        nested(64),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_plain_value_comes_back_as_it_was(codec: Codec, value: Any) -> None:
    back = codec.decode(codec.encode(value))
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(
    "told",
    [
        Order("book", 2, datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        Cancel("book", {"a", "b"}, (3, 4)),
        Address(street="Main Street", since=date(2020, 2, 29)),
        Tree([Tree(), Tree([Tree()])]),
    ],
    ids=lambda told: type(told).__name__,
)
def test_an_object_of_a_named_class_comes_back_as_a_copy(codec: Codec, told: object) -> None:
    back = codec.decode(codec.encode(told))
    assert back == told
    assert back is not told


@pytest.mark.parametrize(
    ("value", "path", "found"),
    [
        ((1, 2), r"\$", "tuple"),
        ({"a": [1, {2}]}, r"\$\['a'\]\[1\]", "set"),
        ({"when": datetime.now(UTC)}, r"\$\['when'\]", "datetime"),
        ([{1: "a"}], r"\$\[0\]", "key that is no str"),
        ([bytearray(b"x")], r"\$\[0\]", "bytearray"),
        ([0, 2**64], r"\$\[1\]", "65 bits"),
        ({"a": "\ud800"}, r"\$\['a'\]", "surrogate"),
        ({"\ud800": 1}, r"\$", "key that is no str, or no UTF-8"),
        ([({1},)], r"\$\[0\]", "tuple"),
        ([Nameless({1})], r"\$\[0\]", "Nameless"),
        ({"order": Order("x")}, r"\$\['order'\]", "Order"),
        ([object()], r"\$\[0\]", "object"),
        (nested(65), r"\$", "more than 64 levels"),
    ],
)
def test_what_would_not_come_back_is_refused_with_its_path(
    codec: Codec, value: object, path: str, found: str
) -> None:
    with pytest.raises(Unencodable, match=f"^{path}: .*{found}"):
        codec.encode(value)


def test_a_part_that_is_in_the_way_is_told_with_its_path(codec: Codec) -> None:
    bad: Any = [1, print]
    with pytest.raises(Unencodable, match=r"^\$\.sku\[1\]: .*builtin_function_or_method") as told:
        codec.encode(Order(sku=bad))
    assert told.value.path == "$.sku[1]"


def test_a_model_with_names_of_its_own_for_fields_comes_back(types: TypeRegistry) -> None:
    @message("acme-shop:Strict@1")
    class Strict(BaseModel, extra="forbid"):
        count: int = Field(alias="n")

        @computed_field  # type: ignore[prop-decorator]
        @property
        def twice(self) -> int:
            return 2 * self.count

    types.register(Strict)
    codec = Codec(types)
    assert codec.decode(codec.encode(Strict(n=3))) == Strict(n=3)


def test_the_label_tells_type_and_sender(codec: Codec) -> None:
    assert codec.label(codec.encode(Order("x"), "/shop")) == Label("acme-shop:Order@3", "/shop")
    assert codec.label(b"rubbish") == Label("", "")
    assert codec.label(b"") == Label("", "")


def test_what_is_for_people_is_json_without_the_class(codec: Codec) -> None:
    record = codec.encode(Order("x", at=datetime(2026, 1, 2, tzinfo=UTC)))
    assert Codec(TypeRegistry()).plain(record) == {
        "sku": "x",
        "count": 1,
        "at": "2026-01-02T00:00:00Z",
    }
    assert codec.plain(codec.encode([b"\xff", float("nan")])) == ["/w==", None]


def test_older_majors_are_read_step_by_step(codec: Codec) -> None:
    assert codec.decode(record_of(PACK({"name": "x"}), "acme-shop:Order@1")) == Order("x")
    second = PACK({"article": "x", "count": 7})
    assert codec.decode(record_of(second, "acme-shop:Order@2")) == Order("x", 7)


def test_a_sender_with_older_code_is_understood(codec: Codec) -> None:
    assert codec.decode(codec.encode(FirstOrder("x"))) == Order("x")


def test_a_body_over_the_limit_is_refused(types: TypeRegistry) -> None:
    codec = Codec(types, max_body=100)
    assert codec.decode(codec.encode("x" * 98)) == "x" * 98
    with pytest.raises(MessageTooLarge, match="has 101 bytes, where at most 100") as told:
        codec.encode("x" * 99)
    assert (told.value.size, told.value.limit) == (101, 100)
    with pytest.raises(MessageTooLarge):
        codec.encode(Order("x" * 99))


@pytest.mark.parametrize("limit", [0, HARD_MAX_BODY + 1])
def test_the_limit_has_limits(types: TypeRegistry, limit: int) -> None:
    with pytest.raises(ValueError, match=f"max_body is {limit}: wanted is 1 to 8388608"):
        Codec(types, max_body=limit)


def test_a_class_that_no_actor_accepts_is_refused_when_told(codec: Codec) -> None:
    @message("acme-shop:Unheard@1")
    class Unheard(msgspec.Struct):
        pass

    with pytest.raises(Unencodable, match=r"no actor .* accepts a class named acme-shop:Unheard@1"):
        codec.encode(Unheard())


def test_a_name_is_not_inherited(codec: Codec) -> None:
    class Special(Order):
        extra: int = 0

    with pytest.raises(Unencodable, match="Special"):
        codec.encode(Special("x"))


def test_the_first_message_that_cannot_be_read_back_is_refused(types: TypeRegistry) -> None:
    @message("acme-shop:Picky@1")
    class Picky(msgspec.Struct):
        count: int

        def __post_init__(self) -> None:
            if self.count > 2:
                raise ValueError("more than two")

    types.register(Picky)
    told = Picky(1)
    told.count = 3
    with pytest.raises(Unencodable, match=r"acme-shop:Picky@1 cannot be read back: .*than two"):
        Codec(types).encode(told)


@pytest.mark.parametrize(
    ("record", "reason", "text"),
    [
        (record_of(b"\xc0", "acme-shop:Nobody@1"), "no_handler", "no actor that is loaded accepts"),
        (record_of(b"\x80", "acme-shop:Order@4"), "no_handler", "newer than what is loaded"),
        (record_of(b"\x80", "??"), "no_handler", "no name of a type"),
        (record_of(b"\x80", "acme-shop:Order@3"), "undecodable", "sku"),
        (record_of(b"\x80", "acme-shop:Order@1"), "undecodable", "KeyError: 'name'"),
        (record_of(b"\x80", "acme-shop:Address@1"), "undecodable", "Field required - at street"),
        (record_of(b"\xc0", version=2), "undecodable", "version 2"),
        (b"", "undecodable", "truncated"),
        (b"\x00", "undecodable", "array"),
        (record_of(b"\xc0")[:-1], "undecodable", "truncated"),
        (record_of(b"\xc0") + b"\xc0", "undecodable", "trailing"),
        (record_of(b"\xc1"), "undecodable", "malformed"),
    ],
)
def test_an_unreadable_record_says_why(codec: Codec, record: bytes, reason: str, text: str) -> None:
    with pytest.raises(UnreadableRecord, match=text) as told:
        codec.decode(record)
    assert told.value.reason == reason


def test_what_a_model_finds_wrong_does_not_give_the_value_away(codec: Codec) -> None:
    body = PACK({"street": "x", "since": "secret"})
    with pytest.raises(UnreadableRecord, match="at since") as told:
        codec.decode(record_of(body, "acme-shop:Address@1"))
    assert "secret" not in str(told.value)


def test_fields_that_were_added_later_are_tolerated_both_ways(codec: Codec) -> None:
    newer = PACK({"sku": "x", "colour": "red"})
    assert codec.decode(record_of(newer, "acme-shop:Order@3")) == Order("x")
    appended = PACK((1, "aplay:any@1", "", {"k": 1}, "hello", "more", 7))
    assert codec.decode(appended) == "hello"


def test_code_on_its_way_in_reads_what_was_kept_before() -> None:
    types = TypeRegistry()
    types.register(SecondOrder)
    codec = Codec(types)
    record = codec.encode(SecondOrder("x", 4))
    assert codec.decode_as(record, Order) == Order("x", 4)
    assert type(codec.decode(record)) is SecondOrder


def test_what_is_kept_is_not_read_as_something_else(codec: Codec) -> None:
    with pytest.raises(UnreadableRecord, match=r"nothing leads from acme-shop:Order@3 to .*Cancel"):
        codec.decode_as(codec.encode(Order("x")), Cancel)
    with pytest.raises(UnreadableRecord, match=r"nothing leads from aplay:any@1 to .*Cancel"):
        codec.decode_as(codec.encode({"sku": "x"}), Cancel)
    with pytest.raises(UnreadableRecord, match="found list, wanted dict"):
        codec.decode_as(codec.encode([]), dict)
    assert codec.decode_as(codec.encode({"a": 1}), dict) == {"a": 1}
