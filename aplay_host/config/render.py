"""Mistakes as a person reads them: the place, the sentence, the line and a caret.

And what sentences are made of: how a value is told, and how a text is quoted.
"""

from __future__ import annotations

import datetime
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .stars import without_password

if TYPE_CHECKING:
    from ..errors import Problem

_LONGEST = 60


def render(problems: Sequence[Problem], text: str = "", file: str = "") -> str:
    """Write one block per problem of a non-empty sequence, then a line that counts them.

    `text` is `file` as it may be shown; without one, it is that of the first problem::

        aplay.toml:3:1: error: host.sate_dir: unknown key
            3 | sate_dir = ".aplay"
              | ^^^^^^^^ did you mean state_dir?
        1 error in aplay.toml; nothing was started

    A problem without a place (line 0) is one line, and another for what to do.
    """
    lines = text.split("\n")
    blocks = [_block(problem, lines) for problem in problems]
    count = f"{len(problems)} error{'s' if len(problems) > 1 else ''}"
    return "\n".join([*blocks, f"{count} in {file or problems[0].file}; nothing was started"])


def told(value: object) -> str:
    """Write `value` on one short line; of what is no plain value of TOML, only the kind."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list | tuple):
        return "an array"
    if isinstance(value, str | Path):
        text = quoted(without_password(str(value)))
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, int | float | datetime.date | datetime.time):
        text = str(value)
    else:  # a guest's object, which may not like to be written
        text = type(value).__name__
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]} ..."


def quoted(text: str) -> str:
    """Write `text` as a TOML string on one line, with nothing in it that is not printable."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'


def _block(problem: Problem, lines: list[str]) -> str:
    told = f"{problem.key}: {problem.message}" if problem.key else problem.message
    if not problem.line:
        hint = f"\n      | {problem.hint}" if problem.hint else ""
        return f"{problem.file}: error: {told}{hint}"
    source = "".join(map(_printable, lines[problem.line - 1]))
    before, marked = source[: problem.column - 1], source[problem.column - 1 :]
    carets = "^" * len(_blanks(marked[: problem.end_column - problem.column]))
    return "\n".join(
        [
            f"{problem.file}:{problem.line}:{problem.column}: error: {told}",
            f"{problem.line:5} | {source}",
            f"      | {_blanks(before)}{carets or '^'} {problem.hint}".rstrip(),
        ]
    )


def _printable(char: str) -> str:
    # A file may hold characters that would command the terminal.
    return char if char.isprintable() or char == "\t" else "\N{REPLACEMENT CHARACTER}"


def _blanks(text: str) -> str:
    """Return white space as wide as `text` is on a terminal."""
    return "".join(
        "\t" if char == "\t" else "  " if unicodedata.east_asian_width(char) in "WF" else " "
        for char in text
    )
