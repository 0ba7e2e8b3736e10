"""What holds, as anybody may see it: the keys of aplay.toml, and the options of an actor."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel, Secret, SecretBytes, SecretStr, TypeAdapter

from ..kernel import Actor, ActorSpec, Address
from .document import key_of
from .keypath import KeyPath, dotted, is_secret
from .load import HostConfig
from .schema import ActorEntry, Settings, Tables
from .stars import STARS, without_password

TABLES = ("budget", "backoff", "mailbox")
_SECRETS = (Secret, SecretBytes, SecretStr)


@dataclass(frozen=True, slots=True)
class ListedOption:
    """One value; `key` is dotted, `value` plain JSON, `source` as `list_options` says."""

    key: str
    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value was said.

    `kind` is ``file`` or ``flag``, of which `where` tells more (``aplay.toml:3:1``,
    ``--reload``), or ``--set``, ``default``, ``plugin default`` or ``code``.
    """

    kind: str
    where: str | None = None

    @classmethod
    def of(cls, text: str) -> Source:
        """Return what `text` means, which is as `list_options` and `Document.place_of` tell it."""
        if text.startswith("flag "):
            return cls("flag", text.removeprefix("flag "))
        return cls("file", text) if ":" in text else cls(text)


@dataclass(frozen=True, slots=True)
class ListedKey:
    """One value of a configuration; `key` is dotted, `value` plain JSON."""

    key: str
    value: Any
    source: Source


def list_config(config: HostConfig, options: Mapping[Address, Any]) -> tuple[ListedKey, ...]:
    """Return every value of `config`, in the order of the reference.

    Of an actor, what is stated for it, and its `options` where they could be made. Stars stand
    for secrets, for passwords in URLs, and for every value that belongs to a plugin which could
    not be asked what of it is secret.
    """
    rows: list[ListedKey] = []
    for table in Tables.model_fields:
        if table == "defaults":
            rows += _keys(config, (table,), _in_force(config))
        elif table == "actors":
            for address, entry in config.actors.items():
                rows += _keys_of_actor(config, address, entry, options)
        else:
            rows += _keys(config, (table,), getattr(config, table).model_dump())
    return tuple(rows)


def _in_force(config: HostConfig) -> dict[str, Any]:
    """Return ``[defaults]`` with the built-in value of each key that it does not state."""
    spec = ActorSpec.of(Actor, defaults=config.defaults.settings())
    values = {key: getattr(spec, key) for key in Settings.model_fields}
    tables = {key: dataclasses.asdict(values[key]) for key in TABLES}
    tables["mailbox"] |= tables["mailbox"].pop("options") or {}
    return values | tables


def _keys_of_actor(
    config: HostConfig, address: Address, entry: ActorEntry, options: Mapping[Address, Any]
) -> Iterator[ListedKey]:
    at = ("actors", key_of(config.document, address))
    yield from _keys(config, at, {"use": entry.use, "required": entry.required})
    yield from _keys(config, at, entry.settings())
    if address not in options:
        yield from _keys(config, at, {"options": entry.options} if entry.options else {})
        return
    for one in list_options(config, address, options[address]):
        key = f"{dotted((*at, 'options'))}.{one.key}".removesuffix(".")
        yield ListedKey(key, one.value, Source.of(one.source))


def _keys(config: HostConfig, path: KeyPath, table: Mapping[str, Any]) -> Iterator[ListedKey]:
    """Yield what is in `table`, which is at `path`; an empty table in it is a value."""
    for key, value in table.items():
        at = (*path, key)
        if isinstance(value, Mapping) and value:
            yield from _keys(config, at, value)
        else:
            shown = STARS if config.document.conceals(at) else _shown(at, value)
            source = config.document.place_of(at) or "default"
            yield ListedKey(dotted(at), shown, Source.of(source))


def list_options(config: HostConfig, address: Address, options: Any) -> tuple[ListedOption, ...]:
    """Return every value in `options`, those that the actor at `address` runs with.

    ========================================  =======================================
    the value                                 its source
    ========================================  =======================================
    is written in aplay.toml                  ``file:line:column`` there
    is given by ``--set``                     ``--set``
    is neither, but the actor is declared     ``plugin default``, of its ``Options``
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
                (config.place_of(address, "options", *path) or "plugin default")
                if declared
                else "code",
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
    return without_password(value) if isinstance(value, str) else value


def _kind(value: Any) -> str:
    return f"<{type(value).__module__}.{type(value).__qualname__}>"
