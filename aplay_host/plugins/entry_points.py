"""The text of an ``entry_points.txt``, read line by line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EntryPointLine:
    """One line below a ``[group]``: `number` counts from 1, `value` None means no ``=``."""

    group: str
    name: str
    value: str | None
    number: int


def parse_entry_points(text: str) -> Iterator[EntryPointLine]:
    """Read `text` as Python's own reader of installed metadata does.

    Blank lines, comments and lines before the first group are passed over. Where Python's
    reader raises, a line without a value is returned.
    """
    group = None
    for number, line in enumerate(map(str.strip, text.splitlines()), start=1):
        if not line or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            group = line.strip("[]")
        elif group is not None:
            name, equals, value = line.partition("=")
            yield EntryPointLine(group, name.strip(), value.strip() if equals else None, number)
