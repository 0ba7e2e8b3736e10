"""``aplay-host completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from ...control import envelope
from ..client import Answer
from ..options import Common, common_options
from ..output import now, print_answer

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@common_options
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, common: Common, shell: str) -> int:
    """Print the script that lets SHELL complete commands, options, addresses and plugins.

    It changes nothing by itself: load it, as in: source <(aplay-host completion bash)
    """
    root = ctx.find_root()
    kind = get_completion_class(shell)
    assert kind is not None
    variable = "_APLAY_HOST_COMPLETE"
    script = kind(root.command, {}, "aplay-host", variable).source()
    answer = Answer(200, envelope("completion", script, None, now()))
    print_answer(common, answer, lambda: print(script, end=""))
    return 0
