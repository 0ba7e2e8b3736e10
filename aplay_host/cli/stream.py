"""A stream of events from a host, as the one who reads it sees it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Sent:
    """One message of a stream: its name, ``message`` for an event, and what it says."""

    name: str
    data: dict[str, Any]


def messages(lines: Iterable[bytes]) -> Iterator[Sent]:
    """Yield the messages that these lines are; comments say nothing."""
    name, data = "message", b""
    for line in lines:
        key, _, value = line.rstrip(b"\r\n").partition(b":")
        value = value.removeprefix(b" ")
        if key == b"event":
            name = value.decode()
        elif key == b"data":
            data += value
        elif line.strip() == b"" and data:
            yield Sent(name, json.loads(data))
            name, data = "message", b""
