"""One aplay.toml as it was read: its text, its values, and where each of them stands."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import tomli

from ..errors import ConfigError, Problem
from .keypath import KeyPath, dotted, is_secret
from .positions import Positions, Span, scan
from .render import render
from .value import plain, told_with_kind

# In a text that is no TOML: from the "=" of a secret to where its value seems to end.
_SECRET_TEXT = re.compile(
    r"""(?: password | secret | token | _key\b ) [\w"'-]* \s* = \s*
        (?: \"{3} .*? (?: \"{3} | \Z) | '{3} .*? (?: '{3} | \Z) | \[ .*? (?: \] | \Z) )?
        [^\n]*""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_START = Span(1, 1, 2, 0, 1)


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something wrong at `path`, not yet located; the fields are those of `Problem`.

    `on` is what the caret is to mark. Where the document has no such key or value (one
    that is missing, a default), the nearest parent that it has is marked instead.
    """

    path: KeyPath
    code: str
    message: str
    got: Any = None
    want: str = ""
    hint: str = ""
    on: Literal["key", "value"] = "value"


@dataclass(frozen=True)
class Document:
    """A file that is sound TOML. `path` is absolute; `text` has no BOM and plain line ends."""

    # No slots: they would leave no room for the positions, scanned on the first mistake.
    path: Path
    text: str
    data: dict[str, Any]

    @property
    def name(self) -> str:
        """The file as errors name it: relative to the working directory when below it."""
        return _shown(self.path)

    @cached_property
    def positions(self) -> Positions:
        """Where every key and value stands."""
        return scan(self.text)

    def span(self, path: KeyPath, on: Literal["key", "value"]) -> Span:
        """Return the place of `path`, or of its nearest parent that is in the text."""
        keys, values = self.positions.keys, self.positions.values
        first, second = (keys, values) if on == "key" else (values, keys)
        while path:
            if found := first.get(path) or second.get(path):
                return found
            path = path[:-1]
        return _START

    def problem(self, mistake: Mistake) -> Problem:
        """Give `mistake` its place in this file."""
        span = self.span(mistake.path, mistake.on)
        return Problem(
            self.name,
            span.line,
            span.column,
            span.end_column,
            dotted(mistake.path),
            mistake.code,
            mistake.message,
            mistake.got,
            mistake.want,
            mistake.hint,
        )

    def refusal(self, problems: Iterable[Problem], sound: object = None) -> ConfigError:
        """Return the error that tells all `problems`, in the order of the file."""
        ordered = sorted(problems, key=lambda it: (it.line, it.column, it.key))
        secrets = [
            slice(span.start, span.end)
            for path, span in self.positions.values.items()
            if is_secret(path)
        ]
        return ConfigError(render(ordered, self.text, secrets), tuple(ordered), sound=sound)


def read_document(path: Path) -> Document:
    """Read and parse `path`; nothing is validated.

    Raises `ConfigError` with one located problem when the file cannot be read, is not
    UTF-8 or is not TOML: a syntax error is the only mistake that comes alone.
    """
    path = Path(os.path.abspath(path))
    try:
        content = path.read_bytes()
    except OSError as error:
        problem = Problem(_shown(path), 0, 0, 0, "", "unreadable", _unreadable(error))
        raise ConfigError(render([problem]), (problem,)) from error
    text = _decoded(path, content.removeprefix(codecs.BOM_UTF8)).replace("\r\n", "\n")
    return Document(path, text, _parsed(path, text))


@dataclass(frozen=True, slots=True)
class Peek:
    """The little that a command needs to find the host of a file; `state_dir` is absolute."""

    path: Path
    state_dir: Path
    name: str


def peek(path: Path) -> Peek:
    """Read where the host of `path` keeps its state, and its name; check nothing else.

    Raises `ConfigError` for a file that is not TOML, or where those two are unusable.
    """
    document = read_document(path)
    folder = document.path.parent
    host = document.data.get("host", {})
    if not isinstance(host, dict):
        raise _not_usable(document, ("host",), host, "a table")
    name = host.get("name", "")
    if not isinstance(name, str):
        raise _not_usable(document, ("host", "name"), name, "a string")
    stated = host.get("state_dir", STATE_DIR)
    try:
        state_dir = resolved(folder, stated)
    except ValueError:
        raise _not_usable(document, ("host", "state_dir"), stated, "a path") from None
    return Peek(document.path, state_dir, name or host_name(folder))


STATE_DIR = ".aplay"
"""The default of ``host.state_dir``."""


def host_name(folder: Path) -> str:
    """Return the default of ``host.name`` for a file in `folder`."""
    return folder.name or "host"


def resolved(folder: Path, value: object) -> Path:
    """Return the absolute path that `value`, written in a file in `folder`, means.

    Raises `ValueError` for what is no path.
    """
    if not isinstance(value, str | Path):
        raise ValueError("want a path")
    try:
        return (folder / value).resolve()
    except (OSError, RuntimeError, ValueError):
        raise ValueError("want a path") from None


def _not_usable(document: Document, path: KeyPath, value: object, want: str) -> ConfigError:
    message = f"got {told_with_kind(value)}, want {want}"
    mistake = Mistake(path, "wrong-type", message, got=plain(value), want=want)
    return document.refusal([document.problem(mistake)])


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def _unreadable(error: OSError) -> str:
    return f"cannot be read: {(error.strerror or str(error)).lower()}"


def _decoded(path: Path, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode()
        text = content.decode(errors="replace").replace("\r\n", "\n")
        message = f"got byte 0x{content[error.start]:02x}, want UTF-8 text"
        raise _no_toml(path, text, before, message, "save the file as UTF-8") from None


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        sentence = f"no TOML: {error.msg[:1].lower()}{error.msg[1:]}"
        hint = 'a key with a slash needs quotes: "/tail"' if text[error.pos :][:1] == "/" else ""
        raise _no_toml(path, text, text[: error.pos], sentence, hint) from None
    except RecursionError:
        raise _no_toml(path, text, "", "arrays or tables are nested too deep") from None
    except ValueError:  # the one thing that tomli lets through is int()'s own limit
        raise _no_toml(path, text, "", "a number in this file has too many digits") from None


def _no_toml(path: Path, text: str, before: str, message: str, hint: str = "") -> ConfigError:
    """Return the error for a mistake behind `before`, in a text that has no positions."""
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    code = "syntax"
    problem = Problem(_shown(path), line, column, column + 1, "", code, message, hint=hint)
    secrets = [
        slice(match.start() + match[0].index("=") + 1, match.end())
        for match in _SECRET_TEXT.finditer(text)
    ]
    return ConfigError(render([problem], text, secrets), (problem,))
