"""``aplay-host stop``."""

from __future__ import annotations

import click

from ..options import Common, common_options
from ..steering import steer


@click.command("stop")
@common_options
@click.argument("addresses", nargs=-1, required=True, metavar="ADDR...")
@click.option("--yes", is_flag=True, help="Act on all that a pattern names, without asking.")
def command(common: Common, addresses: tuple[str, ...], yes: bool) -> int:
    """Stop the actors at ADDR: the message in hand may finish, the rest waits.

    They keep their state and mail and stay stopped, over a restart of the host too, until
    they are started. ADDR is an address or a pattern such as '/workers/*'.
    """
    return steer(common, "stop", addresses, yes)
