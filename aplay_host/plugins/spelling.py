"""Suggestions for names that were probably mistyped."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``did you mean "x"?`` for the name closest to `word`, or an empty text."""
    from difflib import get_close_matches  # only mistakes pay for this import

    close = get_close_matches(word, sorted(set(known)), n=1, cutoff=0.6)
    return f'did you mean "{close[0]}"?' if close else ""


def suggest(message: str, word: str, known: Iterable[str]) -> str:
    """Return `message`, followed by a suggestion when a known name is close to `word`."""
    suggestion = did_you_mean(word, known)
    return f"{message}; {suggestion}" if suggestion else message
