"""``aplay-host health``."""

from __future__ import annotations

import click

from ..client import Client, wait_until_ready
from ..options import Common, common_options
from ..output import print_answer, tint_of, visible

NOT_READY = 3


@click.command("health")
@common_options
@click.option("--live", "probe", flag_value="/livez", help="Only: does it answer?")
@click.option("--ready", "probe", flag_value="/readyz", default=True, help="The default.")
@click.option("--startup", "probe", flag_value="/startupz", help="Does the first tree stand?")
@click.option("--wait", is_flag=True, help="Wait until it is ready, --timeout at most.")
def command(common: Common, probe: str, wait: bool) -> int:
    """Tell whether the host is ready for work: exit code 0 is yes, 3 is no."""
    client = Client(common)
    answer = wait_until_ready(client, common.timeout) if wait else client.get(probe)

    def text() -> None:
        print(tint_of(common)(answer.data["status"]))
        for check in answer.data["checks"]:
            if not check["ok"]:
                print(f"  {visible(check['detail'])}")

    print_answer(common, answer, text)
    return 0 if answer.status == 200 else NOT_READY
