"""The fields of a dataclass, a pydantic model or a msgspec.Struct, seen alike."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, SecretBytes, SecretStr

from .keypath import KeyPath


def has_fields(kind: object) -> bool:
    """Tell whether `kind` is a class that `fields_of` knows."""
    return isinstance(kind, type) and (
        issubclass(kind, BaseModel) or dataclasses.is_dataclass(kind) or is_struct(kind)
    )


def is_struct(kind: object) -> bool:
    """Tell whether `kind` is a `msgspec.Struct`; without that library nothing is."""
    msgspec = sys.modules.get("msgspec")
    return msgspec is not None and isinstance(kind, type) and issubclass(kind, msgspec.Struct)


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
    if is_struct(kind):
        import msgspec

        return {
            field.encode_name: (field.type, field.default) for field in msgspec.structs.fields(kind)
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


def secrets_in(kind: Any, value: Any, path: KeyPath) -> Iterator[KeyPath]:
    """Yield the paths of those parts of `value`, which is at `path`, that `kind` calls secret."""
    if kind in (SecretStr, SecretBytes):
        yield path
    elif has_fields(kind) and isinstance(value, dict):
        for key, (annotation, _) in fields_of(kind).items():
            if key in value:
                yield from secrets_in(annotation, value[key], (*path, key))
    elif get_origin(kind) is dict and isinstance(value, dict):
        for key, inner in value.items():
            yield from secrets_in(get_args(kind)[-1], inner, (*path, key))
    elif get_origin(kind) in (list, tuple, set, frozenset) and isinstance(value, list):
        for index, inner in enumerate(value):
            yield from secrets_in(get_args(kind)[0], inner, (*path, index))
    else:  # X | Y, Annotated[X, ...]
        for inner in get_args(kind):
            yield from secrets_in(inner, value, path)
