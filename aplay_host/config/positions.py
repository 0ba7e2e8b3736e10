"""Where each key and value of a TOML text stands.

The text is known to be sound, because tomli has accepted it, so nothing is checked here:
one walk over the tokens notes where they begin and end.
"""

from __future__ import annotations

import re

import tomli

from .keypath import KeyPath

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


class Positions:
    """The slices of a text by path: of every key, and of every value written out.

    A table that only has headers or dotted keys has a key and no value. The element of an
    ``[[array of tables]]`` is a key too, standing where its header names the array.
    """

    def __init__(self, text: str) -> None:
        self.keys: dict[KeyPath, slice] = {}
        self.values: dict[KeyPath, slice] = {}
        self._text = text
        self._at = 0  # the offset of what comes next
        self._open: list[tuple[KeyPath, int]] = []  # the arrays and inline tables begun
        self._last: dict[KeyPath, int] = {}  # the index of the last element, by array
        self._document()

    def _document(self) -> None:
        table: KeyPath = ()
        while char := self._next():
            if char == ",":
                self._at += 1
            elif self._open:
                self._inside(char)
            elif char == "[":
                table = self._header()
            else:
                self._pair(table)

    def _next(self) -> str:
        """Pass over blanks, line ends and comments; return the character they end at."""
        self._take(_BLANK)
        return self._text[self._at : self._at + 1]

    def _inside(self, char: str) -> None:
        """Pass over one part of the innermost array or inline table, or over its end."""
        path, start = self._open[-1]
        if char in "]}":
            self._at += 1
            self._open.pop()
            self.values[path] = slice(start, self._at)
        elif self._text[start] == "[":
            self._value(self._element(path))
        else:
            self._pair(path)

    def _element(self, path: KeyPath) -> KeyPath:
        """Add an element to the array at `path`; return the element's path."""
        self._last[path] = self._last.get(path, -1) + 1
        return (*path, self._last[path])

    def _header(self) -> KeyPath:
        array = self._text.startswith("[[", self._at)
        self._at += 1 + array
        path = self._key((), array=array)
        self._at += 1 + array
        return path

    def _key(self, path: KeyPath, *, array: bool = False) -> KeyPath:
        """Pass over a dotted key below `path`; in a header, arrays lead to their last element."""
        while True:
            self._take(_SPACE)
            start = self._at
            path = (*path, _unquoted(self._take(_KEY)))
            span = slice(start, self._at)
            self._take(_SPACE)
            last = self._text[self._at] != "."
            if last and array:
                self._element(path)
            if last and path not in self._last:
                self.keys[path] = span
            self.keys.setdefault(path, span)
            if path in self._last:
                path = (*path, self._last[path])
                self.keys.setdefault(path, span)
            if last:
                return path
            self._at += 1

    def _pair(self, table: KeyPath) -> None:
        path = self._key(table)
        self._at += 1
        self._take(_SPACE)
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        """Pass over a scalar, or into an array or an inline table."""
        start = self._at
        if self._text[start] in "[{":
            self._at += 1
            self._open.append((path, start))
        else:
            self._take(_SCALAR)
            self.values[path] = slice(start, self._at)

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        assert match is not None, f"not TOML at offset {self._at}"
        self._at = match.end()
        return match[0]


def _unquoted(token: str) -> str:
    return next(iter(tomli.loads(f"{token} = 0")))


def place(text: str, span: slice) -> tuple[int, int, int]:
    """Return the line, the column and the end column of ``text[span]``.

    They count from 1, in characters. The end column is one past the last character on the
    line of the first one.
    """
    column = span.start - text.rfind("\n", 0, span.start)
    length = len(text[span].partition("\n")[0])
    return text.count("\n", 0, span.start) + 1, column, column + max(1, length)
