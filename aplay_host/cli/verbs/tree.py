"""``aplay-host tree``."""

from __future__ import annotations

import click

from ..client import Client
from ..completion import addresses_there
from ..options import Common, common_options
from ..output import print_answer, print_tree, tint_of, visible


@click.command("tree")
@common_options
@click.argument("address", default="/", metavar="[ADDR]", shell_complete=addresses_there)
@click.option("--depth", type=click.IntRange(0), metavar="N", help="N levels below ADDR at most.")
def command(common: Common, address: str, depth: int | None) -> int:
    """Show the actors as a tree, from ADDR or the root down."""
    query = [("root", address)] + ([] if depth is None else [("depth", str(depth))])
    answer = Client(common).get("/v1/tree", query)

    def text() -> None:
        if banner := answer.document["host"]["banner"]:
            print(visible(banner))
        print_tree(answer.data, tint_of(common))

    print_answer(common, answer, text)
    return 0
