"""``aplay-host mail backup``."""

from __future__ import annotations

from pathlib import Path

import click

from ..client import Client
from ..options import Common, common_options, reason_option
from ..output import print_answer, remark, size


@click.command("backup")
@common_options
@reason_option
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
def command(common: Common, file: Path) -> int:
    """Copy all durable mail into the new file FILE, for the host's user alone.

    New mail is not confirmed meanwhile. What was called off by --timeout goes on.
    """
    answer = Client(common).back_up(str(file.absolute()))
    data = answer.data
    print_answer(common, answer, lambda: remark(common, f"{data['path']}: {size(data['bytes'])}"))
    return 0
