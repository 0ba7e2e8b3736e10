"""``aplay-host serve``."""

from __future__ import annotations

import asyncio
import faulthandler
import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from ..earlystop import EarlyStop
from ..options import Common, common_options

if TYPE_CHECKING:
    from ...config import Setting
    from ...host import Host, Ready
    from ...telemetry import HostLog

LAST_TASKS_SECONDS = 1.0

_log = logging.getLogger("aplay_host")


def _open_descriptor(ctx: click.Context, param: click.Parameter, value: int | None) -> int | None:
    """Return `value` if it is a descriptor that the caller has handed over."""
    try:
        if value is not None:
            os.fstat(value)
    except (OSError, OverflowError):
        raise click.BadParameter(
            f"got {value}, and no such descriptor is open", ctx, param
        ) from None
    return value


@click.command("serve")
@common_options
@click.option("--reload", is_flag=True, help="Reload whenever a file changes.")
@click.option("--strict", is_flag=True, help="Refuse to start when any plugin is bad.")
@click.option("--safe", is_flag=True, help="Load no plugin; hold their actors.")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="In place of the file's.",
)
@click.option(
    "--log-format",
    type=click.Choice(["auto", "console", "json"]),
    help="In place of the file's.",
)
@click.option(
    "--ready-fd",
    type=int,
    callback=_open_descriptor,
    metavar="N",
    help="Write one line to fd N when ready.",
)
def command(
    common: Common,
    reload: bool,
    strict: bool,
    safe: bool,
    log_level: str | None,
    log_format: str | None,
    ready_fd: int | None,
) -> int:
    """Run the actors of aplay.toml until told to stop.

    With --reload, what is saved runs a moment later: actors keep their state and mail.

    With --safe, for when a plugin keeps the host from running, their actors stand stopped
    and keep their mail.

    TERM and Ctrl-C end it in order: waiting mail is handled first. A second one cuts it off.
    """
    early = EarlyStop()
    from ...host import Host, load_host_config, loop_factory  # slow, and TERM may come meanwhile
    from ...telemetry import Notifier, log_to

    faulthandler.enable()  # a watchdog's SIGABRT is to say where the process stood
    settings = (*common.settings, *_flags(common, reload, strict, log_level, log_format))
    config = load_host_config(common.config_file(), settings, import_plugins=not safe)

    def ready(told: Ready) -> None:
        if ready_fd is not None:
            _write_ready(ready_fd, told)

    with (
        log_to(sys.stderr, config.log, host=config.host.name) as log,
        asyncio.Runner(loop_factory=loop_factory(config)) as runner,
    ):
        notifier = Notifier.taken_from(os.environ)
        host = Host(config, safe=safe, on_ready=ready, log=log, notifier=notifier)
        early.hand_over(host.orders.stop)
        return runner.run(_run(host, log))


def _flags(
    common: Common, reload: bool, strict: bool, log_level: str | None, log_format: str | None
) -> Iterator[Setting]:
    """Yield what flags say over the file and over ``--set``."""
    from ...config import Setting

    if reload:
        yield Setting(("reload", "enabled"), "true", "flag --reload")
    if strict:
        yield Setting(("plugins", "strict"), "true", "flag --strict")
    if log_level:
        yield Setting(("log", "level"), log_level, "flag --log-level")
    elif common.verbose:
        yield Setting(("log", "level"), "debug", "flag --verbose")
    if log_format:
        yield Setting(("log", "format"), log_format, "flag --log-format")


async def _run(host: Host, log: HostLog) -> int:
    """Run `host`; the process ends soon after it, whatever its actors have left running.

    asyncio waits for ever for a task that ignores its cancellation, and Python for threads.
    """
    code = await host.run()

    def end() -> None:
        log.flush()
        os._exit(code)

    last_resort = threading.Timer(LAST_TASKS_SECONDS, end)
    last_resort.daemon = True
    last_resort.start()
    return code


def _write_ready(descriptor: int, told: Ready) -> None:
    line: dict[str, Any] = {
        "event": "ready",
        "pid": told.pid,
        "control": told.control,
        "metrics": told.metrics,
    }
    try:
        os.write(descriptor, json.dumps(line).encode("utf-8") + b"\n")
    except OSError as error:  # whoever asked for the line has gone; the actors have not
        _log.warning("nobody reads fd %d (--ready-fd): %s", descriptor, error.strerror)
