"""``aplay-host tree``."""

from __future__ import annotations

import click

from ..client import Client
from ..options import Common, common_options
from ..output import print_banner, print_json, print_tree


@click.command("tree")
@common_options
@click.argument("address", default="/", metavar="[ADDR]")
def command(common: Common, address: str) -> int:
    """Show the actors as a tree, from ADDR or the root down."""
    answer = Client(common).get("/v1/tree", [("root", address)])
    if common.is_json:
        print_json(answer.body)
    else:
        print_banner(answer)
        print_tree(answer.data)
    return 0
