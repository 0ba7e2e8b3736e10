"""Making JSON of what actors and records hold."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import math
import os
from collections.abc import Iterator, Mapping, Set
from typing import Any


def dump(value: Any) -> bytes:
    """Return `value` as one line of JSON; raises `TypeError` naming what JSON cannot hold.

    Beyond JSON's own types: dataclasses become objects, tuples and sets arrays, enums their
    values; dates, times and paths their text. Keys of objects become text.
    """
    return json.dumps(plain(value), ensure_ascii=False).encode("utf-8", "backslashreplace")


def pieces(value: Any) -> Iterator[bytes]:
    """Yield what `dump` returns in pieces, each the work of some microseconds.

    Lists are taken apart, and records that have records in them, at any depth. What an iterator
    yields is a list of which nothing is kept: thousands of rows alive at once would let each
    request pay for a full garbage collection, which stops the loop.
    """
    if isinstance(value, list | tuple | Iterator):
        yield b"["
        for place, item in enumerate(value):
            if place:
                yield b", "
            yield from pieces(item)
        yield b"]"
    elif dataclasses.is_dataclass(value) and not isinstance(value, type) and _is_nested(value):
        lead = b"{"
        for field in dataclasses.fields(value):
            yield lead + dump(field.name) + b": "
            yield from pieces(getattr(value, field.name))
            lead = b", "
        yield b"}"
    else:
        yield dump(value)


def _is_nested(record: Any) -> bool:
    """Tell whether a record has tuples of records in it, or an iterator."""
    values = (getattr(record, field.name) for field in dataclasses.fields(record))
    return any(
        isinstance(one, Iterator)
        or (isinstance(one, tuple) and one and dataclasses.is_dataclass(one[0]))
        for one in values
    )


def plain(value: Any) -> Any:
    """Return `value` made of dicts, lists, text, numbers, booleans and None only.

    Raises `TypeError` for what JSON cannot hold: objects of other types, NaN and the
    infinities, and what is nested without end.
    """
    try:
        return _plain(value)
    except RecursionError:
        raise TypeError("a value that is nested too deep cannot be shown as JSON") from None


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return _plain(value.value)
    if isinstance(value, float) and not math.isfinite(value):
        raise TypeError(f"{value} cannot be shown as JSON")
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | Set):
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, os.PathLike):
        return str(value)
    raise TypeError(f"a value of type {type(value).__qualname__} cannot be shown as JSON")
