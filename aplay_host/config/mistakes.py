"""What pydantic found wrong, in our words: what was got, what is wanted, what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .document import Mistake
from .fields import keys_at
from .keypath import KeyPath, is_secret
from .value import number, plain, told, told_with_kind

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

STARS = "********"

# By the beginning of pydantic's error type; the first that fits, so longer ones come first.
_WANTED = {
    "string_too_short": "a string of at least {min_length} characters",
    "string_too_long": "a string of at most {max_length} characters",
    "string_pattern": "a string that matches {pattern}",
    "string": "a string",
    "bool": "true or false",
    "int": "an integer",
    "float": "a number",
    "finite_number": "a finite number",
    "greater_than_equal": "{number} >= {ge}",
    "greater_than": "{number} > {gt}",
    "less_than_equal": "{number} <= {le}",
    "less_than": "{number} < {lt}",
    "multiple_of": "a multiple of {multiple_of}",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "too_short": "at least {min_length} items",
    "too_long": "at most {max_length} items",
    "list": "an array",
    "tuple": "an array",
    "set": "an array",
    "frozen_set": "an array",
    "iterable": "an array",
    "dict": "a table",
    "mapping": "a table",
    "model": "a table",
    "dataclass": "a table",
    "byte_size": 'a size such as "10MB"',
    "import_error": "the name of something that can be imported",
    "ip_": "an IP address",
    "pattern_": "a regular expression",
    "zoneinfo": "the name of a time zone",
    "path_not_file": "an existing file",
    "path_not_directory": "an existing folder",
    "path_exists": "a path that does not exist yet",
    "path": "a path",
    "time_delta": "a duration",
    "timezone_naive": "a date and time without a time zone",
    "timezone": "a date and time with a time zone",
    "datetime": "a date and time",
    "date": "a date",
    "time": "a time",
    "decimal": "a decimal number",
    "url": "a URL",
    "uuid": "a UUID",
    "bytes": "a string",
}
_WITHOUT_URL = ("byte_size", "bytes_type", "import_error", "ip_", "path_", "pattern_", "zoneinfo")
"""What pydantic raises as a guest would: without the URL that its own errors have."""
_CODES = {
    "extra_forbidden": "unknown-key",
    "unexpected_keyword_argument": "unknown-key",
    "missing": "missing-key",
}
_KINDS = ("_type", "_parsing", "_from_float", "literal_error")


def explain(
    errors: Iterable[ErrorDetails], model: object, raw: Mapping[str, Any], at: KeyPath = ()
) -> tuple[Mistake, ...]:
    """Put the `errors` of validating `raw`, which stands at path `at`, by `model` in our words.

    The branches of a union fail one by one; they become one mistake that wants either.
    """
    found: dict[KeyPath, Mistake] = {}
    secrets = secrets_in(raw, at)
    for error in errors:
        mistake = _explained(error, model, raw, at, secrets)
        earlier = found.get(mistake.path)
        if earlier and earlier.want and mistake.want:
            found[mistake.path] = _either(earlier, mistake)
        else:
            found[mistake.path] = mistake
    return tuple(found.values())


def unknown_key(key: str, known: Sequence[str]) -> str:
    """Return the hint for `key` where only the keys `known` exist."""
    if close := did_you_mean(key.replace("-", "_"), known):
        return close
    return f"the keys here: {', '.join(known)}" if known else ""


def did_you_mean(text: str, known: Iterable[str]) -> str:
    """Return the hint that names the one of `known` that `text` is close to, or nothing."""
    close = difflib.get_close_matches(text, known, n=1)
    return f"did you mean {close[0]}?" if close else ""


def secrets_in(raw: Mapping[str, Any], at: KeyPath) -> frozenset[str]:
    """Return every secret value of the table `raw`, which stands at path `at`, as text."""
    found = (value for path, value in _leaves(raw, at) if is_secret(path))
    texts = (number(it) if isinstance(it, int | float) else it for it in found)
    return frozenset(text for text in texts if text and isinstance(text, str))


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return a guest's `text` on one line, with stars for each of `secrets` in it."""
    for secret in sorted(secrets, key=len, reverse=True):  # one may be part of another
        text = text.replace(secret, STARS)
    return " ".join(text.split())


