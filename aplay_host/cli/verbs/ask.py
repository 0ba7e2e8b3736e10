"""``aplay-host ask``."""

from __future__ import annotations

import click

from ..client import Client
from ..message import read_message
from ..options import Common, common_options
from ..output import print_json, print_value


@click.command("ask")
@common_options
@click.argument("address", metavar="ADDR")
@click.argument("message", metavar="MESSAGE")
def command(common: Common, address: str, message: str) -> int:
    """Send MESSAGE to the actor at ADDR and print its reply as JSON.

    MESSAGE is JSON text, @file, or - for stdin.
    """
    answer = Client(common).deliver("ask", address, read_message(message))
    if common.is_json:
        print_json(answer.body)
    else:
        print_value(answer.data["reply"])
    return 0
