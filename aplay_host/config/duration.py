"""Lengths of time as a person writes them."""

from __future__ import annotations

import math
import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TEXT = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_WANTED = 'want seconds, or text such as "500ms", "30s", "5m", "2h" or "1d"'


def parse_duration(value: object) -> float:
    """Return the seconds meant by a number (of seconds) or by a text such as ``"30s"``.

    Raises `ValueError` for anything else, and for what is negative or without end.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(_WANTED)
    seconds = _seconds(value)
    if not 0 <= seconds < math.inf:
        raise ValueError(_WANTED)
    return seconds


def _seconds(value: float | str) -> float:
    if isinstance(value, str):
        match = _TEXT.fullmatch(value)
        return float(match[1]) * _UNITS[match[2]] if match else math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf
