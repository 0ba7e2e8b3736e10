"""One aplay.toml as it was read: its text, its values, and where each of them stands."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import getitem
from pathlib import Path
from typing import Any

import tomli

from ..errors import ConfigError, Problem
from .keypath import STARS, KeyPath, dotted, is_secret
from .positions import Positions, place
from .render import render


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something wrong at `path`, not yet located; the fields are those of `Problem`.

    The caret marks the value where one was `got`, else the key. Where the document has no
    such key or value (one that is missing), the nearest parent that it has is marked instead.
    """

    path: KeyPath
    code: str
    message: str
    got: str | None = None
    want: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Document:
    """A file that is sound TOML. `path` is absolute; `text` has no BOM and plain line ends.

    `hidden` are the places whose values are secret because a model says so; `hide` adds some.
    """

    # No slots: they would leave no room for the positions, scanned on the first mistake.
    path: Path
    text: str
    data: dict[str, Any]
    hidden: set[KeyPath] = field(default_factory=set, compare=False)

    @cached_property
    def positions(self) -> Positions:
        """Where every key and value stands."""
        return Positions(self.text)

    def is_secret(self, path: KeyPath) -> bool:
        """Tell whether nobody may see the value at `path`, for its key's name or its type."""
        above = (path[:length] for length in range(1, len(path) + 1))
        return is_secret(path) or any(part in self.hidden for part in above)

    def hide(self, paths: Iterable[KeyPath]) -> None:
        """Make what stands at `paths` secret."""
        self.hidden.update(paths)
        self.__dict__.pop("_secrets", None)

    @cached_property
    def _secrets(self) -> list[tuple[slice, str]]:
        """The values that nobody may see: where each stands, and what it is as text."""
        data: Any = self.data
        values = self.positions.values.items()
        return [
            (at, str(reduce(getitem, path, data))) for path, at in values if self.is_secret(path)
        ]

    def problem(self, mistake: Mistake) -> Problem:
        """Give `mistake` its place in this file."""
        return Problem(
            _shown(self.path),
            *place(self.text, self._span(mistake)),
            dotted(mistake.path),
            mistake.code,
            mistake.message,
            mistake.got,
            mistake.want,
            mistake.hint,
        )

    def place_of(self, path: KeyPath) -> str | None:
        """Return ``file:line:column`` of the value at `path`, None where none is written."""
        span = self.positions.values.get(path) or self.positions.keys.get(path)
        if span is None:
            return None
        line, column, _ = place(self.text, span)
        return f"{self.path.name}:{line}:{column}"

    def places(self, *table: str) -> dict[str, str]:
        """Return the places of all values in `table`, by dotted key."""
        size = len(table)
        inside = [path for path in self.positions.values if path[:size] == table]
        return {dotted(path[size:]): self.place_of(path) or "" for path in inside if path != table}

    def refusal(self, problems: Iterable[Problem], sound: object = None) -> ConfigError:
        """Return the error that tells all `problems`, in the order of the file."""
        ordered = sorted(problems, key=lambda it: (it.line, it.column, it.key))
        text = self.text
        for span, _ in self._secrets:
            # Star for character, so that every column and caret stays right.
            stars = re.sub(r"[^\n]", "*", text[span])
            text = text[: span.start] + stars + text[span.stop :]
        return ConfigError(render(ordered, text), tuple(ordered), sound=sound)

    def silenced(self, words: str) -> str:
        """Return a guest's `words` on one line, with stars for each secret of this file."""
        secrets = {secret for _, secret in self._secrets if secret}
        for secret in sorted(secrets, key=len, reverse=True):  # one may be part of another
            words = words.replace(secret, STARS)
        return " ".join(words.split())

    def _span(self, mistake: Mistake) -> slice:
        keys, values = self.positions.keys, self.positions.values
        first, second = (keys, values) if mistake.got is None else (values, keys)
        path = mistake.path
        while path:
            if found := first.get(path) or second.get(path):
                return found
            path = path[:-1]
        return slice(0, 1)


def read_document(path: Path, content: bytes | None = None) -> Document:
    """Read and parse `path`, or the `content` that was read of it; nothing is validated.

    Raises `ConfigError` with one problem when the file cannot be read, is not UTF-8 or is
    not TOML: a syntax error is the only mistake that comes alone.
    """
    path = Path(os.path.abspath(path))
    try:
        content = path.read_bytes() if content is None else content
    except OSError as error:
        message = f"cannot be read: {(error.strerror or str(error)).lower()}"
        problem = Problem(_shown(path), 0, 0, 0, "", "unreadable", message)
        raise ConfigError(render([problem]), (problem,)) from error
    text = _decoded(path, content.removeprefix(codecs.BOM_UTF8))
    return Document(path, text, _parsed(path, text))


def _shown(path: Path) -> str:
    """Return `path` as errors name it: relative to the working directory when below it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def _decoded(path: Path, content: bytes) -> str:
    try:
        return content.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        at = len(content[: error.start].decode().replace("\r\n", "\n"))
        text = content.decode(errors="replace").replace("\r\n", "\n")
        message = f"got byte 0x{content[error.start]:02x}, want UTF-8 text"
        raise _no_toml(path, text, at, message, "save the file as UTF-8") from None


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        data = tomli.loads(text)
        repr(data)  # whatever cannot be written fails here, and nowhere later
    except tomli.TOMLDecodeError as error:
        sentence = f"not TOML: {error.msg[:1].lower()}{error.msg[1:]}"
        raise _no_toml(path, text, error.pos, sentence, _syntax_hint(text, error)) from None
    except (RecursionError, ValueError):
        message = "a value is nested too deep, or a number has too many digits"
        raise _no_toml(path, text, 0, message) from None
    return data


def _syntax_hint(text: str, error: tomli.TOMLDecodeError) -> str:
    if text[error.pos : error.pos + 1] == "/":
        return 'a key with a slash needs quotes: "/tail"'
    return 'a string needs quotes: "..."' if error.msg == "Invalid value" else ""


def _no_toml(path: Path, text: str, at: int, message: str, hint: str = "") -> ConfigError:
    """Return the error for a mistake at the offset `at` of a text that cannot be scanned."""
    where = place(text, slice(at, at + 1))
    problem = Problem(_shown(path), *where, "", "syntax", message, hint=hint)
    return ConfigError(render([problem], text), (problem,))
