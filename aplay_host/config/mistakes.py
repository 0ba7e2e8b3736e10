"""What pydantic found wrong, in our words: what was got, what is wanted, what to do."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .accept import existing
from .document import Document, Mistake
from .fields import keys_at
from .keypath import KeyPath
from .render import quoted, told
from .stars import STARS

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

# By pydantic's error types; any other is told in pydantic's words.
_KINDS = {
    error_type: want
    for want, error_types in {
        "a string": "string_type",
        "true or false": "bool_type bool_parsing",
        "an integer": "int_type int_parsing int_from_float",
        "a number": "float_type float_parsing",
        "an array": "list_type tuple_type set_type frozen_set_type",
        "a table": "dict_type model_type dataclass_type",
        "a path": "path_type",
        "a date": "date_type date_parsing date_from_datetime_parsing",
        "a time": "time_type time_parsing",
        "a date and time": "datetime_type datetime_parsing datetime_from_date_parsing",
    }.items()
    for error_type in error_types.split()
}
_RANGES = {
    "greater_than_equal": "{number} >= {ge}",
    "greater_than": "{number} > {gt}",
    "less_than_equal": "{number} <= {le}",
    "less_than": "{number} < {lt}",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "string_too_short": "a string of at least {min_length} characters",
    "string_too_long": "a string of at most {max_length} characters",
    "string_pattern_mismatch": "a string that matches {pattern}",
    "too_short": "at least {min_length} items",
    "too_long": "at most {max_length} items",
}
_OPENINGS = {"Value error, ": "", "Assertion failed, ": "", "Input should be ": "want "}
"""What pydantic begins its own and a guest's words with, and what we do."""


def explain(
    error: ErrorDetails, model: object, raw: Mapping[str, Any], at: KeyPath, document: Document
) -> Mistake:
    """Put one error of validating `raw` by `model` in our words.

    `raw` is the table at path `at` of `document`. Of a union, each branch is an error of its
    own.
    """
    loc = error["loc"]
    if error["type"] == "missing":
        path = (*at, *existing(loc[:-1], raw), *loc[-1:])
        return Mistake(path, "missing-key", "missing key", hint=f"add {path[-1]} = ...")
    inner = existing(loc, raw)
    path = (*at, *inner)
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        hint = meant(path, error["input"], keys_at(model, inner[:-1]))
        return Mistake(path, "unknown-key", "unknown key", hint=hint)
    if loc[-1:] == ("[key]",):
        return Mistake(path, "bad-key", _words(error, path, document))
    return _misfit(error, path, document)


def meant(path: KeyPath, value: object, known: Sequence[str]) -> str:
    """Return the hint for an unknown key where only the keys `known` exist."""
    if len(path) == 3 and path[0] == "actors" and isinstance(value, dict) and "use" in value:
        return f"a child has a table of its own: [actors.{quoted(f'{path[1]}/{path[2]}')}]"
    listed = f"the keys here: {', '.join(known)}" if known else ""
    return _did_you_mean(str(path[-1]), known) or listed


def _did_you_mean(got: str, known: Sequence[str]) -> str:
    """Return the hint that names the one of `known` that `got` is close to, or nothing."""
    close = difflib.get_close_matches(got, known, n=1)
    return f"did you mean {close[0]}?" if close else ""


def _misfit(error: ErrorDetails, path: KeyPath, document: Document) -> Mistake:
    """Explain a value of the wrong type or range, or one that a guest does not accept."""
    value = error["input"]
    got = STARS if document.is_secret(path) else told(document.expressions.get(path, value))
    words = _words(error, path, document)
    want = words.removeprefix("want ") if words.startswith("want ") else ""
    about_all = isinstance(value, dict) and not want
    literals = re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", "")))
    return Mistake(
        path,
        "wrong-type" if error["type"] in _KINDS else "bad-value",
        words if about_all else f"got {got}{',' if want else ':'} {words}",
        got=got,
        want=want,
        hint=_did_you_mean(value, literals) if isinstance(value, str) else "",
    )


def _words(error: ErrorDetails, path: KeyPath, document: Document) -> str:
    """Return what is wanted, beginning with "want", or else why the value is refused."""
    kind, words = error["type"], error["msg"]
    if kind in _KINDS:
        return f"want {_KINDS[kind]}"
    if kind in _RANGES:
        # A guest may use the type without its context.
        context = defaultdict(str, error.get("ctx", {}))
        context["number"] = "an integer" if isinstance(error["input"], int) else "a number"
        context["expected"] = str(context["expected"]).replace("'", '"')
        return f"want {_RANGES[kind].format_map(context)}"
    for theirs, ours in _OPENINGS.items():
        if words.startswith(theirs):
            words = ours + words.removeprefix(theirs)
    return document.silenced(words, path) or "not accepted"
