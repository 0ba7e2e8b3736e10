"""Validation of values that may be texts from the command line or the environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from .document import Document
from .keypath import KeyPath

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Made = TypeVar("Made")
Table = dict[str, Any]


def accepted(
    validate: Callable[[Table], tuple[Made, Sequence[ErrorDetails]]],
    table: Table,
    document: Document,
    at: KeyPath = (),
) -> tuple[Made, Table, Sequence[ErrorDetails]]:
    """Validate `table`, which is at `at`; return what was made, from which values, or the errors.

    Where a text was refused that may be read as a value, the value counts, unless that is refused
    for not being a string.
    """
    made, errors = validate(table)
    paths = {existing(one["loc"], table) for one in errors}
    other = document.read_again(table, paths, at)
    if other == table:
        return made, table, errors
    _, still = validate(other)
    paths -= {existing(one["loc"], other) for one in still if one["type"] == "string_type"}
    other = document.read_again(table, paths, at)
    made, errors = validate(other)
    return made, other, errors


def existing(loc: KeyPath, raw: Mapping[str, Any]) -> KeyPath:
    """Return the parts of `loc` that are keys or indexes in `raw`.

    Pydantic puts the branches of unions and the like between them.
    """
    path: list[str | int] = []
    inner: Any = raw
    for part in loc:
        try:
            inner = inner[part]
        except (LookupError, TypeError):
            continue
        path.append(part)
    return tuple(path)
