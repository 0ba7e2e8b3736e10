"""The whole file, checked: every mistake at once, or a configuration to rely on."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from ..errors import BadAddress
from ..kernel import Address
from .document import Document, Mistake, read_document
from .keypath import dotted, quoted, take_out
from .mistakes import did_you_mean, explain
from .schema import (
    FOLDER,
    ActorEntry,
    HostTable,
    LogTable,
    PluginsTable,
    Settings,
    Tables,
)


@dataclass(frozen=True, slots=True)
class HostConfig:
    """A sound aplay.toml: all values checked, paths absolute, times in seconds.

    `actors` is in the order of the file. What depends on plugins is not checked here:
    `plan_tree` does that.
    """

    document: Document
    host: HostTable
    plugins: PluginsTable
    defaults: Settings
    actors: Mapping[Address, ActorEntry]
    log: LogTable

    @property
    def file(self) -> Path:
        """The absolute path of the file."""
        return self.document.path

    @property
    def folder(self) -> Path:
        """The folder of the file, to which its paths are relative."""
        return self.document.path.parent


def load_config(path: Path) -> HostConfig:
    """Read and check `path`.

    Raises `ConfigError` with every mistake, in the order of the file; a file that cannot
    be read or is no TOML has just that one. What the error has as `sound` is the
    `HostConfig` of the file without its mistakes, or None.
    """
    document = read_document(path)
    config, mistakes = _checked(document)
    if config is None:
        sound = _sound(document, mistakes)
        raise document.refusal(map(document.problem, mistakes), sound)
    return config


def _checked(document: Document) -> tuple[HostConfig | None, list[Mistake]]:
    mistakes = [*_address_mistakes(document)]
    try:
        tables = Tables.model_validate(
            {"host": {}, **document.data}, context={FOLDER: document.path.parent}
        )
    except ValidationError as error:
        found = explain(error.errors(), Tables, document.data)
        return None, mistakes + [_as_child(document, mistake) for mistake in found]
    if mistakes:
        return None, mistakes
    actors = {Address(_rooted(key)): entry for key, entry in tables.actors.items()}
    config = HostConfig(
        document,
        tables.host,
        tables.plugins,
        tables.defaults,
        MappingProxyType(actors),
        tables.log,
    )
    return config, []


def _sound(document: Document, mistakes: list[Mistake]) -> HostConfig | None:
    """Return what `document` says apart from its mistakes; None when that is not sound."""
    data = copy.deepcopy(document.data)
    for mistake in mistakes:
        take_out(data, mistake.path)
    return _checked(replace(document, data=data))[0]


def key_of(document: Document, address: Address) -> str:
    """Return the key under which the file declares `address`: with or without the slash."""
    return str(address) if address in document.data["actors"] else address[1:]


def _rooted(key: str) -> str:
    return key if key.startswith("/") else f"/{key}"


def _address_mistakes(document: Document) -> Iterator[Mistake]:
    actors = document.data.get("actors")
    seen: dict[str, str] = {}
    for key in actors if isinstance(actors, dict) else ():
        if mistake := _address_mistake(key):
            yield mistake
        elif (first := seen.setdefault(_rooted(key), key)) != key:
            yield _twice(document, first, key)


def _address_mistake(key: str) -> Mistake | None:
    path, code = ("actors", key), "bad-address"
    if _rooted(key) == "/":
        message, hint = '"/" is the host itself', 'name an actor below it, as in "/tail"'
        return Mistake(path, code, message, hint=hint, on="key")
    if "*" in key:
        message, hint = "a wildcard cannot be an address", "give each actor a table of its own"
        return Mistake(path, code, message, hint=hint, on="key")
    try:
        Address(_rooted(key))
    except BadAddress:
        message = f"{quoted(key)} is no address"
        hint = "want names of letters, digits, _ . - with one / between them"
        return Mistake(path, code, message, hint=hint, on="key")
    return None


def _twice(document: Document, first: str, key: str) -> Mistake:
    span = document.span(("actors", first), "key")
    place = f"{document.name}:{span.line}:{span.column}"
    message = f"the same actor as {dotted(('actors', first))} at {place}"
    return Mistake(("actors", key), "same-address", message, hint="keep one of the two", on="key")


def _as_child(document: Document, mistake: Mistake) -> Mistake:
    """Explain an unknown table in an actor's table, which is most likely meant as a child."""
    if mistake.code != "unknown-key" or mistake.path[0] != "actors" or len(mistake.path) != 3:
        return mistake
    key, name = str(mistake.path[1]), str(mistake.path[2])
    table = document.data["actors"][key][name]
    if not isinstance(table, dict):
        return mistake
    if "use" not in table and did_you_mean(name, ("options", "mailbox")):
        return mistake
    hint = f"a child has a table of its own: [actors.{quoted(f'{_rooted(key)}/{name}')}]"
    return replace(mistake, hint=hint)
