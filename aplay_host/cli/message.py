"""The MESSAGE argument of ``send`` and ``ask``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click


def read_message(text: str) -> Any:
    """Return the message: JSON text, ``@file``, or ``-`` for stdin.

    Raises a usage error that shows where the JSON ends to be JSON.
    """
    source, content = _content(text)
    try:
        return json.loads(content, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        shown = content if len(content) <= 80 else f"{content[:77]}..."
        raise click.UsageError(
            f"MESSAGE ({source}) is no JSON: {error}; got {shown!r}\n"
            """A text needs its quotes: '"hello"'; an object looks like '{"get": "totals"}'."""
        ) from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not in JSON")


def _content(text: str) -> tuple[str, str]:
    if text == "-":
        return "stdin", sys.stdin.read()
    if text.startswith("@"):
        try:
            return text[1:], Path(text[1:]).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise click.UsageError(f"MESSAGE: cannot read {text[1:]}: {error}") from None
    return "the argument", text
