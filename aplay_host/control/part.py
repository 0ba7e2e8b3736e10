"""Parts of long answers: so many rows of a list, so many levels of a tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import CommandError
from .records import Page, TreeRow


def page_of(things: Sequence[Any], begin: str | None, limit: int | None) -> Page:
    """Return what is to be told of `things`: from address `begin` on, `limit` at most.

    Without them it is all. Raises ``bad-request``.
    """
    addresses = [str(thing.address) for thing in things]
    if begin is not None and begin not in addresses:
        detail = f'"from": {begin} is not in the list, or no more'
        raise CommandError("bad-request", detail, hint="begin anew, without it")
    first = 0 if begin is None else addresses.index(begin)
    last = len(things) if limit is None else first + limit
    return Page(things[first:last], addresses[last] if last < len(things) else None)


def shallow(row: TreeRow, depth: int | None) -> TreeRow:
    """Return a tree with `depth` levels below its top at most, with all where that is None."""
    if depth is None or not row.children:
        return row
    children = (shallow(child, depth - 1) for child in row.children) if depth else ()
    return replace(row, children=children)


def count(query: Mapping[str, str], key: str, *, least: int = 0) -> int | None:
    """Return a whole number of the query, None where it has none; raises ``bad-request``."""
    text = query.get(key)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) < least:
        want = f"want a number from {least}, of at most 9 digits"
        raise CommandError("bad-request", f'"{key}": got {text!r}, {want}')
    return int(text)
