"""Where each key and value of a TOML text stands.

The text is known to be sound, because tomli has accepted it, so nothing is checked here:
the scanner walks over the tokens and notes where they begin and end.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass, field

import tomli

from .keypath import KeyPath


@dataclass(frozen=True, slots=True)
class Span:
    """One token: ``text[start:end]``.

    `line` and `column` count from 1, in characters. `end_column` is one past the last
    character on that line, also when the token goes on over further lines.
    """

    line: int
    column: int
    end_column: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Positions:
    """The spans of a document by path: of every key, and of every value written out.

    A table that only has headers or dotted keys has a key and no value. The element of an
    ``[[array of tables]]`` is a key too, standing where its header names the array.
    """

    keys: dict[KeyPath, Span] = field(default_factory=dict)
    values: dict[KeyPath, Span] = field(default_factory=dict)


def scan(text: str) -> Positions:
    """Locate every key and value of `text`, which tomli must have accepted."""
    scanner = _Scanner(text.replace("\r\n", "\n"))
    # Inline values nested some hundred deep: what was found up to there has to do.
    with suppress(RecursionError):
        scanner.document()
    return scanner.found


_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r"""  "(?:[^"\\]|\\.)*" | '[^']*' | [^\s.=\[\]{}"']+  """, re.VERBOSE)
_SCALAR = re.compile(
    r"""
      \"{3} (?: [^"\\] | \\. | "(?!"") )* \"{3} "{0,2}      # up to two quotes end the content
    | '{3} (?: [^'] | '(?!'') )* '{3} '{0,2}
    | " (?: [^"\\] | \\. )* "
    | ' [^']* '
    | \d{4}-\d\d-\d\d[ ]\d\d: [^\s,\]}#]*                   # a date, a space and a time
    | [^\s,\]}#]+
    """,
    re.VERBOSE | re.DOTALL,
)


class _Scanner:
    """One walk over one text; `at` is the offset of what comes next."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found = Positions()
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]
        self._elements: dict[KeyPath, int] = {}

    def document(self) -> None:
        table: KeyPath = ()
        while self._next():
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _next(self) -> str:
        """Pass over blanks, line ends and comments; return the character they end at."""
        self._take(_BLANK)
        return self.text[self.at : self.at + 1]

    def _header(self) -> KeyPath:
        array = self.text.startswith("[[", self.at)
        self.at += 1 + array
        path = self._key((), array=array)
        self.at += 1 + array
        return path

    def _key(self, path: KeyPath, *, array: bool = False) -> KeyPath:
        """Pass over a dotted key below `path`; in a header, arrays lead to their last element."""
        while True:
            self._take(_SPACE)
            start = self.at
            path = (*path, _unquoted(self._take(_KEY)))
            span = self._span(start)
            self._take(_SPACE)
            last = self.text[self.at] != "."
            if last and array:
                self._elements[path] = self._elements.get(path, -1) + 1
            if last and path not in self._elements:
                self.found.keys[path] = span
            self.found.keys.setdefault(path, span)
            if path in self._elements:
                path = (*path, self._elements[path])
                self.found.keys.setdefault(path, span)
            if last:
                return path
            self.at += 1

    def _pair(self, table: KeyPath) -> None:
        path = self._key(table)
        self.at += 1
        self._take(_SPACE)
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        start = self.at
        if self.text[start] == "[":
            self._array(path)
        elif self.text[start] == "{":
            self._inline_table(path)
        else:
            self._take(_SCALAR)
        self.found.values[path] = self._span(start)

    def _array(self, path: KeyPath) -> None:
        index = 0
        self.at += 1
        while self._next() != "]":
            if self.text[self.at] == ",":
                self.at += 1
                continue
            self._value((*path, index))
            index += 1
        self.at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self.at += 1
        while self._next() != "}":
            if self.text[self.at] == ",":
                self.at += 1
                continue
            self._pair(path)
        self.at += 1

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        assert match is not None, f"not TOML at offset {self.at}"
        self.at = match.end()
        return match[0]

    def _span(self, start: int) -> Span:
        line = bisect_right(self._lines, start)
        begin = self._lines[line - 1]
        stop = self.text.find("\n", start, self.at)
        last = self.at if stop < 0 else stop
        return Span(line, start - begin + 1, last - begin + 1, start, self.at)


def _unquoted(token: str) -> str:
    if token[0] not in "\"'":
        return token
    if token[0] == "'" or "\\" not in token:
        return token[1:-1]
    return str(tomli.loads(f"key = {token}")["key"])
