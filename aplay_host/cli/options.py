"""The options that verbs have in common; those of every verb may stand before it as well."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click
from click.core import ParameterSource

from ..errors import ConfigError

if TYPE_CHECKING:
    from ..config import Setting


@dataclass(slots=True)
class Common:
    """What the options say that verbs have in common; the one object that a call shares.

    `timeout` is in seconds, 0 for no limit; `settings` are those of ``--set``. The last
    three are for verbs that change something.
    """

    config: str | None = None
    output: str = "table"
    timeout: float = 10.0
    quiet: bool = False
    verbose: bool = False
    color: str = "auto"
    settings: tuple[Setting, ...] = ()
    yes: bool = False
    reason: str | None = None
    wait: bool = True

    @property
    def is_json(self) -> bool:
        """Tell whether a program reads along: problems are told as a line of JSON then."""
        return self.output in ("json", "jsonl")

    def colors(self, stream: TextIO) -> bool:
        """Tell whether what is written to `stream` is coloured.

        ===========  ======================================================================
        ``--color``  coloured
        ===========  ======================================================================
        ``always``   yes
        ``never``    no
        ``auto``     on a terminal, unless ``NO_COLOR`` is set or ``TERM`` is ``dumb``
        ===========  ======================================================================
        """
        if self.color != "auto":
            return self.color == "always"
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        return not plain and stream.isatty()

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


def _seconds(text: str) -> float:
    """Return the seconds that a duration means; a bare number is seconds."""
    from ..config import parse_duration

    try:
        return parse_duration(float(text) if text.replace(".", "", 1).isdigit() else text)
    except ValueError as error:
        raise click.BadParameter(f"got {text!r}, {error}") from None


def _setting(text: str) -> Setting:
    """Return what one ``--set`` says; the file itself is not looked at yet."""
    from ..config import parse_setting

    try:
        return parse_setting(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _add_settings(ctx: click.Context, param: click.Parameter, value: tuple[Setting, ...]) -> None:
    """Add to the settings of this call; some may stand before the verb, and some after it."""
    common = ctx.find_object(Common)
    if common is not None:
        common.settings += value


def _note(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Note what an option says in the `Common` of this call, if it is there at all."""
    common = ctx.find_object(Common)
    given = ctx.get_parameter_source(param.name or "") is ParameterSource.COMMANDLINE
    if given and common is not None:
        setattr(common, param.name or "", value)


_noted = functools.partial(click.option, callback=_note, expose_value=False)

# The output is read first: a mistake anywhere in the line is told in it, too.
COMMON_OPTIONS = (
    _noted(
        "-o",
        "--output",
        type=click.Choice(["table", "json", "jsonl", "name"]),
        is_eager=True,
        help="For people; the host's answer; a line of JSON a row; addresses alone.",
    ),
    click.option(
        "--set",
        "settings",
        type=_setting,
        multiple=True,
        callback=_add_settings,
        expose_value=False,
        metavar="KEY=VALUE",
        help="Put a value over the file's; repeatable.",
    ),
    _noted("--timeout", type=_seconds, metavar="DUR", help="How long to wait; 0 for ever (10s)."),
    _noted("-q", "--quiet", is_flag=True, help="Print no remarks, only results."),
    _noted("-v", "--verbose", is_flag=True, help="Tell whom it asks what; serve logs more."),
    _noted(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        help="Colours; auto is on a terminal without NO_COLOR.",
    ),
)

reason_option = _noted("--reason", metavar="TEXT", help="Why; kept with the event of it.")
yes_option = _noted("--yes", is_flag=True, help="Act on all that a pattern names, without asking.")
wait_option = _noted("--wait/--no-wait", help="Wait until it is done, as is the default.")


def common_options(command: Callable[..., Any], *, long_config: bool = True) -> Callable[..., Any]:
    """Give `command` the options of every verb, and hand it the `Common` of this call first.

    Without `long_config` the file has only its short option after the verb, ``-c``.
    """
    wrapped: Callable[..., Any] = click.pass_obj(command)
    for option in reversed(COMMON_OPTIONS):
        wrapped = option(wrapped)
    names = ("-c", "--config") if long_config else ("-c", "config")
    file = click.Path()  # which tells shells what to complete
    return _noted(*names, type=file, metavar="FILE", help="The configuration file.")(wrapped)


def paging_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb that prints a list ``--limit`` and ``--from``.

    It gets them as `page`, the part of the query that asks a host for these rows.
    """

    @functools.wraps(command)
    def with_page(*args: Any, limit: int | None, begin: str | None, **kwargs: Any) -> Any:
        given = {"limit": limit, "from": begin}
        page = [(name, str(value)) for name, value in given.items() if value is not None]
        return command(*args, page=page, **kwargs)

    begin = click.option("--from", "begin", metavar="ADDR", help="Begin with this row.")
    limit = click.option("--limit", type=click.IntRange(1), metavar="N", help="N rows at most.")
    return limit(begin(with_page))
