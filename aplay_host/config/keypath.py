"""How a place in a document is written, and what its name tells."""

from __future__ import annotations

import re
from typing import Any

KeyPath = tuple[str | int, ...]
"""A place in the document, such as ``("actors", "/tail", "mailbox", "capacity")``."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SECRET = re.compile(r"password|secret|token|_key\Z", re.IGNORECASE)


def dotted(path: KeyPath) -> str:
    """Write `path` as TOML does: ``actors."/tail".mailbox.capacity``, indexes in brackets."""
    written = "".join(f"[{part}]" if isinstance(part, int) else f".{_key(part)}" for part in path)
    return written.removeprefix(".")


def quoted(text: str) -> str:
    """Write `text` as a TOML string on one line, with nothing in it that is not printable."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'


def take_out(data: Any, path: KeyPath) -> None:
    """Delete what stands at `path` in `data`; where a key is missing, the table missing it."""
    for place, part in enumerate(path):
        found = part in data if isinstance(data, dict) else isinstance(data, list)
        if not found:
            return
        rest = path[place + 1 :]
        below = data[part]
        missing = len(rest) == 1 and isinstance(below, dict) and rest[0] not in below
        if not rest or missing:
            del data[part]
            return
        data = below


def is_secret(path: KeyPath) -> bool:
    """Tell whether the name of a key in `path` says that nobody may see the value.

    An actor's address is no such name: ``/token-bucket`` has no secrets for that.
    """
    names = path[2:] if path[:1] == ("actors",) else path
    return any(isinstance(name, str) and _SECRET.search(name) for name in names)


def _key(part: str) -> str:
    return part if _BARE.fullmatch(part) else quoted(part)
