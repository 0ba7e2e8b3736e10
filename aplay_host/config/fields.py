"""The fields of a dataclass or a pydantic model, seen alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from .keypath import KeyPath


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One field as a table sees it: the type that it is annotated with, and its default.

    `default` is a private mark of the library where there is none.
    """

    annotation: Any
    default: Any


def has_fields(kind: object) -> bool:
    """Tell whether `kind` is a class that `fields_of` knows: a dataclass or a model."""
    return isinstance(kind, type) and (
        issubclass(kind, BaseModel) or dataclasses.is_dataclass(kind)
    )


def fields_of(kind: Any) -> dict[str, Field]:
    """Return the fields of `kind` by the key that a table uses for them.

    Raises whatever resolving the annotations raises, such as `NameError`.
    """
    if issubclass(kind, BaseModel):
        return {
            field.alias or name: Field(field.annotation, field.default)
            for name, field in kind.model_fields.items()
        }
    hints = get_type_hints(kind)
    return {
        field.name: Field(hints[field.name], field.default)
        for field in dataclasses.fields(kind)
        if field.init
    }


def keys_at(kind: Any, path: KeyPath) -> list[str]:
    """Return the keys that `kind` knows in the table at `path`; none where it cannot be told."""
    try:
        for part in path:
            kind = _inside(kind, part)
        return list(fields_of(_table_of(kind)))
    except (LookupError, NameError, TypeError):
        return []


def _inside(kind: Any, part: str | int) -> Any:
    """Return the type of what stands under `part` in a value of type `kind`."""
    kind = _table_of(kind)
    if has_fields(kind):
        return fields_of(kind)[str(part)].annotation
    return get_args(kind)[-1]  # of dict[str, X] or list[X]


def _table_of(kind: Any) -> Any:
    """Return the member of a union that has keys of its own; any other type is handed back."""
    if get_origin(kind) not in (Union, UnionType):
        return kind
    members = get_args(kind)
    return next((one for one in members if has_fields(one) or _is_mapping(one)), members[0])


def _is_mapping(kind: Any) -> bool:
    origin = get_origin(kind)
    return isinstance(origin, type) and issubclass(origin, Mapping)
