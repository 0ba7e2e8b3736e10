"""``aplay-host config``: the verbs below it."""

from __future__ import annotations

import click

from ..lazygroup import LazyGroup
from ..options import Common, common_options

VERBS = {
    "show": "Show every key with its value, and where that was said.",
    "schema": "Print the JSON Schema of aplay.toml, for editors.",
}


@click.group(
    "config",
    cls=LazyGroup,
    verbs={verb: (f"aplay_host.cli.verbs.config_{verb}", text) for verb, text in VERBS.items()},
)
@common_options
def command(common: Common) -> None:
    """Show what is configured, and what could be."""
