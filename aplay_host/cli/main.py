"""The command ``aplay-host``: which verbs there are, and how every one of them ends."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any, NoReturn

import click

from .._version import __version__
from ..control import dump, problem
from ..errors import (
    AplayError,
    CommandError,
    ConfigError,
    HostBusy,
    PluginError,
    StateDirError,
    StoreHeld,
    StoreNewer,
)
from .lazygroup import LazyGroup
from .options import Common, common_options
from .output import colored, remark, visible

VERBS = {
    "serve": "Run the actors of aplay.toml until told to stop.",
    "check": "Check aplay.toml and what it names, without starting anything.",
    "status": "Show the actors: state, mail, counters.",
    "tree": "Show the actors as a tree.",
    "show": "Show one actor: why it is as it is, and what helps.",
    "send": "Send a message to an actor.",
    "ask": "Send a message to an actor and print its reply.",
    "start": "Start actors, also those that a person stopped.",
    "stop": "Stop actors; they keep state and mail, over a restart of the host too.",
    "restart": "Give actors a new instance; they keep their mail.",
    "reload": "Make edited code run, with the actors' state and mail.",
    "rollback": "Go back to the code before the newest reload.",
    "dead": "Show what reached nobody, send it again or drop it.",
    "mail": "Show the mail that survives, and copy it.",
    "events": "Show what has happened: who did what, and what became of it.",
    "health": "Tell whether the host is ready for work.",
    "plugins": "Show what installed packages offer.",
    "config": "Show what is configured, and what could be.",
    "completion": "Print the script that lets a shell complete all this.",
}

PROGRAM = "aplay-host"
UNREAD = 1
UNWRITABLE = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO)
INTERRUPTED = 130
PROBLEMS_OF_A_START: dict[type[AplayError], str] = {
    ConfigError: "bad-config",
    StateDirError: "bad-state-dir",
    PluginError: "bad-plugin",
    HostBusy: "host-busy",
    StoreHeld: "host-busy",
    StoreNewer: "bad-state-dir",
}
"""What problem documents call the errors that no running host can answer with."""


@click.group(
    cls=LazyGroup,
    verbs={verb: (f"aplay_host.cli.verbs.{verb}", text) for verb, text in VERBS.items()},
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name=PROGRAM)
@common_options
def cli(common: Common) -> None:
    """Host actors that installed packages offer and aplay.toml names.

    Exit codes: 0 done, 1 failed, 2 usage, 3 not running or not ready, 4 no answer in time,
    5 no such thing, 7 refused, 78 bad configuration.
    """


def main() -> NoReturn:
    """Run the command line; every way it can end is a line on stderr and an exit code."""
    common = Common()
    # pydantic reads the metadata of all that is installed, for plugins of its own: slow, and
    # one bad file of anybody would end the command. Who sets the variable wants them.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115  a closed one would be None
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may lack letters of ours
    try:
        code = cli.main(prog_name=PROGRAM, obj=common, standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        if common.is_json:
            _tell(CommandError("bad-request", error.format_message()), common)
        else:
            error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        remark(common, "interrupted; what was sent already stays sent")
        code = INTERRUPTED
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python complains when it ends
        if error.errno != errno.EPIPE:  # whoever read our output has not seen enough
            print(f"error: the output cannot be written: {error.strerror}", file=sys.stderr)
        code = UNREAD
    except AplayError as error:
        code = _tell(error, common)
    sys.exit(code if isinstance(code, int) else 0)


def _tell(error: AplayError, common: Common) -> int:
    """Write an error to stderr, as JSON where the output is JSON; return the exit code."""
    if common.is_json:
        print(dump(_document(error)).decode(), file=sys.stderr)
    elif isinstance(error, ConfigError):
        print(error, file=sys.stderr)
    else:
        tint = colored if common.colors(sys.stderr) else str
        print(f"{tint('error')}: {visible(str(error))}", file=sys.stderr)
        if isinstance(error, CommandError) and error.hint:
            print(f"  {error.hint}", file=sys.stderr)
    code: int = getattr(error, "exit_code", 1)
    return code


def _document(error: AplayError) -> dict[str, Any]:
    if isinstance(error, CommandError):
        return problem(error)
    name = PROBLEMS_OF_A_START.get(type(error), "internal")
    document = problem(CommandError(name, str(error)))
    return document | {"errors": error.problems} if isinstance(error, ConfigError) else document
