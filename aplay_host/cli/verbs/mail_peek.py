"""``aplay-host mail peek``."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import click

from ..client import Client
from ..completion import mailboxes_there
from ..options import Common, common_options
from ..output import age, one_line, print_answer, print_table, size

HEADER = ("ID", "AGE", "TYPE", "SENDER", "ATTEMPTS", "CRASHES", "REPLAYS", "SIZE")


@click.command("peek")
@common_options
@click.option("-n", "count", type=click.IntRange(1, 1000), metavar="N", help="The next N (10).")
@click.option("--body", is_flag=True, help="With what is in them, which may be confidential.")
@click.argument("address", metavar="ADDR", shell_complete=mailboxes_there)
def command(common: Common, count: int | None, body: bool, address: str) -> int:
    """Show the next messages that wait for the actor at ADDR; they stay where they are."""
    rooted = address if address.startswith("/") else f"/{address}"
    query = [("n", str(count))] if count else []
    query += [("body", "1")] if body else []
    answer = Client(common).get(f"/v1/mail{quote(rooted, errors='surrogateescape')}", query)
    at = answer.document["at"]
    header = (*HEADER, "MESSAGE") if body else HEADER
    rows = [_row(it, at) for it in answer.data]
    right = "ATTEMPTS CRASHES REPLAYS SIZE"
    print_answer(common, answer, lambda: print_table(header, rows, right=right))
    return 0


def _row(row: dict[str, Any], at: str) -> tuple[object, ...]:
    shown = (
        row["id"],
        age(row["at"], at),
        one_line(row["message_type"] or "?"),
        one_line(row["sender"] or "-"),
        row["attempts"],
        row["crashes"],
        row["replays"],
        size(row["size"]),
    )
    match row["payload_form"]:
        case None:
            return shown
        case "json":
            return (*shown, one_line(json.dumps(row["payload"], ensure_ascii=False)))
        case _:
            return (*shown, f"{row['payload_form']}: {row['payload']}")
