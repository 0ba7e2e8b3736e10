"""The whole file, checked: every mistake at once, or a configuration to rely on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..errors import BadAddress
from ..kernel import Address
from .document import Document, Mistake, read_document
from .keypath import without
from .mistakes import explain
from .render import quoted
from .schema import (
    ActorEntry,
    ControlTable,
    HostTable,
    LogTable,
    MetricsTable,
    PluginsTable,
    ReloadTable,
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
    reload: ReloadTable
    control: ControlTable
    metrics: MetricsTable

    @property
    def file(self) -> Path:
        """The absolute path of the file."""
        return self.document.path

    def place_of(self, address: Address, *keys: str | int) -> str | None:
        """Return ``file:line:column`` of what the file states for an actor, None for nothing."""
        if address not in self.actors:
            return None
        return self.document.place_of(("actors", key_of(self.document, address), *keys))


def load_config(path: Path, content: bytes | None = None) -> HostConfig:
    """Read and check `path`, or the `content` that was read of it.

    Raises `ConfigError` with every mistake, in the order of the file; a file that cannot
    be read or is no TOML has just that one, and any other error has as `sound` the
    `HostConfig` of the file without its mistakes.
    """
    document = read_document(path, content)
    config, mistakes = _checked(document, document.data)
    if config is None:
        sound = _sound(document, mistakes)
        raise document.refusal(map(document.problem, mistakes), sound=sound)
    return config


def key_of(document: Document, address: Address) -> str:
    """Return the key under which the file declares `address`: with or without the slash."""
    return str(address) if address in document.data["actors"] else address[1:]


def _checked(document: Document, data: dict[str, Any]) -> tuple[HostConfig | None, list[Mistake]]:
    """Check `data`, all that `document` says or a part of it; one of the two is empty."""
    mistakes = [*_address_mistakes(data.get("actors"))]
    try:
        tables = Tables.model_validate(data, context=document.path.parent)
    except ValidationError as error:
        found = [explain(one, Tables, data, (), document) for one in error.errors()]
        return None, mistakes + found
    if mistakes:
        return None, mistakes
    actors = {Address(_rooted(key)): entry for key, entry in tables.actors.items()}
    config = HostConfig(
        document,
        tables.host,
        tables.plugins,
        tables.defaults,
        actors,
        tables.log,
        tables.reload,
        tables.control,
        tables.metrics,
    )
    return config, []


def _sound(document: Document, mistakes: list[Mistake]) -> HostConfig:
    """Take out what is wrong until nothing is; for a missing key, the table that misses it."""
    config, data = None, document.data
    while config is None:
        wrong = {it.path[:-1] if it.code == "missing-key" else it.path for it in mistakes}
        for path in sorted(wrong, reverse=True):  # last elements first: indexes stay right
            data = without(data, path)
        config, mistakes = _checked(document, data)
    return config


def _rooted(key: str) -> str:
    return key if key.startswith("/") else f"/{key}"


def _address_mistakes(actors: object) -> Iterator[Mistake]:
    keys = list(actors) if isinstance(actors, dict) else []
    declared = Counter(map(_rooted, keys))
    for key in keys:
        if _rooted(key) == "/":
            message, hint = '"/" is the host itself', 'name an actor below it, as in "/tail"'
        elif not _is_address(_rooted(key)):
            message = f"{quoted(key)} is no address"
            hint = "want names of letters, digits, _ . - with one / between them"
        elif declared[_rooted(key)] > 1:
            message, hint = f"{_rooted(key)} is declared twice", "the leading slash is optional"
        else:
            continue
        yield Mistake(("actors", key), "bad-address", message, hint=hint)


def _is_address(text: str) -> bool:
    try:
        Address(text)
    except BadAddress:
        return False
    return True
