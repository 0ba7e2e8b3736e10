"""The options that an actor runs with, as anybody may see them."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel, Secret, SecretBytes, SecretStr, TypeAdapter

from ..kernel import Address
from .keypath import STARS, KeyPath, dotted, is_secret
from .load import HostConfig

_SECRETS = (Secret, SecretBytes, SecretStr)
_PASSWORD_OF_URL = re.compile(r"(?<=://)([^\s/:@]*):[^\s/@]+@")


@dataclass(frozen=True, slots=True)
class ListedOption:
    """One value; `key` is dotted, `value` plain JSON, `source` as `list_options` says."""

    key: str
    value: Any
    source: str


def list_options(config: HostConfig, address: Address, options: Any) -> tuple[ListedOption, ...]:
    """Return every value in `options`, those that the actor at `address` runs with.

    ========================================  =======================================
    the value                                 its source
    ========================================  =======================================
    is written in aplay.toml                  ``file:line:column`` there
    is not, and the file declares the actor   ``default``, of its ``Options``
    belongs to an actor made by code          ``code``
    ========================================  =======================================

    Stars stand for a secret, which is one by its key's name or by its type, and for the
    password in a URL; what has no form in JSON is shown as its type. Never raises: options
    that cannot be looked at are one value that says so.
    """
    declared = config.place_of(address) is not None
    try:
        return tuple(
            ListedOption(
                dotted(path),
                value,
                (config.place_of(address, "options", *path) or "default") if declared else "code",
            )
            for path, value in _values(options)
        )
    except Exception as error:  # of a guest's object
        return (ListedOption("", f"cannot be shown: {type(error).__name__}", "code"),)


def _values(options: Any) -> Iterator[tuple[KeyPath, Any]]:
    if _is_table(options):
        yield from _leaves((), options)
    elif options is not None:  # code may hand over anything
        yield (), _shown((), options)


def _leaves(path: KeyPath, table: Any) -> Iterator[tuple[KeyPath, Any]]:
    """Yield the values in `table` that are no tables themselves, each with its path."""
    for key, annotation, item in _members(table):
        at = (*path, key)
        # "options" in front: a key named "actors" would be taken for the table of that name.
        if item is not None and (is_secret(("options", *at)) or _is_for_secrets(annotation)):
            yield at, STARS
        else:
            inner = list(_leaves(at, item)) if _is_table(item) else []
            yield from inner or [(at, _shown(at, item))]


def _is_table(value: Any) -> bool:
    is_instance = dataclasses.is_dataclass(value) and not isinstance(value, type)
    return is_instance or isinstance(value, BaseModel | Mapping)


def _members(table: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield key, annotation and value of each part of a table, a model or a dataclass."""
    if isinstance(table, BaseModel):
        for name, field in type(table).model_fields.items():
            yield field.alias or name, field.annotation, getattr(table, name, None)
        yield from _members(table.model_extra or {})
    elif isinstance(table, Mapping):
        yield from ((str(key), None, item) for key, item in table.items())
    else:
        hints = _hints(type(table))
        for one in dataclasses.fields(table):
            yield one.name, hints.get(one.name, one.type), getattr(table, one.name, None)


def _hints(kind: type) -> dict[str, Any]:
    try:
        return get_type_hints(kind)
    except Exception:  # they name what is not there; as text they say enough
        return {}


def _is_for_secrets(annotation: Any) -> bool:
    """Tell whether a field is annotated so; its default may be plain text all the same."""
    if isinstance(annotation, str):
        return "Secret" in annotation
    kind = get_origin(annotation) or annotation
    if isinstance(kind, type) and issubclass(kind, _SECRETS):
        return True
    return any(_is_for_secrets(one) for one in get_args(annotation) if not isinstance(one, str))


def _shown(path: KeyPath, value: Any) -> Any:
    """Return one value as JSON may have it."""
    if isinstance(value, _SECRETS):
        return STARS
    if isinstance(value, Enum):
        return _shown(path, value.value)
    if _is_table(value):
        return {dotted(at[len(path) :]): item for at, item in _leaves(path, value)}
    if isinstance(value, list | tuple | Set):
        return [_shown((*path, place), item) for place, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is not None and not isinstance(value, str | bool | int | float):
        value = TypeAdapter(Any).dump_python(value, mode="json", fallback=_kind)
    return _PASSWORD_OF_URL.sub(rf"\1:{STARS}@", value) if isinstance(value, str) else value


def _kind(value: Any) -> str:
    return f"<{type(value).__module__}.{type(value).__qualname__}>"
