"""The place of a key or a value in a document: how it is written, and what it leads to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from functools import reduce
from operator import getitem
from typing import Any

from .render import quoted

KeyPath = tuple[str | int, ...]
"""A place in the document, such as ``("actors", "/tail", "mailbox", "capacity")``."""

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


def value_at(content: Any, path: KeyPath) -> Any:
    """Return what is in `content` at `path`, which is in it."""
    return reduce(getitem, path, content)


def put(content: Any, path: KeyPath, value: Any) -> None:
    """Change what is in `content` at `path`, which is in it, to `value`."""
    value_at(content, path[:-1])[path[-1]] = value


def replaced(content: Any, path: KeyPath, value: Any) -> Any:
    """Return `content` with `value` at `path`, which is in it; `content` itself stays as it is."""
    if not path:
        return value
    content = content.copy()
    content[path[0]] = replaced(content[path[0]], path[1:], value)
    return content


def is_within(path: KeyPath, places: Set[KeyPath]) -> bool:
    """Tell whether `path` is one of `places`, or in one."""
    return any(path[:length] in places for length in range(1, len(path) + 1))


def of_a_guest(path: KeyPath) -> bool:
    """Tell whether `path` is in a table whose keys somebody's plugin decides on."""
    match path:
        case ("actors", _, "options", _, *_) | ("plugins", "options", _, _, *_):
            return True
        case ("defaults", "mailbox", key, *_) | ("actors", _, "mailbox", key, *_):
            return key not in ("kind", "capacity", "overflow")
    return False


def secret_paths(content: Any, at: KeyPath) -> Iterator[KeyPath]:
    """Yield where `content`, which is at `at`, has what is secret by its key's name."""
    waiting = [(at, content)]
    while waiting:
        path, value = waiting.pop()
        if is_secret(path):
            yield path
        elif isinstance(value, dict):
            waiting += [((*path, key), one) for key, one in value.items()]
        elif isinstance(value, list):
            waiting += [((*path, index), one) for index, one in enumerate(value)]


def is_secret(path: KeyPath) -> bool:
    """Tell whether the name of a key in `path` says that nobody may see the value.

    The name of an actor or a plugin is no such name: ``/token-bucket`` has no secrets for that.
    """
    named = 2 if path[:1] == ("actors",) else 3 if path[:2] == ("plugins", "options") else 0
    names = path[named:]
    return any(isinstance(name, str) and _SECRET.search(name) for name in names)
