"""``aplay-host send``."""

from __future__ import annotations

import sys
from typing import Any

import click

from ...errors import CommandError
from ..client import Client, reported
from ..message import read_message
from ..options import Common, common_options
from ..output import print_json

WITHOUT_LIMIT = 24 * 3600.0


@click.command("send")
@common_options
@click.argument("address", metavar="ADDR")
@click.argument("message", metavar="MESSAGE")
@click.option("--yes", is_flag=True, help="Send to all that a pattern names, without asking.")
def command(common: Common, address: str, message: str, yes: bool) -> int:
    """Send MESSAGE to the actor at ADDR, or to all actors that a pattern names.

    MESSAGE is JSON text, @file, or - for stdin. Exit code 0 says that it was accepted.
    """
    payload = read_message(message)
    client = Client(common)
    if "*" in address and not yes:
        _confirm(len(client.get("/v1/actors", [("address", address)]).data), address)
    body = {
        "addresses": [address],
        "message": payload,
        "timeout_s": common.timeout or WITHOUT_LIMIT,
    }
    answer = client.post("/v1/actors:send", body)
    refused = [result for result in answer.data["results"] if not result["ok"]]
    if refused:
        raise _first_problem(refused)
    if common.is_json:
        print_json(answer.body)
    elif not common.quiet:
        print(f"accepted by {answer.data['accepted']}", file=sys.stderr)
    return 0


def _confirm(count: int, pattern: str) -> None:
    if count == 1:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{pattern} names {count} actors; say --yes to send to all")
    click.confirm(f"Send to {count} actors?", abort=True, err=True)


def _first_problem(refused: list[dict[str, Any]]) -> CommandError:
    return reported(refused[0]["problem"])
