"""The options that every verb has, accepted before the verb and after it."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ..errors import ConfigError


@dataclass(slots=True)
class Common:
    """What the common options say; the one object that a whole call shares.

    `timeout` is in seconds, None for no limit at all.
    """

    config: str | None = None
    output: str = "table"
    timeout: float | None = 10.0
    quiet: bool = False

    @property
    def is_json(self) -> bool:
        """Tell whether answers and problems are wanted as JSON."""
        return self.output == "json"

    def config_file(self) -> Path:
        """Return the configuration file; raises `ConfigError` where there is none."""
        from ..config import find_config  # here, because --help needs none of it

        try:
            cwd = Path.cwd()
        except FileNotFoundError:
            if self.config is None or not Path(self.config).is_absolute():
                gone = "the working directory is gone; go to another, or give an absolute -c FILE"
                raise ConfigError(gone) from None
            cwd = Path("/")
        return find_config(self.config, cwd=cwd, environ=os.environ)


def _seconds(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Return the seconds that a duration means; a bare number is seconds."""
    if value is None:
        return None
    from ..config import parse_duration

    try:
        return parse_duration(float(value) if value.replace(".", "", 1).isdigit() else value)
    except ValueError as error:
        raise click.BadParameter(f"got {value!r}, {error}", ctx, param) from None


def _note_output(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Note the form of the output at once: a mistake later in the line is told in it, too."""
    common = ctx.find_object(Common)
    if value is not None and common is not None:
        common.output = value


def common_options(command: Callable[..., Any], *, long_config: bool = True) -> Callable[..., Any]:
    """Give `command` the common options and hand it the `Common` of this call first.

    Without `long_config` the file has only its short option after the verb, ``-c``.
    """

    @functools.wraps(command)
    def with_common(common: Common, **kwargs: Any) -> Any:
        common.config = kwargs.pop("config") or common.config
        common.quiet = kwargs.pop("quiet") or common.quiet
        timeout = kwargs.pop("timeout")
        if timeout is not None:
            common.timeout = timeout or None
        return command(common, **kwargs)

    wrapped: Callable[..., Any] = click.pass_obj(with_common)
    for option in reversed(COMMON_OPTIONS):
        wrapped = option(wrapped)
    names = ("-c", "--config") if long_config else ("-c", "config")
    return click.option(*names, metavar="FILE", help="The configuration file.")(wrapped)


COMMON_OPTIONS = (
    click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "json"]),
        callback=_note_output,
        is_eager=True,
        expose_value=False,
        help="How to print: table or json.",
    ),
    click.option(
        "--timeout", callback=_seconds, metavar="DUR", help="How long to wait; 0 for ever (10s)."
    ),
    click.option("-q", "--quiet", is_flag=True, help="Print no remarks, only results."),
)
