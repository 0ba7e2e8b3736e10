"""``aplay-host config schema``."""

from __future__ import annotations

import click

from ...control import envelope
from ..childprocess import ask_child
from ..client import Answer
from ..options import Common, common_options
from ..output import now, print_answer, print_value


@click.command("schema")
@common_options
@click.option("--plugins", is_flag=True, help="With the options of installed actors.")
def command(common: Common, plugins: bool) -> int:
    """Print the JSON Schema (2020-12) of aplay.toml, for editors and other checkers.

    With --plugins all installed actor classes are imported, in a child process.
    """
    if plugins:
        schema = ask_child("the installed packages", "schema", "", "")
    else:
        from ...config import config_schema

        schema = config_schema()
    answer = Answer(200, envelope("config.schema", schema, None, now()))
    print_answer(common, answer, lambda: print_value(schema))
    return 0
