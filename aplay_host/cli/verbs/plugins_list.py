"""``aplay-host plugins list``."""

from __future__ import annotations

from typing import Any

import click

from ..installed import answer_of, answer_of_metadata, reason_line, versions
from ..options import Common, common_options
from ..output import print_answer, print_table, tint_of


@click.command("list")
@common_options
def command(common: Common) -> int:
    """List every actor and plugin that an installed package offers, with its state.

    Beside a running host the states are the host's; without one they come from the
    packages' metadata alone. No plugin is imported either way.
    """
    answer = answer_of(common, "/v1/plugins") or answer_of_metadata(common, "plugins.list")
    header = ("ID", "DOOR", "VERSION", "STATE", "NOTE")
    rows = [(*_columns(row), _note(row)) for row in answer.data]
    print_answer(common, answer, lambda: print_table(header, rows, tint=tint_of(common)))
    return 0


def _columns(row: dict[str, Any]) -> tuple[str, ...]:
    return row["id"], row["door"], versions(row), row["state"]


def _note(row: dict[str, Any]) -> str:
    notes = list(row["flags"])
    if row["reason"]:
        notes.append(reason_line(row))
    if row["cure"]:
        notes.append(row["cure"])
    if row["actors"]:
        notes.append(f"runs as {', '.join(row['actors'])}")
    if row["editable"]:
        notes.append(f"editable {row['project'] or ''}".rstrip())
    return " · ".join(notes)
