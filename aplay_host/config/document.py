"""One aplay.toml as it was read: its text, its values, and where each of them stands."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import tomli

from ..errors import ConfigError, Problem
from .expand import CannotExpand, expand, expandable
from .keypath import (
    KeyPath,
    dotted,
    is_secret,
    is_within,
    of_a_guest,
    put,
    replaced,
    secret_paths,
    value_at,
)
from .positions import Positions, place
from .render import render
from .settings import SET, Setting, lay_over, read_value
from .stars import PASSWORD_OF_URL, STARS, without_password


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
    """A file that is sound TOML, with what the command line says laid over it.

    `path` is absolute; `text` has no BOM and plain line ends. `data` are the values that count:
    `sources` tells which of them, and which tables, come from one of the `settings`, and
    `expressions` how those are written in which one was expanded. `mistakes` are of expressions
    that have no value; those stand in `data` as they are written.

    `hidden` are the places whose values are secret because a model says so, and `vetted` those
    of which a guest's model has had its say; see `conceals`.
    """

    # No slots: they would leave no room for the positions, scanned on the first mistake.
    path: Path
    text: str
    data: dict[str, Any]
    settings: tuple[Setting, ...] = ()
    sources: Mapping[KeyPath, str] = field(default_factory=dict)
    expressions: Mapping[KeyPath, str] = field(default_factory=dict)
    mistakes: tuple[Mistake, ...] = ()
    hidden: set[KeyPath] = field(default_factory=set, compare=False)
    vetted: set[KeyPath] = field(default_factory=set, compare=False)

    @cached_property
    def positions(self) -> Positions:
        """Where every key and value stands."""
        return Positions(self.text)

    def is_secret(self, path: KeyPath) -> bool:
        """Tell whether nobody may see the value at `path`, for its key's name or its type."""
        return is_secret(path) or is_within(path, self.hidden)

    def conceals(self, path: KeyPath) -> bool:
        """Tell whether the value at `path` is secret, or belongs to a guest that has not said."""
        unsaid = of_a_guest(path) and not is_within(path, self.vetted)
        return unsaid or self.is_secret(path)

    def inherit(self, other: Document) -> None:
        """Take over what guests have said of `other`, an earlier reading of the same file."""
        self.hidden.update(other.hidden)
        self.vetted.update(other.vetted)

    def judge_alike(self, one: KeyPath, other: KeyPath) -> None:
        """Take what a guest has said of the table at `one` as said of the one at `other`."""
        for said in (self.hidden, self.vetted):
            said |= {(*other, *path[len(one) :]) for path in said if path[: len(one)] == one}

    def read_again(self, data: Any, paths: Iterable[KeyPath], at: KeyPath = ()) -> Any:
        """Return `data`, the table at `at`, with the values of some texts in place of them.

        That is done at those of `paths`, within `data`, where a string was refused which the
        command line or the environment had given: of these no other kind could be.
        """
        for path in paths:
            text, where = value_at(data, path), (*at, *path)
            expanded = where in self.expressions
            if isinstance(text, str) and (expanded or self.sources.get(where)):
                # What the environment says has no structure.
                data = replaced(data, path, read_value(text, scalar=expanded))
        return data

    def problem(self, mistake: Mistake) -> Problem:
        """Give `mistake` its place in this file, or the part of the command line."""
        source = self._source(mistake.path)
        span = slice(0, 1) if source else self._span(mistake)
        return Problem(
            source or _shown(self.path),
            *((0, 0, 0) if source else place(self.text, span)),
            dotted(mistake.path),
            mistake.code,
            mistake.message,
            mistake.got,
            mistake.want,
            mistake.hint,
        )

    def place_of(self, path: KeyPath) -> str | None:
        """Return where the value at `path` is stated, None where it is not.

        That is ``file:line:column``, ``--set`` or ``flag NAME``.
        """
        if path in self.sources:
            return self.sources[path]
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

    def refused(self, paths: Iterable[KeyPath]) -> Iterator[Mistake]:
        """Yield the mistake for each of these secrets that the command line gives."""
        for path in paths:
            if self._source(path) == SET:
                message = f"a secret may not be given with {SET}: everybody sees it in ps"
                hint = "write ${VAR} or ${file:PATH} in the file"
                yield Mistake(path, "secret-set", message, hint=hint)

    def refusal(self, problems: Iterable[Problem], sound: object = None) -> ConfigError:
        """Return the error that tells all `problems`, in the order of the file."""
        ordered = sorted(dict.fromkeys(problems), key=lambda it: (it.line, it.column, it.key))
        text = self.text
        for path, span in self.positions.values.items():
            if self.is_secret(path):
                # Star for character, so that every column and caret stays right.
                stars = re.sub(r"[^\n]", "*", text[span])
                text = text[: span.start] + stars + text[span.stop :]
        text = PASSWORD_OF_URL.sub(lambda found: found[1] + "*" * len(found[2]), text)
        said = render(ordered, text, _shown(self.path))
        return ConfigError(said, tuple(ordered), sound=sound)

    def silenced(self, words: str, at: KeyPath = ()) -> str:
        """Return a guest's `words` on one line, with stars for each secret of this file.

        The value of an expression in what is at `at` is told as the expression.
        """
        told = {re.escape(secret): STARS for secret in self._secrets() if secret}
        for path, said in self.expressions.items():
            if path[: len(at)] == at and (value := str(value_at(self.data, path))):
                told.setdefault(rf"(?<!\w){re.escape(value)}(?!\w)", said)
        for pattern in sorted(told, key=len, reverse=True):  # one may be part of another
            words = re.sub(pattern, told[pattern].replace("\\", r"\\"), words)
        return " ".join(without_password(words).split())

    def _secrets(self) -> Iterator[str]:
        """Yield the values that nobody may see, as text."""
        waiting = [value_at(self.data, path) for path in self._named]
        for path in self.hidden:
            with suppress(LookupError, TypeError):  # a class or a text may have brought it in
                waiting.append(value_at(self.data, path))
        while waiting:
            value = waiting.pop()
            if isinstance(value, dict | list):
                waiting += value.values() if isinstance(value, dict) else value
            else:
                yield str(value)

    @cached_property
    def _named(self) -> tuple[KeyPath, ...]:
        """Where `data` has what is secret by its key's name."""
        return tuple(secret_paths(self.data, ()))

    def _source(self, path: KeyPath) -> str:
        """Return what of the command line states `path`; nothing where the file is closer."""
        while path:
            if path in self.sources:
                return self.sources[path]
            if path in self.positions.keys or path in self.positions.values:
                break
            path = path[:-1]
        return ""

    def _span(self, mistake: Mistake) -> slice:
        keys, values = self.positions.keys, self.positions.values
        first, second = (keys, values) if mistake.got is None else (values, keys)
        path = mistake.path
        while path:
            if found := first.get(path) or second.get(path):
                return found
            path = path[:-1]
        return slice(0, 1)


