"""The place of a key or a value in a document: how it is written, and what it leads to."""

from __future__ import annotations

import re
from typing import Any

from .render import quoted

KeyPath = tuple[str | int, ...]
"""A place in the document, such as ``("actors", "/tail", "mailbox", "capacity")``."""

STARS = "********"
"""What is told in place of a secret."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SECRET = re.compile(r"password|secret|token|_key\Z", re.IGNORECASE)


def dotted(path: KeyPath) -> str:
    """Write `path` as TOML does: ``actors."/tail".mailbox.capacity``, indexes in brackets."""
    return "".join(map(_step, path)).removeprefix(".")


def _step(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part if _BARE.fullmatch(part) else quoted(part)}"


def without(content: Any, path: KeyPath) -> Any:
    """Return `content` with nothing at `path`, which is in it; `content` itself stays as it is."""
    content = content.copy()
    if len(path) == 1:
        del content[path[0]]
    else:
        content[path[0]] = without(content[path[0]], path[1:])
    return content


def is_secret(path: KeyPath) -> bool:
    """Tell whether the name of a key in `path` says that nobody may see the value.

    The name of an actor or a plugin is no such name: ``/token-bucket`` has no secrets for that.
    """
    named = 2 if path[:1] == ("actors",) else 3 if path[:2] == ("plugins", "options") else 0
    names = path[named:]
    return any(isinstance(name, str) and _SECRET.search(name) for name in names)
