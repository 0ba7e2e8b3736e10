"""``aplay-host status``."""

from __future__ import annotations

import click

from ..client import Client
from ..options import Common, common_options
from ..output import age, print_host, print_json, print_table, shown_state, visible

NOT_RUNNING = 3


@click.command("status")
@common_options
@click.argument("addresses", nargs=-1, metavar="[ADDR]...")
def command(common: Common, addresses: tuple[str, ...]) -> int:
    """Show the actors: state, mail, counters.

    ADDR is an address or a pattern such as '/workers/*'. With one, the exit code is 3 when
    an actor that it names is not running.
    """
    answer = Client(common).get("/v1/actors", [("address", address) for address in addresses])
    rows = answer.data
    if common.is_json:
        print_json(answer.body)
    else:
        print_host(answer)
        at = answer.document["at"]
        print_table(
            (
                "ADDRESS",
                "STATE",
                "PENDING",
                "IN-HAND",
                "HANDLED",
                "FAILED",
                "DEAD",
                "SINCE",
                "TYPE",
            ),
            [
                (
                    row["address"],
                    shown_state(row),
                    row["pending"],
                    row["in_hand"],
                    row["counters"]["handled"],
                    row["counters"]["failed"],
                    row["counters"]["dead"],
                    age(row["since"], at),
                    row["type"],
                )
                for row in rows
            ],
            right="PENDING IN-HAND HANDLED FAILED DEAD",
        )
        for row in rows:
            if error := row["last_error"]:
                print(f"{row['address']}: last error {error['type']}: {visible(error['text'])}")
    if addresses and any(row["state"] != "running" for row in rows):
        return NOT_RUNNING
    return 0
