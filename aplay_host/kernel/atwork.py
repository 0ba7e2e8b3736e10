"""Whose code runs: read from frames and contexts on demand, so that no message pays for it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any

from .address import Address
from .cell import ActorCell
from .drain import Drain
from .envelope import unwrap
from .handoff import Driver
from .request import Request
from .turn import CURRENT, Turn


@dataclass(frozen=True, slots=True)
class AtWork:
    """An actor whose code runs, and the type of the message that it handles where that is known."""

    address: Address
    message_type: str | None = None


def at_work() -> AtWork | None:
    """Return the actor on whose behalf the calling code runs, None where there is none.

    What stands on the stack of this thread is certain. A task that a handler began, and a
    thread it handed work to, have the handler's context instead.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if (found := at_work_in(frame)) is not None:
            return found
        frame = frame.f_back
    turn = CURRENT.get()
    return None if turn is None else AtWork(turn.cell.address, _kind(turn, {}))


def at_work_in(frame: FrameType) -> AtWork | None:
    """Return the actor for which this one frame of the kernel runs code, None for any other.

    Of a stack the innermost such frame counts. It may be another thread's.
    """
    if frame.f_globals.get("__package__") != __package__:
        return None
    return _in_locals(frame.f_locals)


def _in_locals(given: Mapping[str, Any]) -> AtWork | None:
    for name in ("request", "self", "cell"):
        found = given.get(name)
        if isinstance(found, Driver):
            found = found.request
        if isinstance(found, Turn):
            return AtWork(found.cell.address, _kind(found, given))
        if isinstance(found, ActorCell):
            return AtWork(found.address)
    return None


def _kind(turn: Turn, given: Mapping[str, Any]) -> str | None:
    """Return the type of the message; only the frame of a `Drain` says which one it has in hand."""
    if isinstance(turn, Request):
        return type(turn.message).__qualname__
    if isinstance(turn, Drain) and given.get("message") is not None:
        return type(unwrap(given["message"])).__qualname__
    return None
