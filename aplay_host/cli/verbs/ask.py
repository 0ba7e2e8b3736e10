"""``aplay-host ask``."""

from __future__ import annotations

import click

from ..client import Client
from ..completion import addresses_there
from ..message import read_message
from ..options import Common, common_options, reason_option
from ..output import print_answer, print_value


@click.command("ask")
@common_options
@reason_option
@click.argument("address", metavar="ADDR", shell_complete=addresses_there)
@click.argument("message", metavar="MESSAGE")
def command(common: Common, address: str, message: str) -> int:
    """Send MESSAGE to the actor at ADDR and print its reply as JSON.

    MESSAGE is JSON text, @file, or - for stdin.
    """
    answer = Client(common).deliver("ask", address, read_message(message))
    print_answer(common, answer, lambda: print_value(answer.data["reply"]))
    return 0
