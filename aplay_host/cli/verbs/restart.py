"""``aplay-host restart``."""

from __future__ import annotations

import click

from ..completion import addresses_there
from ..options import Common, common_options, reason_option, wait_option, yes_option
from ..steering import steer


@click.command("restart")
@common_options
@yes_option
@reason_option
@wait_option
@click.argument(
    "addresses", nargs=-1, required=True, metavar="ADDR...", shell_complete=addresses_there
)
def command(common: Common, addresses: tuple[str, ...]) -> int:
    """Give the actors at ADDR a new instance, at once; they keep their mail.

    ADDR is an address or a pattern such as '/workers/*'.
    """
    return steer(common, "restart", addresses)
