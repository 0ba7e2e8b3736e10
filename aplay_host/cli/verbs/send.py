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
from ..steering import confirmed


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
    if "*" in address and not yes and not confirmed(client, "send to", address):
        print("nothing sent", file=sys.stderr)
        return 1
    answer = client.deliver("send", address, payload)
    refused = [result for result in answer.data["results"] if not result["ok"]]
    if refused:
        raise _first_problem(refused)
    if common.is_json:
        print_json(answer.body)
    elif not common.quiet:
        print(f"accepted by {answer.data['accepted']}", file=sys.stderr)
    return 0


def _first_problem(refused: list[dict[str, Any]]) -> CommandError:
    return reported(refused[0]["problem"])
