"""``aplay-host events``."""

from __future__ import annotations

import json
from typing import Any

import click

from ..client import Client, Query
from ..options import Common, common_options, paging_options
from ..output import clock, print_answer, print_value, remark, visible
from ..stream import Sent


@click.command("events")
@common_options
@paging_options
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens, until it stops.")
@click.option("--type", "types", multiple=True, metavar="GLOB", help="Only these, 'reload.*'.")
@click.option("--address", "addresses", multiple=True, metavar="GLOB", help="Only at these.")
@click.option("--since", type=click.IntRange(0), metavar="SEQ", help="Only after that number.")
def command(
    common: Common,
    page: Query,
    follow: bool,
    types: tuple[str, ...],
    addresses: tuple[str, ...],
    since: int | None,
) -> int:
    """Show what has happened: who did what, and what became of it.

    The newest 2000 events are there. With -f those that come are shown, and with --since those
    before them; it ends with exit code 0 when the host stops. -o json and jsonl print a line
    for each.
    """
    query = [("type", one) for one in types] + [("address", one) for one in addresses]
    if since is not None:
        query.append(("since", str(since)))
    if follow:
        for sent in Client(common).follow("/v1/events", query):
            _print_sent(common, sent)
        return 0
    answer = Client(common).get("/v1/events", [*page, *query])
    print_answer(common, answer, lambda: _print_rows(answer.data))
    return 0


def _print_rows(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        print(_line(row))


def _print_sent(common: Common, sent: Sent) -> None:
    if sent.name == "gap":
        text = "events {from} to {to} are gone" if sent.data["from"] else "the host began anew"
        remark(common, text.format(**sent.data))
    elif sent.name == "bye":
        remark(common, f"the host ends the stream: {sent.data['reason']}")
    elif sent.name == "message" and common.is_json:
        print_value(sent.data)
    elif sent.name == "message":
        print(sent.data["address"] if common.output == "name" else _line(sent.data), flush=True)


def _line(row: dict[str, Any]) -> str:
    """Return an event as a line: number, time, type, address, what there is, and who."""
    told = " ".join(f"{key}={_value(value)}" for key, value in row["data"].items() if _says(value))
    parts = (str(row["seq"]), clock(row["at"], row["at"]), row["type"], row["address"], told)
    return visible("  ".join(filter(None, (*parts, _who(row["who"])))))


def _says(value: Any) -> bool:
    return value is not None and value != "" and value != []


def _value(value: Any) -> str:
    return value if isinstance(value, str) and " " not in value else json.dumps(value)


def _who(who: dict[str, Any] | None) -> str:
    if who is None:
        return ""
    return (
        f"by uid {who['uid']}, pid {who['pid']}" if who["kind"] == "peer" else f"by {who['kind']}"
    )
