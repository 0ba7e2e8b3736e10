"""What any release has written is read by this one, and is still written the same way."""

from __future__ import annotations

import pytest

from aplay_host.mailboxes import Codec, TypeRegistry

from .golden import GOLDEN
from .orders import Address, Cancel, Order, Tree


@pytest.fixture
def codec() -> Codec:
    types = TypeRegistry()
    types.register(Order, Cancel, Address, Tree)
    return Codec(types)


@pytest.mark.parametrize(("record", "message"), GOLDEN, ids=[record[-24:] for record, _ in GOLDEN])
def test_a_record_of_any_release_is_read(codec: Codec, record: str, message: object) -> None:
    back = codec.decode(bytes.fromhex(record))
    assert back == message
    assert type(back) is type(message)


def test_every_kind_of_type_has_a_record(codec: Codec) -> None:
    labels = [codec.label(bytes.fromhex(record)) for record, _ in GOLDEN]
    assert {label.type for label in labels} == {
        "aplay:any@1",
        "acme-shop:Address@1",
        "acme-shop:Cancel@1",
        "acme-shop:Order@1",
        "acme-shop:Order@2",
        "acme-shop:Order@3",
        "acme-shop:Tree@1",
    }
    assert {label.sender for label in labels} == {"/shop", ""}


def test_this_release_writes_what_the_first_one_wrote(codec: Codec) -> None:
    """A state that did not change has the same bytes, and is not written again."""
    current = [
        (record, message)
        for record, message in GOLDEN
        if codec.label(bytes.fromhex(record)).type not in ("acme-shop:Order@1", "acme-shop:Order@2")
        and message != "later"
    ]
    assert [codec.encode(message, "/shop").hex() for _, message in current] == [
        record for record, _ in current
    ]
