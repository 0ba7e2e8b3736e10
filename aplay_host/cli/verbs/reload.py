"""``aplay-host reload``."""

from __future__ import annotations

from functools import partial

import click

from ...reload import exit_code_of
from ..client import Client
from ..completion import plugins_there
from ..options import Common, common_options, reason_option
from ..output import pending_lines, print_answer
from ..reports import print_report


@click.command("reload")
@partial(common_options, long_config=False)
@click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="NAME",
    help="Only this; repeatable.",
    shell_complete=plugins_there,
)
@click.option("--config", "config_alone", is_flag=True, help="Only aplay.toml.")
@click.option("--dry-run", is_flag=True, help="Print the plan, and change nothing.")
@reason_option
def command(common: Common, plugins: tuple[str, ...], config_alone: bool, dry_run: bool) -> int:
    """Make edited code and aplay.toml run; actors keep their state, mail and address.

    All of it takes effect, or nothing: then the old code goes on, and one line says why.
    An installed package that was upgraded is reloaded when --plugin names it.
    """
    if plugins and config_alone:
        raise click.UsageError("--plugin and --config exclude each other")
    answer = Client(common).reload(plugins=plugins, config=config_alone, dry_run=dry_run)

    def text() -> None:
        print_report(answer.data, dry_run=dry_run)
        for line in pending_lines(answer):
            print(line)

    print_answer(common, answer, text)
    return exit_code_of(answer.data)
