"""``aplay-host start``."""

from __future__ import annotations

import click

from ..completion import addresses_there
from ..options import Common, common_options, reason_option, wait_option, yes_option
from ..steering import steer


@click.command("start")
@common_options
@yes_option
@reason_option
@wait_option
@click.argument(
    "addresses", nargs=-1, required=True, metavar="ADDR...", shell_complete=addresses_there
)
def command(common: Common, addresses: tuple[str, ...]) -> int:
    """Start the actors at ADDR, also those that a person stopped.

    ADDR is an address or a pattern such as '/workers/*'.
    """
    return steer(common, "start", addresses)
