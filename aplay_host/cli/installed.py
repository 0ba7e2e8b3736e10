"""What is installed, as the running host or else the packages' own metadata has it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from ..config import read_document, read_value
from ..control import PluginRow, envelope
from ..errors import CommandError, ConfigError
from ..plugins import Catalog, Entry, PluginSettings, Reason, entries_named, scan
from .client import Answer, Client
from .options import Common
from .output import now, remark


def answer_of(common: Common, path: str) -> Answer | None:
    """Return the running host's answer for `path`, None where no host runs."""
    try:
        return Client(common).get(path)
    except CommandError as error:
        if error.kind.name != "no-host":
            raise
    except ConfigError:
        if common.config is not None:  # the file was named, so its absence is a mistake
            raise
    return None


def answer_of_metadata(common: Common, verb: str, name: str | None = None) -> Answer:
    """Answer `verb` from the metadata, and say so; no plugin is imported.

    With `name`, only for what it names. Raises ``no-such-plugin``.
    """
    entries: Sequence[Entry] = Catalog(scan(sys.path), _settings(common)).entries
    rows = [PluginRow.of(one) for one in (entries_named(name, entries) if name else entries)]
    remark(common, "no host is running: states are from metadata only")
    return Answer(200, envelope(verb, rows, None, now()))


def versions(row: dict[str, Any]) -> str:
    """Return the version, and after an arrow the one that is installed, if that is another."""
    loaded, now = row["version"], row["installed_version"]
    return f"{loaded} → {now}" if now not in (None, loaded) else str(loaded)


def reason_line(row: dict[str, Any]) -> str:
    """Return the reason of a row that has one, on one line."""
    return reason_of(row["reason"]).line()


def reason_of(told: dict[str, Any]) -> Reason:
    """Return the reason that a row, or a mistake of ``plugins check``, tells."""
    return Reason(told["phase"], told["type"], told["message"], told["place"] or "")


def _settings(common: Common) -> PluginSettings:
    """Return what the file disables and allows; without a file, nothing is."""
    try:
        document = read_document(common.config_file(), settings=common.settings, only=("plugins",))
    except ConfigError:
        return PluginSettings()
    table = document.data.get("plugins", {})
    disable, allow = _texts(table, "disable"), _texts(table, "allow")
    places = document.places("plugins") if disable or allow else {}
    return PluginSettings(disable=disable, allow=allow, places=places)


def _texts(table: Any, key: str) -> tuple[str, ...]:
    items = table.get(key, []) if isinstance(table, dict) else []
    if isinstance(items, str):  # of --set
        items = read_value(items, scalar=False)
    return tuple(item for item in items if isinstance(item, str))
