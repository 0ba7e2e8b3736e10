"""Parts of long answers: so many rows of a list, so many levels of a tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import CommandError
from .records import Page, TreeRow


def page_of(rows: Sequence[Any], query: Mapping[str, str]) -> Page:
    """Return the rows that `query` asks for: from address ``from`` on, ``limit`` at most.

    Without them it is all rows. Raises ``bad-request``.
    """
    limit, begin = count(query, "limit"), query.get("from")
    addresses = [str(row.address) for row in rows]
    if begin is not None and begin not in addresses:
        detail = f'"from": {begin} is not in the list, or no more'
        raise CommandError("bad-request", detail, hint="begin anew, without it")
    first = 0 if begin is None else addresses.index(begin)
    last = len(rows) if limit is None else first + max(1, limit)
    return Page(rows[first:last], addresses[last] if last < len(rows) else None)


def shallow(row: TreeRow, depth: int | None) -> TreeRow:
    """Return a tree with `depth` levels below its top at most, with all where that is None."""
    if depth is None:
        return row
    children = row.children if depth else ()
    return replace(row, children=tuple(shallow(child, depth - 1) for child in children))


def count(query: Mapping[str, str], key: str, *, least: int = 0) -> int | None:
    """Return a whole number of the query, None where it has none; raises ``bad-request``."""
    text = query.get(key)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) < least:
        want = f"want a number from {least}, of at most 9 digits"
        raise CommandError("bad-request", f'"{key}": got {text!r}, {want}')
    return int(text)
