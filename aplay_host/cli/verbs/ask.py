"""``aplay-host ask``."""

from __future__ import annotations

import click

from ..client import Client
from ..message import read_message
from ..options import Common, common_options
from ..output import print_json, print_value

WITHOUT_LIMIT = 24 * 3600.0
REPLY_SECONDS = 1.0


@click.command("ask")
@common_options
@click.argument("address", metavar="ADDR")
@click.argument("message", metavar="MESSAGE")
def command(common: Common, address: str, message: str) -> int:
    """Send MESSAGE to the actor at ADDR and print its reply as JSON.

    MESSAGE is JSON text, @file, or - for stdin.
    """
    body = {
        "addresses": [address],
        "message": read_message(message),
        "timeout_s": common.timeout or WITHOUT_LIMIT,
    }
    if common.timeout is not None:  # the host's own answer to a late reply says more than ours
        common.timeout += REPLY_SECONDS
    answer = Client(common).post("/v1/actors:ask", body)
    if common.is_json:
        print_json(answer.body)
    else:
        print_value(answer.data["reply"])
    return 0
