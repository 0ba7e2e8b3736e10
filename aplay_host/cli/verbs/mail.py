"""``aplay-host mail``: the verbs below it."""

from __future__ import annotations

import click

from ..lazygroup import LazyGroup
from ..options import Common, common_options

VERBS = {
    "list": "List the addresses that have durable mail.",
    "peek": "Show the next messages that wait for an actor.",
    "backup": "Copy all durable mail into a file.",
}


@click.group(
    "mail",
    cls=LazyGroup,
    verbs={verb: (f"aplay_host.cli.verbs.mail_{verb}", text) for verb, text in VERBS.items()},
)
@common_options
def command(common: Common) -> None:
    """Show the mail that survives a crash (mailboxes of the kind sqlite), and copy it."""
