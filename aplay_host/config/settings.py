"""What the command line says over the file: ``--set KEY=VALUE``, and flags of their own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tomli

from .keypath import KeyPath, dotted

_PART = r"""\s*(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)\s*"""
_KEY = re.compile(rf"({_PART}(?:\.{_PART})*)=", re.DOTALL)
SET = "--set"


@dataclass(frozen=True, slots=True)
class Setting:
    """One value from the command line; `source` is ``--set``, or ``flag NAME``.

    `text` is a string until a field refuses one; then it is read as a value of TOML.
    """

    path: tuple[str, ...]
    text: str
    source: str = SET

    @property
    def said(self) -> str:
        """This as ``KEY=VALUE``."""
        return f"{dotted(self.path)}={self.text}"


def parse_setting(text: str) -> Setting:
    """Return what ``KEY=VALUE`` says; KEY is written as TOML writes it.

    Raises `ValueError`, which does not tell VALUE: that may be a secret.
    """
    key = _KEY.match(text)
    if key is None:
        hint = """ (a key with a slash needs quotes: 'actors."/tail".max_tasks=2')"""
        raise ValueError("want KEY=VALUE" + hint * ("/" in text.partition("=")[0]))
    found: Any = tomli.loads(f"{key[1]} = 0")
    path: list[str] = []
    while isinstance(found, dict):
        ((name, found),) = found.items()
        path.append(name)
    return Setting(tuple(path), text[key.end() :])


def lay_over(table: dict[str, Any], settings: Sequence[Setting]) -> dict[KeyPath, str]:
    """Put `settings` into `table`, the last one wins; return what came from where.

    A table that has to be made, too, has its source. An address counts as the file writes it,
    with the slash or without.
    """
    sources: dict[KeyPath, str] = {}
    for one in settings:
        path, inner = _as_written(one.path, table), table
        for depth, part in enumerate(path[:-1], 1):
            if not isinstance(inner.get(part), dict):
                inner[part] = {}
                sources[path[:depth]] = one.source
            inner = inner[part]
        inner[path[-1]] = one.text
        sources[path] = one.source
    return sources


def read_value(text: str, *, scalar: bool) -> Any:
    """Return the value that `text` is in TOML, and `text` itself where it is none.

    With `scalar` a table or an array is none.
    """
    try:
        document = tomli.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    value = document["value"]
    is_more = document.keys() != {"value"} or (scalar and isinstance(value, dict | list))
    return text if is_more else value


def _as_written(path: tuple[str, ...], table: dict[str, Any]) -> tuple[str, ...]:
    actors = table.get("actors")
    if len(path) > 1 and path[0] == "actors" and isinstance(actors, dict):
        key = path[1]
        other = key[1:] if key.startswith("/") else f"/{key}"
        if key not in actors and other in actors:
            return (path[0], other, *path[2:])
    return path
