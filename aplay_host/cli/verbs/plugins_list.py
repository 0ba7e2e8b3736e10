"""``aplay-host plugins list``."""

from __future__ import annotations

import sys
from typing import Any

import click

from ...config import read_document
from ...control import PluginRow, envelope
from ...errors import CommandError, ConfigError
from ...plugins import Catalog, PluginSettings, scan
from ..client import Answer, Client
from ..options import Common, common_options
from ..output import now, print_json, print_table


@click.command("list")
@common_options
def command(common: Common) -> int:
    """List every actor and plugin that an installed package offers, with its state.

    Beside a running host the states are the host's; without one they come from the
    packages' metadata alone. No plugin is imported either way.
    """
    answer = _of_the_host(common) or _of_the_metadata(common)
    if common.is_json:
        print_json(answer.body)
        return 0
    header = ("ID", "DOOR", "VERSION", "STATE", "NOTE")
    print_table(header, [(*_columns(row), _note(row)) for row in answer.data])
    return 0


def _of_the_host(common: Common) -> Answer | None:
    """Return the running host's answer, None where none runs."""
    try:
        return Client(common).get("/v1/plugins")
    except CommandError as error:
        if error.kind.name != "no-host":
            raise
    except ConfigError:
        if common.config is not None:  # the file was named, so its absence is a mistake
            raise
    return None


def _of_the_metadata(common: Common) -> Answer:
    rows = [PluginRow.of(entry) for entry in Catalog(scan(sys.path), _settings(common)).entries]
    if not common.quiet:
        print("no host is running: states are from metadata only", file=sys.stderr)
    return Answer(200, envelope("plugins.list", rows, None, now()))


def _settings(common: Common) -> PluginSettings:
    """Return what the file disables and allows; without a file, nothing is."""
    try:
        document = read_document(common.config_file())
    except ConfigError:
        return PluginSettings()
    table = document.data.get("plugins", {})
    disable, allow = _texts(table, "disable"), _texts(table, "allow")
    places = document.places("plugins") if disable or allow else {}
    return PluginSettings(disable=disable, allow=allow, places=places)


def _texts(table: Any, key: str) -> tuple[str, ...]:
    items = table.get(key, []) if isinstance(table, dict) else []
    return tuple(item for item in items if isinstance(item, str))


def _columns(row: dict[str, Any]) -> tuple[str, ...]:
    return row["id"], row["door"], row["version"], row["state"]


def _note(row: dict[str, Any]) -> str:
    notes = list(row["flags"])
    if reason := row["reason"]:
        place = f" ({reason['place']})" if reason["place"] else ""
        notes.append(f"{reason['phase']}: {reason['message']}{place}")
    if row["actors"]:
        notes.append(f"runs as {', '.join(row['actors'])}")
    if row["editable"]:
        notes.append(f"editable {row['root'] or ''}".rstrip())
    return " · ".join(notes)
