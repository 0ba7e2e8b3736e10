"""``aplay-host send``."""

from __future__ import annotations

from typing import Any

import click

from ...errors import CommandError
from ..client import Client, reported
from ..completion import addresses_there
from ..message import read_message
from ..options import Common, common_options, reason_option, yes_option
from ..output import print_answer, remark
from ..steering import confirmed


@click.command("send")
@common_options
@yes_option
@reason_option
@click.argument("address", metavar="ADDR", shell_complete=addresses_there)
@click.argument("message", metavar="MESSAGE")
def command(common: Common, address: str, message: str) -> int:
    """Send MESSAGE to the actor at ADDR, or to all actors that a pattern names.

    MESSAGE is JSON text, @file, or - for stdin. Exit code 0 says that it was accepted.
    """
    payload = read_message(message)
    client = Client(common)
    if not confirmed(common, client, "send to", address):
        remark(common, "nothing sent")
        return 1
    answer = client.deliver("send", address, payload)
    refused = [result for result in answer.data["results"] if not result["ok"]]
    if refused:
        raise _first_problem(refused)
    print_answer(common, answer, lambda: remark(common, f"accepted by {answer.data['accepted']}"))
    return 0


def _first_problem(refused: list[dict[str, Any]]) -> CommandError:
    return reported(refused[0]["problem"])
