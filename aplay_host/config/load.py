"""The whole file, checked: every mistake at once, or a configuration to rely on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ..errors import BadAddress
from ..kernel import Address
from .accept import accepted
from .document import Document, Mistake, key_of, read_document
from .keypath import KeyPath, is_within, secret_paths, value_at, without
from .mistakes import explain
from .render import quoted
from .schema import (
    ActorEntry,
    ControlTable,
    HostTable,
    LogTable,
    MailboxesTable,
    MetricsTable,
    PluginsTable,
    ReloadTable,
    Settings,
    Tables,
)
from .settings import Setting

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


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
    mailboxes: MailboxesTable
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


def load_config(
    path: Path, content: bytes | None = None, settings: Sequence[Setting] = ()
) -> HostConfig:
    """Read and check `path`, or the `content` that was read of it, with `settings` over it.

    Raises `ConfigError` with every mistake, in the order of the file; a file that cannot
    be read or is no TOML has just that one, and any other error has as `sound` the
    `HostConfig` of the file without its mistakes.
    """
    document = read_document(path, content, settings)
    config, found = _checked(document, document.data)
    without_value = {it.path for it in document.mistakes}
    more = [it for it in found if not is_within(it.path, without_value)]
    mistakes = [*document.mistakes, *more]
    if config is None or mistakes:
        sound = _sound(document, mistakes)
        raise document.refusal(map(document.problem, mistakes), sound=sound)
    return config


def _checked(document: Document, data: dict[str, Any]) -> tuple[HostConfig | None, list[Mistake]]:
    """Check `data`, all that `document` says or a part of it; one of the two is empty."""
    mistakes = [*_address_mistakes(data.get("actors"))]
    tables, data, errors = accepted(partial(_validated, document.path.parent), data, document)
    mistakes += document.refused(secret_paths(data, ()))
    mistakes += [explain(one, Tables, data, (), document) for one in errors]
    if mistakes or tables is None:
        return None, mistakes
    actors = {Address(_rooted(key)): entry for key, entry in tables.actors.items()}
    config = HostConfig(
        document,
        tables.host,
        tables.plugins,
        tables.defaults,
        actors,
        tables.mailboxes,
        tables.log,
        tables.reload,
        tables.control,
        tables.metrics,
    )
    return config, []


def _validated(folder: Path, data: dict[str, Any]) -> tuple[Tables | None, Sequence[ErrorDetails]]:
    try:
        return Tables.model_validate(data, context=folder), ()
    except ValidationError as error:
        return None, error.errors()


def _sound(document: Document, mistakes: list[Mistake]) -> HostConfig:
    """Take out what is wrong until nothing is; for a missing key, the table that misses it."""
    config, data = None, document.data
    while config is None:
        paths = (it.path[:-1] if it.code == "missing-key" else it.path for it in mistakes)
        wrong = {_outside_of_texts(path, data) for path in paths}
        for path in sorted(wrong, reverse=True):  # last elements first: indexes stay right
            data = without(data, path)
        config, mistakes = _checked(document, data)
    return config


def _outside_of_texts(path: KeyPath, data: Any) -> KeyPath:
    """Return `path`, or the path of the text that was read as the table which it leads into."""
    for depth in range(len(path)):
        if isinstance(value_at(data, path[:depth]), str):
            return path[:depth]
    return path


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
