"""A group of commands that are imported when they are called for."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """Knows its commands as a table: command → (module, help).

    The module calls it ``command``. Listing, help and completion import none of them.
    """

    def __init__(self, *args: Any, verbs: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.no_args_is_help = False  # a mistake of usage in all versions of click
        self._verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the table."""
        return list(self._verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command; None for a word that is none."""
        if cmd_name not in self._verbs:
            return None
        module = importlib.import_module(self._verbs[cmd_name][0])
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; the error for an unknown one names what comes closest, or all."""
        if (
            args
            and not ctx.resilient_parsing
            and args[0] not in self._verbs
            and not args[0].startswith("-")
        ):
            close = difflib.get_close_matches(args[0], self._verbs, n=1, cutoff=0.5)
            hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(self._verbs)}"
            ctx.fail(f"no such command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list from the table (click's own would import every command)."""
        with formatter.section("Commands"):
            formatter.write_dl([(verb, text) for verb, (_, text) in self._verbs.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Complete from the table (click's own would import every command)."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(verb, help=text)
            for verb, (_, text) in self._verbs.items()
            if verb.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)