def _explained(
    error: ErrorDetails,
    model: object,
    raw: Mapping[str, Any],
    at: KeyPath,
    secrets: frozenset[str],
) -> Mistake:
    code = _CODES.get(error["type"], "") if _is_pydantics(error) else ""
    inner = _existing(error["loc"], raw, missing=code == "missing-key")
    path = (*at, *inner)
    if code == "unknown-key":
        hint = unknown_key(str(error["loc"][-1]), keys_at(model, inner[:-1]))
        return Mistake(path, code, "unknown key", hint=hint, on="key")
    if code == "missing-key":
        return Mistake(path, code, "missing key", hint=f"add {inner[-1]} = ...", on="key")
    return _misfit(error, path, _sentence(error, secrets))


def _is_pydantics(error: ErrorDetails) -> bool:
    """Tell whether pydantic found it; else a guest's validator made up the type and the words."""
    return "url" in error or error["type"].startswith(_WITHOUT_URL)


def _sentence(error: ErrorDetails, secrets: frozenset[str]) -> str:
    """Return what is wanted, or a guest's own words, in which there may be secrets."""
    if error["type"] in {"value_error", "assertion_error"}:
        words = str(error.get("ctx", {}).get("error", "")) or "not accepted"
    elif _is_pydantics(error):
        return f"want {_wanted(error)}"
    else:
        words = error["msg"]
    return without_secrets(words, secrets)


def _misfit(error: ErrorDetails, path: KeyPath, sentence: str) -> Mistake:
    """Explain a value of the wrong type or range; `sentence` tells what is wanted, or why."""
    value, secret = error["input"], is_secret(path)
    literal = error["type"] == "literal_error" and isinstance(value, str)
    wrong_kind = error["type"].endswith(_KINDS) and not literal
    want = sentence.removeprefix("want ") if sentence.startswith("want ") else ""
    got = STARS if secret else (told_with_kind if wrong_kind else told)(value)
    message = f"got {got}, want {want}" if want else f"got {got}: {sentence}"
    if isinstance(value, dict) and not want:
        message = sentence  # about the table as a whole
    return Mistake(
        path,
        "wrong-type" if wrong_kind else "bad-value",
        message,
        got=STARS if secret else plain(value),
        want=want,
        hint=did_you_mean(value, _literals(error)) if literal else "",
    )


def _wanted(error: ErrorDetails) -> str:
    kind, context = error["type"], dict(error.get("ctx", {}))
    template = next((text for start, text in _WANTED.items() if kind.startswith(start)), None)
    if template is None:
        return f"a value that fits ({kind})"
    if "expected" in context:
        context["expected"] = str(context["expected"]).replace("'", '"')
    context["number"] = "an integer" if isinstance(error["input"], int) else "a number"
    return template.format_map(context)


def _literals(error: ErrorDetails) -> list[str]:
    return re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", "")))


def _either(one: Mistake, other: Mistake) -> Mistake:
    want = one.want if other.want in one.want.split(" or ") else f"{one.want} or {other.want}"
    return replace(one, message=one.message.removesuffix(one.want) + want, want=want)


def _existing(loc: KeyPath, raw: object, *, missing: bool) -> KeyPath:
    """Return the parts of `loc` that are keys or indexes in `raw`, and the missing last one.

    Pydantic puts the branches of unions and the like between them.
    """
    path: list[str | int] = []
    for part in loc[:-1] if missing else loc:
        entries = dict(enumerate(raw)) if isinstance(raw, list) else raw
        if isinstance(entries, dict) and part in entries:
            raw = entries[part]
            path.append(part)
    return (*path, loc[-1]) if missing else tuple(path)


def _leaves(raw: Mapping[str, Any], at: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    """Yield each plain value of `raw` with its path; without recursion, however deep it is."""
    waiting: list[tuple[KeyPath, Any]] = [(at, raw)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, Mapping):
            waiting.extend(((*path, key), inner) for key, inner in value.items())
        elif isinstance(value, list):
            waiting.extend(((*path, index), inner) for index, inner in enumerate(value))
        else:
            yield path, value
