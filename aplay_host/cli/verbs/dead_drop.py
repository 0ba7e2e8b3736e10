"""``aplay-host dead drop``."""

from __future__ import annotations

import click

from ..client import Client
from ..letters import choose, confirmed, print_report
from ..options import Common, common_options, reason_option, yes_option
from ..output import remark


@click.command("drop")
@common_options
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--cause", metavar="REASON", help="All of this reason, such as removed.")
@click.option("--address", metavar="GLOB", help="All that were meant for these actors.")
@yes_option
@reason_option
def command(common: Common, ids: tuple[str, ...], cause: str | None, address: str | None) -> int:
    """Forget dead letters; there is no way back."""
    client = Client(common)
    count = choose(client, "drop", ids, cause, address)
    if not (ids or confirmed(common, "drop", count)):
        remark(common, "nothing dropped")
        return 1
    choice = {"ids": ids, "cause": cause, "address": address}
    print_report(client.dead("drop", choice), "dropped", common)
    return 0
