"""Addresses are checked strings that know their family and the patterns that name them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aplay_host.kernel import Address, AplayError, BadAddress
from aplay_host.kernel.address import MOST_LEVELS

SEGMENTS = st.from_regex(r"[A-Za-z0-9_.-]{1,5}", fullmatch=True)


@pytest.mark.parametrize("text", ["/", "/a", "/tail/parse", "/a.b/c-d/e_f", "/9"])
def test_a_good_address_is_the_same_string(text: str) -> None:
    address = Address(text)
    assert address == text
    assert hash(address) == hash(text)
    assert {text: 1}[address] == 1
    assert not hasattr(address, "__dict__")


@pytest.mark.parametrize(
    "text", ["", "a", "a/b", "//", "/a/", "/a//b", "/a b", "/a*", "/ü", "/a\n", "/a/b\n"]
)
def test_a_bad_address_is_refused_and_named(text: str) -> None:
    with pytest.raises(BadAddress) as caught:
        Address(text)
    assert repr(text) in str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, AplayError)


def test_a_child_needs_a_name_of_one_segment() -> None:
    assert Address("/").child("a") == "/a"
    assert Address("/a").child("b") == "/a/b"
    for name in ("", "a/b", "/b", "a b", "a\n", "*"):
        with pytest.raises(BadAddress, match="actor name"):
            Address("/a").child(name)


def test_the_root_is_nameless_and_its_own_parent() -> None:
    root = Address("/")
    assert root.name == ""
    assert root.parent == "/"
    assert Address("/a").parent == "/"


@given(st.lists(SEGMENTS, min_size=1, max_size=4), SEGMENTS)
def test_name_and_parent_undo_child(segments: list[str], name: str) -> None:
    above = Address("/" + "/".join(segments))
    below = above.child(name)
    assert (below.parent, below.name) == (above, name)
    assert isinstance(below.parent, Address)
    assert Address(str(below)) == below


def test_ancestors_are_judged_by_segments_not_by_letters() -> None:
    assert Address("/a").is_ancestor_of(Address("/a/b/c"))
    assert Address("/").is_ancestor_of(Address("/a"))
    assert not Address("/a").is_ancestor_of(Address("/ab"))
    assert not Address("/a").is_ancestor_of(Address("/a"))
    assert not Address("/").is_ancestor_of(Address("/"))
    assert not Address("/a/b").is_ancestor_of(Address("/a"))


@pytest.mark.parametrize(
    ("pattern", "address", "named"),
    [
        ("/a", "/a", True),
        ("/a", "/ab", False),
        ("/a", "/a/b", False),
        ("/a.b", "/aXb", False),
        ("/*", "/a", True),
        ("/*", "/a/b", False),
        ("/*", "/", False),
        ("/a/*", "/a/b", True),
        ("/a/*", "/a", False),
        ("/a/*", "/a/b/c", False),
        ("/a/**", "/a", True),
        ("/a/**", "/a/b/c", True),
        ("/a/**", "/ab", False),
        ("/**/c", "/a/b/c", True),
        ("/**/c", "/c", True),
        ("/**/c", "/a/b", False),
        ("/**", "/a/b", True),
        ("/w-*", "/w-1", True),
        ("/w-*", "/w-", True),
        ("/w-*", "/x-1", False),
        ("/w-*", "/w-1/b", False),
        ("/", "/", True),
        ("/", "/a", False),
    ],
)
def test_a_pattern_names_addresses(pattern: str, address: str, named: bool) -> None:
    assert Address(address).matches(pattern) is named


def test_a_pattern_must_begin_at_the_root() -> None:
    with pytest.raises(BadAddress, match="must begin with '/'"):
        Address("/a").matches("*")


def test_a_tree_has_an_end() -> None:
    deepest = Address("/a" * MOST_LEVELS)
    with pytest.raises(BadAddress, match="deeper than 64 levels"):
        deepest.child("b")
    with pytest.raises(BadAddress, match="deeper than 64 levels"):
        Address("/a" * (MOST_LEVELS + 1))
