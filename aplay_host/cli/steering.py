"""What ``start``, ``stop`` and ``restart`` have in common: several actors, one verb."""

from __future__ import annotations

import sys

import click

from .client import Client, reported
from .options import Common
from .output import print_answer, print_table, remark, tint_of


def steer(common: Common, verb: str, addresses: tuple[str, ...]) -> int:
    """Carry out `verb` on the actors that `addresses` name and print how each is then.

    Raises the first problem; the actors that had none are changed all the same.
    """
    client = Client(common)
    if not all(confirmed(common, client, verb, address) for address in addresses):
        remark(common, "nothing done")
        return 1
    answer = client.act(verb, addresses)
    results = answer.data["results"]
    for result in results:
        if result["problem"] is not None:
            raise reported(result["problem"])
    header = ("ADDRESS", "STATE", "PENDING")
    rows = [(row["address"], row["state"], row["pending"]) for row in results]
    tint = tint_of(common)
    print_answer(common, answer, lambda: print_table(header, rows, right="PENDING", tint=tint))
    return 0


def confirmed(common: Common, client: Client, verb: str, pattern: str) -> bool:
    """Ask before acting on several; without a terminal to ask on it is a usage error."""
    if "*" not in pattern or common.yes:
        return True
    count = len(client.get("/v1/actors", [("address", pattern)]).data)
    if count == 1:
        return True
    return sure(f"{verb} {count} actors")


def sure(intent: str) -> bool:
    """Ask whether somebody means it; without a terminal to ask on it is a usage error."""
    if sys.stdin.isatty() and sys.stderr.isatty():
        return click.confirm(f"{intent}?", err=True)
    raise click.UsageError(f"say --yes to {intent}")
