"""Answers as text: tables, trees and JSON, on stdout."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..control import dump

if TYPE_CHECKING:
    from .client import Answer


def print_json(body: bytes) -> None:
    """Print the body of an answer byte for byte."""
    sys.stdout.buffer.write(body + b"\n")
    sys.stdout.buffer.flush()


def print_value(value: Any) -> None:
    """Print a value as JSON."""
    print_json(dump(value))


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]], right: str = "") -> None:
    """Print rows in columns; those whose heading is among the words of `right` align right."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    numeric = {column for column, title in enumerate(header) if title in right.split()}
    for row in cells:
        padded = [
            cell.rjust(width) if column in numeric else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(padded).rstrip())


def print_host(answer: Answer) -> None:
    """Print the line that says which host answered, and what it wants to be seen."""
    print(host_line(answer))
    print_banner(answer)
    print_pending(answer)


def print_pending(answer: Answer) -> None:
    """Print which keys of aplay.toml count from the next start, if there are any."""
    if keys := answer.document["host"]["pending_restart"]:
        print(f"aplay.toml: {visible(', '.join(keys))}: counts from the next start of the host")


def print_banner(answer: Answer) -> None:
    """Print why what is on disk does not run, if a reload has failed."""
    if banner := answer.document["host"]["banner"]:
        print(visible(banner))


def host_line(answer: Answer) -> str:
    """Return which host answered: its name and state, and the file that it runs."""
    host = answer.document["host"]
    return (
        f"{host['name']}  {host['state']}  pid {host['pid']}  generation {host['generation']}  "
        f"{host['config']}"
    )


def print_tree(row: dict[str, Any], lead: str = "", branch: str = "") -> None:
    """Print an actor and those below it as a drawn tree."""
    pending = f"  {row['pending']} waiting" if row["pending"] else ""
    name = row["address"] if not lead else row["address"].rpartition("/")[2]
    print(f"{lead}{name}  {shown_state(row)}  {row['type']}{pending}")
    children = row["children"]
    for place, child in enumerate(children):
        last = place == len(children) - 1
        print_tree(
            child, f"{branch}{'└─ ' if last else '├─ '}", f"{branch}{'   ' if last else '│  '}"
        )


def shown_state(row: dict[str, Any]) -> str:
    """Return an actor's state in one word, ``held`` included."""
    return f"{row['state']} (held)" if row["held"] else str(row["state"])


def visible(text: str) -> str:
    """Return `text` with nothing in it that a terminal would obey, but for line ends."""
    return "".join(one if one.isprintable() or one == "\n" else ascii(one)[1:-1] for one in text)


def age(since: str, now: str) -> str:
    """Return the time between two RFC 3339 times in its largest unit, such as ``3 h``."""
    seconds = (_time(now) - _time(since)).total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def clock(moment: str, now: str) -> str:
    """Return the local time of day of an RFC 3339 time, with the date when that is not today's."""
    local = _time(moment).astimezone()
    return (
        f"{local:%H:%M:%S}" if local.date() == _time(now).astimezone().date() else f"{local:%F %T}"
    )


def now() -> datetime:
    """Return the present, in UTC."""
    return datetime.now(UTC)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
