"""How a value of the file is told to a person, and to a program."""

from __future__ import annotations

import datetime
from pathlib import Path

from .keypath import quoted

_LONGEST = 60
# In this order: to Python, a boolean is an integer.
_KINDS: tuple[tuple[type, str], ...] = (
    (str, "string"),
    (bool, "boolean"),
    (int, "integer"),
    (float, "float"),
    (datetime.date, "date"),
    (datetime.time, "time"),
)


def told(value: object) -> str:
    """Write `value` on one short line; of a table or an array no more than its kind."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list | tuple):
        return "an array"
    text = _written(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]} ..."


def told_with_kind(value: object) -> str:
    """Write `value` with its type, for where the type is the mistake: ``5 (integer)``."""
    kind = next((name for kind, name in _KINDS if isinstance(value, kind)), "")
    return f"{told(value)} ({kind})" if kind else told(value)


def plain(value: object) -> str | int | float:
    """Return `value`, or its text where it is none of what JSON can hold everywhere."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and abs(value) < 2**63:
        return value
    return told(value)


def _written(value: object) -> str:
    if isinstance(value, str | Path):
        return quoted(str(value))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return type(value).__name__


def number(value: float) -> str:
    """Write a number, however large: Python refuses to write an integer of many digits."""
    try:
        return str(value)
    except ValueError:
        return "a number with very many digits"
