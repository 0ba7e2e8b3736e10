"""``aplay-host dead``: the verbs below it."""

from __future__ import annotations

import click

from ..lazygroup import LazyGroup
from ..options import Common, common_options

VERBS = {
    "list": "List the messages that reached nobody, the newest first.",
    "show": "Show one of them, with what is in it.",
    "replay": "Send them again to where they were meant for.",
    "drop": "Forget them.",
}


@click.group(
    "dead",
    cls=LazyGroup,
    verbs={verb: (f"aplay_host.cli.verbs.dead_{verb}", text) for verb, text in VERBS.items()},
)
@common_options
def command(common: Common) -> None:
    """Show the messages that reached nobody (dead letters), send them again or drop them."""
