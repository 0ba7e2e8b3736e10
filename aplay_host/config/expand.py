"""``${VAR}``, ``${VAR:-default}`` and ``${file:PATH}`` in the values of a file."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .keypath import KeyPath

LARGEST_FILE = 64 * 1024
"""Bytes that ``${file:PATH}`` may bring in."""

_DOLLAR = re.compile(r"\$\$|\$\{(?P<inside>[^}]*)(?P<end>\}?)")
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


class CannotExpand(ValueError):
    """An expression that has no value: what is wrong, and what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def expand(text: str, folder: Path) -> str:
    """Return `text` with the value of each expression, and ``$`` for ``$$``.

    =====================  ================================================================
    expression             its value
    =====================  ================================================================
    ``${VAR}``             the variable of the environment, which is set
    ``${VAR:-default}``    the same; `default` where it is not set, or empty
    ``${file:PATH}``       the text of a file, without the line end at its end; a relative
                           path is below `folder`
    =====================  ================================================================

    What was put in is not looked at again. Raises `CannotExpand`.
    """
    return _DOLLAR.sub(lambda found: _value(found, folder), text)


def expandable(table: Any, only: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    """Yield the strings of a file in which expressions count, at or below `only`.

    They do not in what names code, or who may come in: ``use``, ``[plugins]``, ``[control]``; the
    options of plugins are values like others.
    """
    waiting: list[tuple[KeyPath, Any]] = [((), table)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str):
            if "$" in value and path[: len(only)] == only and not _is_exempt(path):
                yield path, value
        elif isinstance(value, dict):
            waiting += [((*path, key), one) for key, one in value.items()]
        elif isinstance(value, list):
            waiting += [((*path, index), one) for index, one in enumerate(value)]


def _is_exempt(path: KeyPath) -> bool:
    if path[0] == "plugins":
        return path[1:2] != ("options",)
    return path[0] == "control" or (path[0] == "actors" and path[2:] == ("use",))


def _value(found: re.Match[str], folder: Path) -> str:
    inside = found["inside"]
    if inside is None:
        return "$"
    if not found["end"]:
        raise CannotExpand(f"{found[0]} has no end", "want ${VAR}; a dollar is $$")
    if inside.startswith("file:"):
        return _content(inside.removeprefix("file:"), folder)
    variable = _VARIABLE.fullmatch(inside)
    if variable is None:
        hint = "want ${VAR}, ${VAR:-default} or ${file:PATH}; a dollar is $$"
        raise CannotExpand(f"{found[0]} is no expression", hint)
    name, default = variable.groups()
    value = os.environ.get(name)
    if default is not None and not value:
        return default
    if value is None:
        hint = f"set {name} for the host, or write ${{{name}:-default}}"
        raise CannotExpand(f"{found[0]}: {name} is not set", hint)
    if not _is_text(value):
        raise CannotExpand(f"{found[0]} is not UTF-8 text", f"set {name} to text")
    return value


def _content(name: str, folder: Path) -> str:
    said = f"${{file:{name}}}"
    if "\0" in name:
        raise CannotExpand(f"{said} names no file", "a path has no NUL in it")
    try:
        with open(os.open(folder / name, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # a pipe may have no end
                raise CannotExpand(f"{said} is no plain file", "name a file with the text")
            content = file.read(LARGEST_FILE + 1)
        text = content.decode()
    except (OSError, ValueError) as error:
        if isinstance(error, CannotExpand):
            raise
        why = str(getattr(error, "strerror", "it is not UTF-8 text")).lower()
        hint = f"make {folder / name} readable for the host"
        raise CannotExpand(f"{said} cannot be read: {why}", hint) from None
    if len(content) > LARGEST_FILE:
        raise CannotExpand(f"{said} has more than {LARGEST_FILE} bytes", "name a smaller file")
    return text.removesuffix("\n").removesuffix("\r")


def _is_text(value: str) -> bool:
    """Tell whether `value`, of the environment, was UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
