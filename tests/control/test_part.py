"""Parts of long answers."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from aplay_host.control import TreeRow, dump
from aplay_host.control.jsonable import pieces
from aplay_host.control.part import count, page_of, shallow
from aplay_host.errors import CommandError


@dataclass
class Row:
    address: str


ROWS = [Row("/a"), Row("/b"), Row("/c")]


@pytest.mark.parametrize(
    ("part", "addresses", "rest"),
    [
        ((None, None), "/a /b /c", None),
        ((None, 3), "/a /b /c", None),
        ((None, 2), "/a /b", "/c"),
        (("/b", 1), "/b", "/c"),
        (("/c", 1), "/c", None),
        (("/b", None), "/b /c", None),
    ],
)
def test_a_page_is_the_rows_that_were_asked_for(
    part: tuple[str | None, int | None], addresses: str, rest: str | None
) -> None:
    page = page_of(ROWS, *part)
    assert ([row.address for row in page.rows], page.next) == (addresses.split(), rest)


def test_a_page_that_there_is_not_is_refused() -> None:
    with pytest.raises(CommandError) as refused:
        page_of(ROWS, "/x", None)
    assert refused.value.kind.name == "bad-request"


@pytest.mark.parametrize("text", ["-1", "", "²", "9" * 20])
def test_what_is_no_count_is_refused(text: str) -> None:
    with pytest.raises(CommandError) as refused:
        count({"limit": text}, "limit")
    assert refused.value.kind.name == "bad-request"


def tree(address: str, *children: TreeRow) -> TreeRow:
    return TreeRow(address, "running", False, "group", 0, children)


def test_a_shallow_tree_has_so_many_levels_below_its_top() -> None:
    whole = tree("/", tree("/a", tree("/a/b")), tree("/c"))
    for depth, cut in {
        None: whole,
        2: whole,
        1: tree("/", tree("/a"), tree("/c")),
        0: tree("/"),
    }.items():
        assert b"".join(pieces(shallow(whole, depth))) == dump(cut)
