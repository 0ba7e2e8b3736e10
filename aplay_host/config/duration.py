"""Lengths of time as a person writes them."""

from __future__ import annotations

import re
import sys

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_WANTED = 'want seconds, or text such as "500ms", "30s", "5m", "2h" or "1d"'


def parse_duration(value: object) -> float:
    """Return the seconds meant by a number (of seconds) or by a text such as ``"30s"``.

    Raises `ValueError` for anything else, and for what is negative or without end.
    """
    match = DURATION.fullmatch(value) if isinstance(value, str) else None
    seconds = float(match[1]) * _UNITS[match[2]] if match else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise ValueError(_WANTED)
    if not 0 <= seconds <= sys.float_info.max:
        raise ValueError(_WANTED)
    return float(seconds)