def key_of(document: Document, address: str) -> str:
    """Return the key under which the file declares `address`: with or without the slash."""
    return str(address) if address in document.data["actors"] else address[1:]


def read_document(
    path: Path,
    content: bytes | None = None,
    settings: Sequence[Setting] = (),
    *,
    only: KeyPath = (),
) -> Document:
    """Read and parse `path`, or the `content` that was read of it; nothing is validated.

    Lays `settings` over it and expands expressions, those at or below `only`. Raises
    `ConfigError` with one problem when the file cannot be read, is not UTF-8 or is not TOML: a
    syntax error is the only mistake that comes alone.
    """
    path = Path(os.path.abspath(path))
    try:
        content = path.read_bytes() if content is None else content
    except OSError as error:
        message = f"cannot be read: {(error.strerror or str(error)).lower()}"
        problem = Problem(_shown(path), 0, 0, 0, "", "unreadable", message)
        raise ConfigError(render([problem]), (problem,)) from error
    text = _decoded(path, content.removeprefix(codecs.BOM_UTF8))
    data = _parsed(path, text)
    sources = lay_over(data, settings)
    expressions, mistakes = _expand(data, path.parent, only)
    return Document(path, text, data, tuple(settings), sources, expressions, tuple(mistakes))


def _expand(
    data: dict[str, Any], folder: Path, only: KeyPath
) -> tuple[dict[KeyPath, str], list[Mistake]]:
    """Expand the expressions in `data`; return how they were written, and what has no value."""
    expressions, mistakes = {}, []
    for path, text in list(expandable(data, only)):
        try:
            put(data, path, expand(text, folder))
            if "${" in text:
                expressions[path] = text
        except CannotExpand as error:
            got = STARS if is_secret(path) else text
            mistakes.append(Mistake(path, "no-value", error.message, got=got, hint=error.hint))
    return expressions, mistakes


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
