"""What holds of every message and of every sequence of bytes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aplay_host import Unencodable
from aplay_host.mailboxes import Codec, Label, TypeRegistry, UnreadableRecord

from .golden import GOLDEN
from .orders import Address, Cancel, Order, Tree

TYPES = TypeRegistry()
TYPES.register(Order, Cancel, Address, Tree)
CODEC = Codec(TYPES)
RECORDS = [bytes.fromhex(record) for record, _ in GOLDEN]

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | TEXT
    | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=20,
)
FOREIGN = st.sampled_from([(), {1}, 2**64, 1j, object(), bytearray(b"x"), {3: 4}, "\ud800", Tree()])
STEPS = st.lists(st.integers(0, 3) | TEXT, max_size=6)

brief = settings(max_examples=80, deadline=None, derandomize=True)


def shape(value: Any) -> Any:
    """Return `value` with the type of each part beside it: 1, 1.0 and True are equal."""
    if isinstance(value, list):
        return [shape(one) for one in value]
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    return type(value), value


@brief
@given(PLAIN)
def test_plain_values_come_back_with_all_their_types(value: Any) -> None:
    record = CODEC.encode(value, "/somebody")
    assert shape(CODEC.decode(record)) == shape(value)
    assert CODEC.label(record) == Label("aplay:any@1", "/somebody")
    assert CODEC.encode(CODEC.decode(record), "/somebody") == record


@brief
@given(TEXT, st.integers(-(2**63), 2**63 - 1), st.none() | st.datetimes())
def test_objects_come_back_equal(sku: str, count: int, at: Any) -> None:
    order = Order(sku, count, at)
    assert CODEC.decode(CODEC.encode(order)) == order


@brief
@given(FOREIGN, STEPS, PLAIN)
def test_the_path_leads_to_the_culprit(culprit: Any, steps: list[Any], beside: Any) -> None:
    value = culprit
    for step in reversed(steps):
        value = {step: value} if isinstance(step, str) else [*([beside] * step), value]
    if isinstance(value, Tree):
        return  # which is a message when it stands alone
    with pytest.raises(Unencodable) as told:
        CODEC.encode(value)
    found: Any = eval("value" + told.value.path.removeprefix("$"), {"value": value})
    assert found is culprit


@brief
@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_unreadable(record: bytes) -> None:
    attempt(record)


@brief
@given(st.sampled_from(RECORDS), st.data())
def test_no_damage_does_more_than_make_a_record_unreadable(record: bytes, data: Any) -> None:
    at = data.draw(st.integers(0, len(record) - 1))
    byte = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(record)))
    attempt(record[:at] + bytes([byte]) + record[at + 1 :])
    attempt(record[:end])


def attempt(record: bytes) -> None:
    """Read `record` in each way; anything raised but `UnreadableRecord` is let through."""
    label, reasons = CODEC.label(record), set()
    for read in (CODEC.decode, CODEC.plain):
        try:
            read(record)
        except UnreadableRecord as error:
            reasons.add(error.reason)
    assert label.type or reasons == {"undecodable"}
