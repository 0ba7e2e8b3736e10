"""Answers in the form that a call wants: text for people, JSON, or names."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..control import dump

if TYPE_CHECKING:
    from .client import Answer
    from .options import Common

Tint = Callable[[str], str]
"""Returns a text in its colour, or as it is: `colored` or `str`."""

IDENTITIES = ("id", "address", "name", "dist", "key")
"""What identifies a row: the first of these keys that it has."""
ROWS = ("results", "failed", "checks", "errors", "plan", "cells")
"""Where an object that is no row itself has its rows."""
COLORS = {
    **dict.fromkeys(("running", "active", "ok"), 32),
    **dict.fromkeys(("failed", "not ready", "broken", "quarantined", "incompatible", "error"), 31),
    **dict.fromkeys(("starting", "restarting", "paused", "stopp", "degraded", "new"), 33),
}
"""The colour, as terminals number them, of texts that begin so."""


def print_answer(common: Common, answer: Answer, text: Callable[[], None]) -> None:
    """Print what a verb was answered, in the form that the call wants.

    ======  ======================================================================
    table   what `text` prints, for people
    json    the body of the answer, byte for byte
    jsonl   a line of JSON for each row, or for the data where that is no list
    name    a line for each row: its id, or else its address, its name or its key
    ======  ======================================================================
    """
    if common.output == "table":
        text()
    elif common.output == "json":
        print_json(answer.body)
    elif common.output == "jsonl":
        for row in answer.data if isinstance(answer.data, list) else [answer.data]:
            print_value(row)
    else:
        for name in names(answer.data):
            print(visible(name))
    if (cursor := answer.document["next"]) is not None:
        remark(common, f"there are more, from {cursor} on")


def names(data: Any) -> Iterator[str]:
    """Yield what identifies each row of `data`, those below the rows of a tree included."""
    if isinstance(data, list):
        for row in data:
            yield from names(row)
    elif isinstance(data, dict):
        found = [data[key] for key in IDENTITIES if data.get(key) is not None]
        yield from map(str, found[:1])
        for key in ("children",) if found else ROWS:
            yield from names(data.get(key))


def remark(common: Common, text: str) -> None:
    """Print to stderr what is neither a result nor a failure, unless ``-q`` forbids it."""
    if not common.quiet:
        print(visible(text), file=sys.stderr)


def print_json(body: bytes) -> None:
    """Print the body of an answer byte for byte."""
    sys.stdout.buffer.write(body + b"\n")
    sys.stdout.buffer.flush()


def print_value(value: Any) -> None:
    """Print a value as JSON."""
    print_json(dump(value))


def tint_of(common: Common) -> Tint:
    """Return what colours the words on stdout that tell how something is."""
    return colored if common.colors(sys.stdout) else str


def colored(text: str) -> str:
    """Return `text` in the colour of the word that it begins with, if that has one."""
    for word, color in COLORS.items():
        if text.startswith(word):
            return f"\x1b[{color}m{text}\x1b[0m"
    return text


def print_table(
    header: Sequence[str], rows: Sequence[Sequence[object]], right: str = "", tint: Tint = str
) -> None:
    """Print rows in columns; see `table`."""
    for line in table(header, rows, right, tint):
        print(line)


def table(
    header: Sequence[str], rows: Sequence[Sequence[object]], right: str = "", tint: Tint = str
) -> Iterator[str]:
    """Yield rows as lines of columns; those whose heading is among the words of `right` align so.

    `tint` colours the column ``STATE``.
    """
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = []
        for title, cell, width in zip(header, row, widths, strict=True):
            cell = cell.rjust(width) if title in right.split() else cell.ljust(width)
            padded.append(tint(cell) if title == "STATE" else cell)
        yield "  ".join(padded).rstrip()


def host_lines(answer: Answer, health: str = "", tint: Tint = str) -> Iterator[str]:
    """Yield the line that says which host answered, and what it wants to be seen."""
    yield host_line(answer, health, tint)
    if banner := answer.document["host"]["banner"]:
        yield visible(banner)
    yield from pending_lines(answer)


def pending_lines(answer: Answer) -> Iterator[str]:
    """Yield which keys of aplay.toml count from the next start, if there are any."""
    if keys := answer.document["host"]["pending_restart"]:
        yield f"aplay.toml: {visible(', '.join(keys))}: counts from the next start of the host"


def host_line(answer: Answer, health: str = "", tint: Tint = str) -> str:
    """Return which host answered: its name and state, and the file that it runs.

    A host that runs is told by its `health` where that is known and not ``ok``.
    """
    host, at = answer.document["host"], answer.document["at"]
    ill = host["state"] == "running" and health not in ("", "ok")
    up = f"up {age(answer.started, at)}  " if answer.started else ""
    return (
        f"{host['name']}  {tint(health if ill else host['state'])}  pid {host['pid']}  {up}"
        f"generation {host['generation']}  {_short(host['config'])}"
    )


def print_tree(row: dict[str, Any], tint: Tint = str, lead: str = "", branch: str = "") -> None:
    """Print an actor and those below it as a drawn tree."""
    pending = f"  {row['pending']} waiting" if row["pending"] else ""
    name = row["address"] if not lead else row["address"].rpartition("/")[2]
    print(f"{lead}{name}  {tint(shown_state(row))}  {row['type']}{pending}")
    children = row["children"]
    for place, child in enumerate(children):
        corner, line = ("└─ ", "   ") if place == len(children) - 1 else ("├─ ", "│  ")
        print_tree(child, tint, f"{branch}{corner}", f"{branch}{line}")


def shown_state(row: dict[str, Any]) -> str:
    """Return an actor's state in one word, ``held`` included."""
    return f"{row['state']} (held)" if row["held"] else str(row["state"])


def retried(retry: dict[str, Any]) -> str:
    """Return when what failed is tried again, and which try that is, where that is known."""
    which = f"try {retry['attempt']}/{retry['most']}" if retry["most"] else "retry"
    return f"{which} in {retry['in_s']:.0f} s"


def visible(text: str) -> str:
    """Return `text` with nothing in it that a terminal would obey, but for line ends."""
    return "".join(one if one.isprintable() or one == "\n" else ascii(one)[1:-1] for one in text)


def one_line(text: str) -> str:
    """Return `text` as one line that begins none of ours; see `visible`."""
    return visible(text).replace("\n", r"\n")


def age(since: str, now: str) -> str:
    """Return the time between two RFC 3339 times in its largest unit, such as ``3 h``."""
    return length((_time(now) - _time(since)).total_seconds())


def length(seconds: float) -> str:
    """Return a length of time in its largest unit, such as ``3 h``."""
    for unit, long in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= long:
            return f"{seconds // long:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def size(count: int) -> str:
    """Return a number of bytes in its largest unit, such as ``1.2 MiB``."""
    for unit, large in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= large:
            return f"{count / large:.1f} {unit}"
    return f"{count} B"


def clock(moment: str, now: str) -> str:
    """Return the local time of day of an RFC 3339 time, with the date when that is not today's."""
    local = _time(moment).astimezone()
    return (
        f"{local:%H:%M:%S}" if local.date() == _time(now).astimezone().date() else f"{local:%F %T}"
    )


def now() -> datetime:
    """Return the present, in UTC."""
    return datetime.now(UTC)


def _short(file: str) -> str:
    """Return a path as it is written here: below the working directory it is relative."""
    try:
        return file.removeprefix(f"{os.getcwd()}/")
    except FileNotFoundError:  # the working directory is gone
        return file


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
