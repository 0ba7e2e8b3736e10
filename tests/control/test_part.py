"""Parts of long answers."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from aplay_host.control import TreeRow
from aplay_host.control.part import page, shallow
from aplay_host.errors import CommandError


@dataclass
class Row:
    address: str


@dataclass
class Letter:
    id: int


ROWS = [Row("/a"), Row("/b"), Row("/c")]


@pytest.mark.parametrize(
    ("query", "addresses", "rest"),
    [
        ({}, "/a /b /c", None),
        ({"limit": "3"}, "/a /b /c", None),
        ({"limit": "2"}, "/a /b", "/b"),
        ({"limit": "1", "after": "/a"}, "/b", "/b"),
        ({"limit": "1", "after": "/b"}, "/c", None),
        ({"after": "/c"}, "", None),
        ({"limit": "0"}, "/a", "/a"),
    ],
)
def test_a_page_is_the_rows_that_were_asked_for(
    query: dict[str, str], addresses: str, rest: str | None
) -> None:
    rows, found = page(ROWS, query)
    assert ([row.address for row in rows], found) == (addresses.split(), rest)


def test_rows_without_an_address_go_by_their_id() -> None:
    rows, rest = page([Letter(1), Letter(2), Letter(3)], {"limit": "1", "after": "1"})
    assert (rows, rest) == ([Letter(2)], "2")


@pytest.mark.parametrize(
    "query", [{"limit": "-1"}, {"limit": ""}, {"limit": "²"}, {"limit": "9" * 20}, {"after": "/x"}]
)
def test_a_page_that_there_is_not_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(CommandError) as refused:
        page(ROWS, query)
    assert refused.value.kind.name == "bad-request"


def tree(address: str, *children: TreeRow) -> TreeRow:
    return TreeRow(address, "running", False, "group", 0, children)


def test_a_shallow_tree_has_so_many_levels_below_its_top() -> None:
    whole = tree("/", tree("/a", tree("/a/b")), tree("/c"))
    assert shallow(whole, None) == whole
    assert shallow(whole, 2) == whole
    assert shallow(whole, 1) == tree("/", tree("/a"), tree("/c"))
    assert shallow(whole, 0) == tree("/")
