"""Numbers, times, errors and places as parts of a sentence."""

from __future__ import annotations

from datetime import datetime

from ..kernel import Failure

LONGEST_TEXT = 200
"""How much of a guest's text a sentence has room for."""
JUST_NOW = 60.0
"""Up to this age, in seconds, a time is told by its age."""


def count(number: int, noun: str) -> str:
    """Return ``1 message`` or ``12 messages``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def span(seconds: float) -> str:
    """Return a length of time in the largest unit that it has two of: ``12 s``, ``5 min``."""
    for unit, length in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else f"{max(0.0, seconds):.1g} s"


def when(moment: datetime, clock: datetime) -> str:
    """Return ``just now``, ``4 s ago`` or ``at 12:03``, as said when the clock shows `clock`."""
    age = (clock - moment).total_seconds()
    if age < 1.0:
        return "just now"
    return f"{span(age)} ago" if age < JUST_NOW else f"at {time_of_day(moment, clock)}"


def since(moment: datetime, clock: datetime) -> str:
    """Return ``for 4 s`` or ``since 12:03``."""
    age = (clock - moment).total_seconds()
    return f"for {span(age)}" if age < JUST_NOW else f"since {time_of_day(moment, clock)}"


def time_of_day(moment: datetime, clock: datetime) -> str:
    """Return ``12:03`` in the clock's zone, with the date when that is not the clock's."""
    local = moment.astimezone(clock.tzinfo)
    return f"{local:%H:%M}" if local.date() == clock.date() else f"{local:%Y-%m-%d %H:%M}"


def told(error: Failure) -> str:
    """Return ``ValueError: boom at parse.py:88 in parse``, on one line."""
    text = f"{error.type}: {brief(error.text)}" if error.text else error.type
    return f"{text} at {short_place(error.where)}" if error.where else text


def brief(text: str) -> str:
    """Return `text` on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TEXT else f"{line[: LONGEST_TEXT - 3]}..."


def short_place(where: str) -> str:
    """Return ``file:line in function`` without the file's folders."""
    return where.rpartition("/")[2]
