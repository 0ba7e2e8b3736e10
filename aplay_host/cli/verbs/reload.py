"""``aplay-host reload``."""

from __future__ import annotations

import click

from ...reload import exit_code_of
from ..client import Client
from ..options import Common, common_options
from ..output import print_json
from ..reports import print_report


@click.command("reload")
@common_options
@click.option("--plugin", "plugins", multiple=True, metavar="NAME", help="Only this; repeatable.")
@click.option("--dry-run", is_flag=True, help="Print the plan, and change nothing.")
def command(common: Common, plugins: tuple[str, ...], dry_run: bool) -> int:
    """Make edited code run; actors keep their state, mail and address.

    All of it takes effect, or nothing: then the old code goes on, and one line says why.
    An installed package that was upgraded is reloaded when --plugin names it.
    """
    answer = Client(common).reload(plugins=plugins, dry_run=dry_run)
    if common.is_json:
        print_json(answer.body)
    else:
        print_report(answer.data, dry_run=dry_run)
    return exit_code_of(answer.data)
