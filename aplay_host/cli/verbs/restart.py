"""``aplay-host restart``."""

from __future__ import annotations

import click

from ..options import Common, common_options
from ..steering import steer


@click.command("restart")
@common_options
@click.argument("addresses", nargs=-1, required=True, metavar="ADDR...")
@click.option("--yes", is_flag=True, help="Act on all that a pattern names, without asking.")
def command(common: Common, addresses: tuple[str, ...], yes: bool) -> int:
    """Give the actors at ADDR a new instance, at once; they keep their mail.

    ADDR is an address or a pattern such as '/workers/*'.
    """
    return steer(common, "restart", addresses, yes)
