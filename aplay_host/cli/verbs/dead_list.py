"""``aplay-host dead list``."""

from __future__ import annotations

import click

from ..client import Client
from ..options import Common, common_options
from ..output import age, print_answer, print_table, visible


@click.command("list")
@common_options
@click.option("--cause", metavar="REASON", help="Only those of this reason, such as removed.")
@click.option("--address", metavar="GLOB", help="Only those meant for these actors.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The newest N of them.")
def command(common: Common, cause: str | None, address: str | None, limit: int | None) -> int:
    """List the messages that reached nobody, the newest first."""
    given = {"cause": cause, "address": address, "limit": limit}
    query = [(key, str(value)) for key, value in given.items() if value is not None]
    answer = Client(common).get("/v1/dead", query)
    at = answer.document["at"]
    header = ("ID", "ADDRESS", "REASON", "AGE", "KEPT", "TYPE", "ERROR")
    rows = [
        (it["id"], it["address"], it["reason"], age(it["at"], at),
         "yes" if it.get("kept") else "no", it["message_type"] or "?",
         " ".join((it["error"] or "").split()))
        for it in answer.data
    ]  # fmt: skip
    shown = [tuple(visible(cell) for cell in row) for row in rows]
    print_answer(common, answer, lambda: print_table(header, shown))
    return 0
