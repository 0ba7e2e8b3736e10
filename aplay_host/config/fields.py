"""The fields of a dataclass or a pydantic model, seen alike."""

from __future__ import annotations

import dataclasses
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from .keypath import KeyPath


def has_fields(kind: object) -> bool:
    """Tell whether `kind` is a class that `fields_of` knows: a dataclass or a model."""
    return isinstance(kind, type) and (
        issubclass(kind, BaseModel) or dataclasses.is_dataclass(kind)
    )


def fields_of(kind: Any) -> dict[str, tuple[Any, Any]]:
    """Return the annotation and the default of each field, by the key that a table uses.

    Where there is no default, a private mark of the library stands for it. Raises whatever
    resolving the annotations raises, such as `NameError`.
    """
    if issubclass(kind, BaseModel):
        return {
            field.alias or name: (field.annotation, field.default)
            for name, field in kind.model_fields.items()
        }
    hints = get_type_hints(kind)
    fields = [field for field in dataclasses.fields(kind) if field.init]
    return {field.name: (hints[field.name], field.default) for field in fields}


def keys_at(kind: Any, path: KeyPath) -> list[str]:
    """Return the keys that `kind` knows in the table at `path`; none where it cannot be told."""
    try:
        for part in path:
            # Else it is a dict[str, X] or a list[X].
            kind = fields_of(kind)[str(part)][0] if has_fields(kind) else get_args(kind)[-1]
            while get_origin(kind) in (Union, UnionType):  # X | None, mostly
                kind = get_args(kind)[0]
        return list(fields_of(kind))
    except (LookupError, NameError, TypeError):
        return []
