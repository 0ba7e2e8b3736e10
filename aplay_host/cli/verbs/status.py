"""``aplay-host status``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain
from typing import Any
from urllib.parse import quote

import click

from ...errors import CommandError
from ..client import Answer, Client, Query
from ..completion import addresses_there
from ..options import Common, common_options, paging_options
from ..output import (
    Tint,
    age,
    host_lines,
    print_answer,
    retried,
    shown_state,
    table,
    tint_of,
    visible,
)
from ..watching import watch_lines

NOT_RUNNING = 3
HEADER = (
    "ADDRESS",
    "STATE",
    "PENDING",
    "HANDLED",
    "FAILED",
    "RESTARTS",
    "SINCE",
    "MAILBOX",
    "TYPE",
)


@click.command("status")
@common_options
@paging_options
@click.option("--watch", is_flag=True, help="Show it anew each second, until Ctrl-C.")
@click.argument("addresses", nargs=-1, metavar="[ADDR]...", shell_complete=addresses_there)
def command(common: Common, page: Query, watch: bool, addresses: tuple[str, ...]) -> int:
    """Show the actors: state, mail, counters.

    ADDR is an address or a pattern such as '/workers/*'. With one, the exit code is 3 when
    an actor that it names is not running.
    """
    client, tint = Client(common), tint_of(common)
    query = [*page, *(("address", address) for address in addresses)]
    if watch:
        if common.output != "table" or not sys.stdout.isatty():
            raise click.UsageError("--watch wants a terminal; programs follow: events -f -o jsonl")
        return watch_lines(lambda: _lines(client, client.get("/v1/actors", query), tint))
    answer = client.get("/v1/actors", query)
    print_answer(common, answer, lambda: print(*_lines(client, answer, tint), sep="\n"))
    if addresses and any(row["state"] != "running" for row in answer.data):
        return NOT_RUNNING
    return 0


def _lines(client: Client, answer: Answer, tint: Tint) -> Iterator[str]:
    at, retries = answer.document["at"], dict(_retries(client, answer.data))
    rows = [
        (
            row["address"],
            _state(client, row),
            row["pending"],
            row["counters"]["handled"],
            row["counters"]["failed"],
            row["restarts"],
            age(row["since"], at),
            _mailbox(row, retries),
            row["type"],
        )
        for row in answer.data
    ]
    errors = (
        f"{row['address']}: last error {error['type']}: {visible(error['text'])}".replace(
            "\n", r"\n"
        )
        for row in answer.data
        if (error := row["last_error"])
    )
    health = client.get("/readyz").data
    return chain(
        host_lines(answer, health["status"], tint),
        (visible(it["detail"]) for it in health["checks"] if it["name"] == "mail"),
        table(HEADER, rows, right="PENDING HANDLED FAILED RESTARTS", tint=tint),
        errors,
    )


def _mailbox(row: dict[str, Any], retries: Mapping[str, dict[str, Any]]) -> str:
    """Return the kind of a mailbox, with when it hands out again what failed."""
    retry = retries.get(row["address"])
    return f"{row['mailbox']['kind']}{f', {retried(retry)}' if retry else ''}"


def _retries(
    client: Client, rows: Iterable[dict[str, Any]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what waits for another try, of those who keep their mail in the file, by address."""
    shown = {row["address"] for row in rows if row["mailbox"]["kind"] == "sqlite"}
    for mail in client.get("/v1/mail").data if shown else ():
        if mail["retrying"] and mail["address"] in shown:
            with suppress(CommandError):  # it may be gone by now
                retry = client.get(f"/v1/actors{quote(mail['address'])}").data["retry"]
                if retry is not None:
                    yield mail["address"], retry


def _state(client: Client, row: dict[str, Any]) -> str:
    """Return the state of an actor, with when its next start is due, which is asked for."""
    if row["state"] != "restarting":
        return shown_state(row)
    with suppress(CommandError):  # it may be gone by now
        due = client.get(f"/v1/actors{quote(row['address'])}").data["next_restart"]
        if due is not None:
            return f"restarting {due['counted']}/{due['most']}, {due['in_s']:.0f} s"
    return "restarting"
