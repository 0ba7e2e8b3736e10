"""``aplay-host mail list``."""

from __future__ import annotations

import click

from ..client import Client, Query
from ..options import Common, common_options, paging_options
from ..output import length, print_answer, print_table, size


@click.command("list")
@common_options
@paging_options
def command(common: Common, page: Query) -> int:
    """List the addresses that have durable mail, also those at which no actor lives."""
    answer = Client(common).get("/v1/mail", page)
    header = ("ADDRESS", "MESSAGES", "SIZE", "OLDEST", "RETRYING", "ACTOR")
    rows = [
        (
            it["address"],
            it["messages"],
            size(it["bytes"]),
            length(it["oldest_s"]) if it["messages"] else "-",
            it["retrying"],
            "yes" if it["has_actor"] else "none",
        )
        for it in answer.data
    ]
    print_answer(
        common, answer, lambda: print_table(header, rows, right="MESSAGES SIZE OLDEST RETRYING")
    )
    return 0
