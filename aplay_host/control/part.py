"""Parts of long answers: so many rows of a list, so many levels of a tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..errors import CommandError
from .records import TreeRow


def page(rows: list[Any], query: Mapping[str, str]) -> tuple[list[Any], str | None]:
    """Return the rows that `query` asks for, and what identifies the last if more follow.

    ``limit`` is how many there are at most, without it all. ``after`` is the address or the id
    of the row that they follow, as the part before ended with. Raises ``bad-request``.
    """
    keys = [str(getattr(row, "address", None) or getattr(row, "id", "")) for row in rows]
    limit, after = count(query, "limit"), query.get("after")
    if after is not None and after not in keys:
        detail = f'"after": {after} is not in the list, or no more'
        raise CommandError("bad-request", detail, hint="begin anew, without it")
    first = 0 if after is None else keys.index(after) + 1
    last = len(rows) if limit is None else first + max(1, limit)
    return rows[first:last], keys[last - 1] if last < len(rows) else None


def shallow(row: TreeRow, depth: int | None) -> TreeRow:
    """Return a tree with `depth` levels below its top at most, with all where that is None."""
    if depth is None:
        return row
    children = row.children if depth else ()
    return replace(row, children=tuple(shallow(child, depth - 1) for child in children))


def count(query: Mapping[str, str], key: str) -> int | None:
    """Return a whole number of the query, None where it has none; raises ``bad-request``."""
    text = query.get(key)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise CommandError(
            "bad-request", f'"{key}": got {text!r}, want a number of at most 9 digits'
        )
    return int(text)
