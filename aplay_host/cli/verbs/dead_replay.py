"""``aplay-host dead replay``."""

from __future__ import annotations

import click

from ..client import Client
from ..completion import addresses_there
from ..letters import choose, confirmed, print_report
from ..options import Common, common_options, reason_option, yes_option
from ..output import remark


@click.command("replay")
@common_options
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--cause", metavar="REASON", help="All of this reason, such as removed.")
@click.option("--address", metavar="GLOB", help="All that were meant for these actors.")
@click.option(
    "--rate", type=click.FloatRange(min=0, min_open=True), metavar="N", help="So many a second."
)
@click.option("--to", metavar="ADDR", help="To this actor instead.", shell_complete=addresses_there)
@yes_option
@reason_option
def command(
    common: Common,
    ids: tuple[str, ...],
    cause: str | None,
    address: str | None,
    rate: float | None,
    to: str | None,
) -> int:
    """Send dead letters again to the actors that they were meant for, the oldest first.

    One that is accepted is a dead letter no more; one that is refused is kept.
    """
    client = Client(common)
    count = choose(client, "replay", ids, cause, address)
    if not (ids or confirmed(common, "replay", count)):
        remark(common, "nothing sent")
        return 1
    choice = {"ids": ids, "cause": cause, "address": address}
    patience = 1.0 + (count / rate if rate else 0.0)
    answer = client.dead("replay", choice, patience, rate=rate, to=to)
    print_report(answer, "replayed", common)
    return 0
