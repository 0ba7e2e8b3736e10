"""``aplay-host stop``."""

from __future__ import annotations

import click

from ..completion import addresses_there
from ..options import Common, common_options, reason_option, wait_option, yes_option
from ..steering import steer


@click.command("stop")
@common_options
@yes_option
@reason_option
@wait_option
@click.argument(
    "addresses", nargs=-1, required=True, metavar="ADDR...", shell_complete=addresses_there
)
def command(common: Common, addresses: tuple[str, ...]) -> int:
    """Stop the actors at ADDR: the message in hand may finish, the rest waits.

    They keep their state and mail and stay stopped, over a restart of the host too, until
    they are started. ADDR is an address or a pattern such as '/workers/*'.
    """
    return steer(common, "stop", addresses)
