"""Contents of an aplay.toml that are mostly sound, drawn by hypothesis."""

from __future__ import annotations

from typing import Any, get_args, get_origin

from hypothesis import strategies as st
from pydantic import BaseModel

from aplay_host.config.schema import ActorEntry, Tables

WORDS = st.sampled_from(["a", "x.y", "/a", "/a/**", "${A}", "${N}", "$$", "127.0.0.1:80", ""])
NUMBERS = st.integers(-1, 70000) | st.floats(allow_nan=False, allow_infinity=False)
DURATIONS = st.sampled_from([0, 0.5, 3, "5s", "500ms", "1.5h", "${N}"])
LEVELS = ["debug", "info", "${LEVEL}"]
SPECIAL: dict[str, st.SearchStrategy[Any]] = {
    "bind": st.sampled_from(["", "127.0.0.1:80", "[::1]:0", "${A}:1"]),
    "group": st.sampled_from(["", "staff"]),
    "per_address": st.lists(st.sampled_from(["/a", "/a/**", "/*/b"]), max_size=2),
    "levels": st.dictionaries(
        st.sampled_from(["/a", "x.y"]), st.sampled_from(["info", "${LEVEL}"])
    ),
}
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    WORDS | NUMBERS | st.booleans(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2),
    max_leaves=4,
)


def contents() -> st.SearchStrategy[dict[str, Any]]:
    """Draw the tables of a file; each value is of the right kind, or an expression, or anything."""
    fields = {name: field.annotation for name, field in Tables.model_fields.items()}
    tables = {name: table_of(model) for name, model in fields.items() if name != "actors"}
    addresses = st.sampled_from(["a", "/a", "/b", "/b/c"])
    tables["actors"] = st.dictionaries(addresses, table_of(ActorEntry), max_size=2)
    return st.fixed_dictionaries({}, optional=tables)


def table_of(model: Any) -> st.SearchStrategy[Any]:
    fields = {
        name: SPECIAL.get(name, values_of(field.annotation))
        for name, field in model.model_fields.items()
    }
    required = {name: fields.pop(name) for name in ("use",) if name in fields}
    return st.fixed_dictionaries(required, optional=fields)


def values_of(annotation: Any) -> st.SearchStrategy[Any]:
    """Draw values for a field, nearly always of the kind that it wants."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return table_of(annotation)
    inner = [one for one in get_args(annotation) if one is not type(None)]
    if get_origin(annotation) is list:
        right: st.SearchStrategy[Any] = st.lists(WORDS, max_size=2)
    elif get_origin(annotation) is dict:
        right = st.dictionaries(WORDS, st.sampled_from(["debug", "info"]), max_size=2)
    elif inner and all(isinstance(one, str) for one in inner):
        right = st.sampled_from([*inner, "${LEVEL}"])
    elif inner:
        right = values_of(inner[0])
    else:
        kinds = {str: WORDS, bool: st.booleans(), int: st.integers(1, 9), float: DURATIONS}
        right = kinds.get(annotation, WORDS)
    return st.integers(0, 30).flatmap(lambda number: right if number else ANYTHING)
