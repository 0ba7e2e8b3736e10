"""Mistakes as a person reads them: the place, the sentence, the line and a caret."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..errors import Problem


def render(problems: Sequence[Problem], text: str = "", hidden: Iterable[slice] = ()) -> str:
    """Write one block per problem of a non-empty sequence, then a line that counts them.

    `text` is the file, and the slices of it in `hidden` are shown as stars::

        aplay.toml:3:1: error: host.sate_dir: unknown key
            3 | sate_dir = ".aplay"
              | ^^^^^^^^ did you mean state_dir?
        1 error in aplay.toml; nothing was started

    A problem without a place (line 0) is one line, with its hint behind the sentence.
    """
    lines = _starred(text, hidden).split("\n")
    blocks = [_block(problem, lines) for problem in problems]
    count = f"{len(problems)} error{'s' if len(problems) > 1 else ''}"
    return "\n".join([*blocks, f"{count} in {problems[0].file}; nothing was started"])


def _starred(text: str, hidden: Iterable[slice]) -> str:
    # Star for character, so that every offset, column and caret stays right.
    for part in hidden:
        stars = re.sub(r"[^\n]", "*", text[part])
        text = text[: part.start] + stars + text[part.stop :]
    return text


def _block(problem: Problem, lines: list[str]) -> str:
    told = f"{problem.key}: {problem.message}" if problem.key else problem.message
    if not problem.line:
        hint = f"; {problem.hint}" if problem.hint else ""
        return f"{problem.file}: error: {told}{hint}"
    source = "".join(map(_printable, lines[problem.line - 1]))
    marked = source[problem.column - 1 : problem.end_column - 1]
    carets = "^" * max(1, sum(map(_width, marked)))
    return "\n".join(
        [
            f"{problem.file}:{problem.line}:{problem.column}: error: {told}",
            f"{problem.line:5} | {source}",
            f"      | {_padding(source[: problem.column - 1])}{carets} {problem.hint}".rstrip(),
        ]
    )


def _printable(char: str) -> str:
    # A file may hold characters that would command the terminal.
    return char if char.isprintable() or char == "\t" else "\N{REPLACEMENT CHARACTER}"


def _padding(before: str) -> str:
    return "".join("\t" if char == "\t" else " " * _width(char) for char in before)


def _width(char: str) -> int:
    """Return how many columns of a terminal `char` takes: 0, 1 or 2."""
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
