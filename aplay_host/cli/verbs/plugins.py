"""``aplay-host plugins``: the verbs below it."""

from __future__ import annotations

import click

from ..lazygroup import LazyGroup
from ..options import Common, common_options

VERBS = {
    "list": "List what installed packages offer, with its state.",
    "show": "Show all that is known of a plugin: its reason, its hooks and their order.",
    "check": "Import what packages offer, in a process of its own, and say what is wrong.",
}


@click.group(
    "plugins",
    cls=LazyGroup,
    verbs={verb: (f"aplay_host.cli.verbs.plugins_{verb}", text) for verb, text in VERBS.items()},
)
@common_options
def command(common: Common) -> None:
    """Show what installed packages offer."""
