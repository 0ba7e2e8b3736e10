"""``aplay-host plugins show``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import click

from ..completion import plugins_there
from ..installed import answer_of, answer_of_metadata, reason_line, versions
from ..options import Common, common_options
from ..output import Tint, print_answer, tint_of


@click.command("show")
@common_options
@click.argument("name", shell_complete=plugins_there)
def command(common: Common, name: str) -> int:
    """Show all that is known of NAME: a package, package/name, or the name of an entry.

    Beside a running host that includes the place of each hook in the order of calls.
    """
    found = answer_of(common, f"/v1/plugins/{quote(name)}")
    answer = found or answer_of_metadata(common, "plugins.show", name)
    print_answer(common, answer, lambda: _print(answer.data, tint_of(common)))
    return 0


def _print(rows: list[dict[str, Any]], tint: Tint) -> None:
    for row in rows:
        print(f"{row['id']}  {row['door']}  {versions(row)}  {tint(row['state'])}")
        for title, text in _facts(row):
            print(f"  {title:<9} {text}")


def _facts(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "target", row["target"]
    if row["reason"]:
        yield "reason", reason_line(row)
    if row["cure"]:
        yield "cure", row["cure"]
    if row["flags"]:
        yield "flags", ", ".join(row["flags"])
    if row["actors"]:
        yield "runs as", ", ".join(row["actors"])
    if row["editable"]:
        yield "editable", row["project"] or "yes"
    if row["file"]:
        yield "file", row["file"]
    if row["import_ms"] is not None:
        yield "import", f"{row['import_ms']} ms"
    for hook in row["hooks"]:
        errors = f"; failed {hook['errors']} times" if hook["errors"] else ""
        place = f"{hook['position']} of {hook['of']}: {hook['why']}"
        yield "hook", f"{hook['name']} {place}{errors}"
    if row["dropped"]:
        yield "dropped", f"{row['dropped']} events, because its queue was full"
