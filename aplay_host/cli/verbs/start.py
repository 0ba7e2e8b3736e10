"""``aplay-host start``."""

from __future__ import annotations

import click

from ..options import Common, common_options
from ..steering import steer


@click.command("start")
@common_options
@click.argument("addresses", nargs=-1, required=True, metavar="ADDR...")
@click.option("--yes", is_flag=True, help="Act on all that a pattern names, without asking.")
def command(common: Common, addresses: tuple[str, ...], yes: bool) -> int:
    """Start the actors at ADDR, also those that a person stopped.

    ADDR is an address or a pattern such as '/workers/*'.
    """
    return steer(common, "start", addresses, yes)
