"""Options that are a msgspec.Struct: made field by field, so that all mistakes come at once.

msgspec stops at the first mistake and has no word for its kind. What it says is told in the
form of pydantic's errors, which are put in our words in one place. The library is imported
when there is a Struct, and never before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from .fields import fields_of, is_struct
from .keypath import KeyPath

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_SAID = re.compile(r"Expected (?P<want>.*?)(?:, got .*?)?(?: - at `.*`)?\Z", re.DOTALL)
_TYPES = {
    "int": ("int_type", "an integer"),
    "float": ("float_type", "a number"),
    "str": ("string_type", "a string"),
    "bool": ("bool_type", "true or false"),
    "array": ("list_type", "an array"),
    "object": ("dict_type", "a table"),
    "path": ("path_type", "a path"),
    "date": ("date_type", "a date"),
    "time": ("time_type", "a time"),
    "datetime": ("datetime_type", "a date and time"),
}
"""By msgspec's names: pydantic's type of error, and what is wanted."""


def make_struct(model: type, table: Mapping[str, Any]) -> tuple[Any, list[ErrorDetails]]:
    """Return the instance of `model` that `table` describes, or all its mistakes.

    Raises what the class itself raises, but for the `ValueError` and `TypeError` of a
    ``__post_init__``, which are mistakes of the table.
    """
    import msgspec

    errors = list(_mistakes(model, dict(table), ()))
    if errors:
        return None, errors
    return msgspec.convert(table, model, dec_hook=_decode), []


def _mistakes(kind: Any, value: Any, path: KeyPath) -> Iterator[ErrorDetails]:
    """Yield what is wrong inside `value`; if nothing is, what is wrong with it as a whole."""
    import msgspec

    kind = _plain(kind)
    found = [error for part in _parts(kind, value, path) for error in part]
    if not found:
        try:
            msgspec.convert(value, kind, dec_hook=_decode)
        except msgspec.ValidationError as error:
            found = [_misfit(str(error), kind, value, path)]
    yield from found


def _plain(kind: Any) -> Any:
    """Return X for ``X | None``."""
    if get_origin(kind) in (Union, UnionType):
        others = [one for one in get_args(kind) if one is not NoneType]
        return others[0] if len(others) == 1 else kind
    return kind


def _parts(kind: Any, value: Any, path: KeyPath) -> Iterator[Iterator[ErrorDetails]]:
    """Yield the mistakes of each part of a table or an array."""
    inner = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    origin, arguments = get_origin(inner), get_args(inner)
    if is_struct(inner) and isinstance(value, dict):
        yield _keys(inner, value, path)
        for key, (annotation, _) in fields_of(inner).items():
            if key in value:
                yield _mistakes(annotation, value[key], (*path, key))
    elif origin is dict and isinstance(value, dict):
        for key, one in value.items():
            yield _mistakes(arguments[1], one, (*path, key))
    elif origin in (list, set, frozenset) and isinstance(value, list):
        for index, one in enumerate(value):
            yield _mistakes(arguments[0], one, (*path, index))


def _keys(model: Any, table: Mapping[str, Any], path: KeyPath) -> Iterator[ErrorDetails]:
    import msgspec

    tag = model.__struct_config__.tag_field
    fields = msgspec.structs.fields(model)
    for key in table.keys() - {tag, *(field.encode_name for field in fields)}:
        yield _error("extra_forbidden", (*path, key), table[key])
    for field in fields:
        if field.required and field.encode_name not in table:
            yield _error("missing", (*path, field.encode_name), table)


def _misfit(said: str, kind: Any, value: Any, path: KeyPath) -> ErrorDetails:
    """Return the error for what msgspec said of a value none of whose parts is wrong."""
    expected = _SAID.match(said)
    if get_origin(kind) is Literal:
        words = " or ".join(map(repr, get_args(kind)))
        return _error("literal_error", path, value, expected=words)
    if expected is None:
        return _error("value_error", path, value, f"Value error, {said}")
    names = [name for name in re.findall(r"\w+", expected["want"]) if name != "null"]
    if len(names) == 1 and names[0] in _TYPES:
        return _error(_TYPES[names[0]][0], path, value)
    want = re.sub(r"`([^`]*)`", _in_our_words, expected["want"])
    return _error("value_error", path, value, f"Input should be {want}")


def _in_our_words(quoted: re.Match[str]) -> str:
    names = [name for name in quoted[1].split(" | ") if name != "null"]
    return " or ".join(_TYPES.get(name, ("", name))[1] for name in names)


def _error(kind: str, path: KeyPath, value: Any, said: str = "", **context: Any) -> ErrorDetails:
    return {"type": kind, "loc": path, "msg": said, "input": value, "ctx": context}


def _decode(kind: type, value: Any) -> Any:
    if kind is not Path:
        raise NotImplementedError(f"a field of type {kind.__name__} cannot be read from a file")
    if not isinstance(value, str | Path):
        raise ValueError("Expected `path`")
    return Path(value)
