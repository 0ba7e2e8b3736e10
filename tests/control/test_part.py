"""Parts of long answers."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from aplay_host.control import TreeRow
from aplay_host.control.part import page_of, shallow
from aplay_host.errors import CommandError


@dataclass
class Row:
    address: str


ROWS = [Row("/a"), Row("/b"), Row("/c")]


@pytest.mark.parametrize(
    ("query", "addresses", "rest"),
    [
        ({}, "/a /b /c", None),
        ({"limit": "3"}, "/a /b /c", None),
        ({"limit": "2"}, "/a /b", "/c"),
        ({"limit": "1", "from": "/b"}, "/b", "/c"),
        ({"limit": "1", "from": "/c"}, "/c", None),
        ({"from": "/b"}, "/b /c", None),
        ({"limit": "0"}, "/a", "/b"),
    ],
)
def test_a_page_is_the_rows_that_were_asked_for(
    query: dict[str, str], addresses: str, rest: str | None
) -> None:
    page = page_of(ROWS, query)
    assert ([row.address for row in page.rows], page.next) == (addresses.split(), rest)


@pytest.mark.parametrize(
    "query", [{"limit": "-1"}, {"limit": ""}, {"limit": "²"}, {"limit": "9" * 20}, {"from": "/x"}]
)
def test_a_page_that_there_is_not_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(CommandError) as refused:
        page_of(ROWS, query)
    assert refused.value.kind.name == "bad-request"


def tree(address: str, *children: TreeRow) -> TreeRow:
    return TreeRow(address, "running", False, "group", 0, children)


def test_a_shallow_tree_has_so_many_levels_below_its_top() -> None:
    whole = tree("/", tree("/a", tree("/a/b")), tree("/c"))
    assert shallow(whole, None) == whole
    assert shallow(whole, 2) == whole
    assert shallow(whole, 1) == tree("/", tree("/a"), tree("/c"))
    assert shallow(whole, 0) == tree("/")
