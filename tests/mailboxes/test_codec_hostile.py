"""Bytes and values that are made to hurt: each is refused, at no price in memory."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

import msgspec
import pytest

from aplay_host import MessageTooLarge, Unencodable
from aplay_host.mailboxes import HARD_MAX_BODY, Codec, TypeRegistry, UnreadableRecord

from .orders import Tree

DEPTH = 100_000
HEAD = b"\x95\x01\xabaplay:any@1\xa0\x80"
TREE = b"\x95\x01\xb0acme-shop:Tree@1\xa0\x80"
HOSTILE = {
    "arrays 100,000 deep": HEAD + b"\x91" * DEPTH + b"\xc0",
    "maps 100,000 deep": HEAD + b"\x81\xa1a" * DEPTH + b"\xc0",
    "maps as keys, 100,000 deep": HEAD + b"\x81" * DEPTH,
    "objects 100,000 deep": TREE + b"\x81\xa8children\x91" * DEPTH + b"\x80",
    "objects 5,000 deep": TREE + b"\x81\xa8children\x91" * 5_000 + b"\x80",
    "headers 100,000 deep": b"\x95\x01\xa1a\xa0\x81\xa1k" + b"\x91" * DEPTH + b"\xc0\xc0",
    "a record 100,000 deep": b"\x91" * DEPTH,
    "an array of 4 GiB": HEAD + b"\xdd\xff\xff\xff\xff",
    "a map of 4 GiB": HEAD + b"\xdf\xff\xff\xff\xff\xa1a",
    "a text of 4 GiB": HEAD + b"\xdb\xff\xff\xff\xffx",
    "bytes of 4 GiB": HEAD + b"\xc6\xff\xff\xff\xffx",
    "an extension of 4 GiB": HEAD + b"\xc9\xff\xff\xff\xff\x01x",
    "a record of 4 GiB": b"\xdd\xff\xff\xff\xff\x01\xa1a\xa0\x80\xc0",
    "a type of 4 GiB": b"\x95\x01\xdb\xff\xff\xff\xffx",
    "headers of 4 GiB": b"\x95\x01\xa1a\xa0\xdf\xff\xff\xff\xff\xa1k\xc0",
    "children of 4 GiB": TREE + b"\x81\xa8children\xdd\xff\xff\xff\xff",
}


@pytest.fixture
def codec() -> Codec:
    types = TypeRegistry()
    types.register(Tree)
    return Codec(types)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_are_undecodable(codec: Codec, name: str) -> None:
    for read in (codec.decode, codec.plain):
        with pytest.raises(UnreadableRecord) as told:
            read(HOSTILE[name])
        assert told.value.reason == "undecodable"
    codec.label(HOSTILE[name])


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory by /proc")
def test_hostile_bytes_cost_no_memory() -> None:
    script = """
    from aplay_host.mailboxes import Codec, TypeRegistry, UnreadableRecord
    from tests.mailboxes.orders import Tree
    from tests.mailboxes.test_codec_hostile import HOSTILE

    def peak():
        text = open("/proc/self/status").read()
        return int(text.split("VmHWM:")[1].split()[0])

    types = TypeRegistry()
    types.register(Tree)
    codec = Codec(types)
    before = peak()
    for record in HOSTILE.values():
        for read in (codec.decode, codec.plain):
            try:
                read(record)
            except UnreadableRecord:
                pass
    print(peak() - before)
    """
    ran = subprocess.run(
        [sys.executable, "-c", dedent(script)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) <= 20 * 1024  # KiB


def test_a_body_of_the_hard_limit_is_read_and_one_byte_more_is_not() -> None:
    codec = Codec(TypeRegistry(), max_body=HARD_MAX_BODY)
    largest = b"x" * (HARD_MAX_BODY - 5)
    assert codec.decode(codec.encode(largest)) == largest
    with pytest.raises(MessageTooLarge):
        codec.encode(largest + b"x")
    record = HEAD + msgspec.msgpack.encode(largest + b"x")
    with pytest.raises(UnreadableRecord) as told:
        codec.decode(record)
    assert told.value.reason == "too_large"
    assert codec.label(record).type == "aplay:any@1"


def test_values_too_deep_are_refused_without_recursion(codec: Codec) -> None:
    value: object = None
    tree = Tree()
    for _ in range(DEPTH):
        value = [value]
        tree = Tree([tree])
    for deep in (value, {"a": value}, tree):
        with pytest.raises(Unencodable, match=r"^\$: nests more than 64 levels"):
            codec.encode(deep)


def test_objects_have_the_same_limit_of_nesting(codec: Codec) -> None:
    tree = Tree()
    for _ in range(31):  # each is a map in a list
        tree = Tree([tree])
    assert codec.decode(codec.encode(tree)) == tree
    with pytest.raises(Unencodable, match="64 levels"):
        codec.encode(Tree([tree]))


def test_many_containers_side_by_side_are_not_deep(codec: Codec) -> None:
    wide = Tree([Tree() for _ in range(1000)])
    assert codec.decode(codec.encode(wide)) == wide


def test_a_circle_is_refused(codec: Codec) -> None:
    circle: list[object] = []
    circle.append(circle)
    with pytest.raises(Unencodable, match="64 levels"):
        codec.encode(circle)


def test_what_is_small_and_would_be_written_out_huge_is_refused(codec: Codec) -> None:
    value: list[object] = ["x"]
    for _ in range(7):
        value = [value] * 10
    with pytest.raises(MessageTooLarge) as told:
        codec.encode(value)
    assert told.value.size is None  # it was never written out
