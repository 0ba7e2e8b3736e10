"""What ``start``, ``stop`` and ``restart`` have in common: several actors, one verb."""

from __future__ import annotations

import sys

import click

from .client import Client, reported
from .options import Common
from .output import print_json, print_table


def steer(common: Common, verb: str, addresses: tuple[str, ...], yes: bool) -> int:
    """Carry out `verb` on the actors that `addresses` name and print how each is then.

    Raises the first problem; the actors that had none are changed all the same.
    """
    client = Client(common)
    for address in addresses:
        if "*" in address and not yes and not confirmed(client, verb, address):
            print("nothing done", file=sys.stderr)
            return 1
    answer = client.act(verb, addresses)
    results = answer.data["results"]
    for result in results:
        if result["problem"] is not None:
            raise reported(result["problem"])
    if common.is_json:
        print_json(answer.body)
    else:
        rows = [(row["address"], row["state"], row["pending"]) for row in results]
        print_table(("ADDRESS", "STATE", "PENDING"), rows, right="PENDING")
    return 0


def confirmed(client: Client, verb: str, pattern: str) -> bool:
    """Ask before acting on several; without a terminal to ask on it is a usage error."""
    count = len(client.get("/v1/actors", [("address", pattern)]).data)
    if count == 1:
        return True
    if not sys.stdin.isatty():
        raise click.UsageError(f"{pattern} names {count} actors; say --yes to {verb} them all")
    return click.confirm(f"{verb} {count} actors?", err=True)
