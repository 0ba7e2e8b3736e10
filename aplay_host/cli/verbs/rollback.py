"""``aplay-host rollback``."""

from __future__ import annotations

import click

from ...reload import exit_code_of
from ..client import Client
from ..options import Common, common_options, reason_option
from ..output import print_answer
from ..reports import print_report


@click.command("rollback")
@common_options
@click.option("--dry-run", is_flag=True, help="Print the plan, and change nothing.")
@reason_option
def command(common: Common, dry_run: bool) -> int:
    """Go back to the code before the newest reload, with the state as it is now.

    Files are not touched. A second call goes to the newest code again.
    """
    answer = Client(common).reload("/v1/rollback", dry_run=dry_run)
    print_answer(common, answer, lambda: print_report(answer.data, dry_run=dry_run))
    return exit_code_of(answer.data)
