"""The frame of every JSON answer, and of every problem."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..errors import CommandError
from .jsonable import dump, pieces

if TYPE_CHECKING:
    from .records import HostRecord

API_VERSION = "1.0"
PROBLEM_PREFIX = "urn:aplay:problem:"


def envelope(verb: str, data: Any, host: HostRecord | None, at: datetime.datetime) -> bytes:
    """Return the answer to `verb` as JSON; `host` is None where no host was asked."""
    return b"".join(envelope_pieces(verb, data, host, at))


def envelope_pieces(
    verb: str,
    data: Any,
    host: HostRecord | None,
    at: datetime.datetime,
    following: str | None = None,
) -> Iterator[bytes]:
    """Yield an answer in pieces that take no time.

    `following` is where a list goes on that was cut.
    """
    head = dump({"schema": f"aplay.{verb}/1", "host": host, "at": rfc3339(at)})
    yield head[:-1] + b', "data": '
    yield from pieces(data)
    yield b', "next": %s}' % dump(following)


def problem(error: CommandError) -> dict[str, Any]:
    """Return the problem document of `error`."""
    document: dict[str, Any] = {
        "type": PROBLEM_PREFIX + error.kind.name,
        "title": error.kind.title,
        "status": error.kind.status,
        "detail": error.detail,
        "hint": error.hint,
    }
    if error.address is not None:
        document["address"] = error.address
    return document


def rfc3339(at: datetime.datetime) -> str:
    """Return `at` in UTC, to the millisecond."""
    text = at.astimezone(datetime.UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
