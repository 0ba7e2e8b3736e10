"""What aplay.toml asks of the machine: a group that exists, an event loop that is installed."""

from __future__ import annotations

import asyncio
import grp
from collections.abc import Callable, Iterator

from ..config import HostConfig, Mistake

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def check_machine(config: HostConfig) -> None:
    """Raise `ConfigError`, located in the file, with all that the machine does not have."""
    if mistakes := [*_mistakes(config)]:
        problems = map(config.document.problem, mistakes)
        raise config.document.refusal(problems, sound=config)


def loop_factory(config: HostConfig) -> LoopFactory:
    """Return what makes the event loop that ``host.loop`` names.

    ============  ==================  ============
    ``loop``      uvloop installed    the loop
    ============  ==================  ============
    ``asyncio``   either way          asyncio's
    ``auto``      yes                 uvloop's
    ``auto``      no                  asyncio's
    ``uvloop``    yes                 uvloop's
    ``uvloop``    no                  `check_machine` has refused it
    ============  ==================  ============
    """
    uvloops = None if config.host.loop == "asyncio" else _uvloop_factory()
    return uvloops or asyncio.new_event_loop


def group_id(name: str) -> int | None:
    """Return the number of the group `name`, None for no name; raises `KeyError`."""
    return grp.getgrnam(name).gr_gid if name else None


def _mistakes(config: HostConfig) -> Iterator[Mistake]:
    if config.host.loop == "uvloop" and _uvloop_factory() is None:
        message, hint = "uvloop is not installed", 'pip install "aplay-host[uvloop]"'
        yield Mistake(("host", "loop"), "not-installed", message, got='"uvloop"', hint=hint)
    try:
        group_id(config.control.group)
    except KeyError:
        name = config.control.group
        message, hint = f"no group {name!r} on this machine", "see them all: getent group"
        yield Mistake(("control", "group"), "no-such-group", message, got=f'"{name}"', hint=hint)


def _uvloop_factory() -> LoopFactory | None:
    try:
        import uvloop  # only where it is asked for: it is slow to load, and need not be there
    except ImportError:
        return None
    return uvloop.new_event_loop
