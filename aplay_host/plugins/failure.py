"""What went wrong in a guest's code, as text.

A kept exception keeps its frames, and they keep everything their functions saw. So the
exception ends here, where it is caught.
"""

from __future__ import annotations

import importlib
import os
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from .entry import Reason
from .guest import place_of

if TYPE_CHECKING:
    from .guest import Guest

T = TypeVar("T")

_NOT_GUESTS = (
    os.path.dirname(os.path.dirname(__file__)) + os.sep,
    os.path.dirname(importlib.__file__) + os.sep,
    "<frozen importlib",
)


@dataclass(frozen=True, slots=True)
class Failure(Reason):
    """A `Reason` that takes the place of what a guest's code should have given."""

    @classmethod
    def because(cls, reason: Reason) -> Failure:
        """Return a failure for a reason that is known already."""
        return cls(reason.phase, reason.type, reason.message, reason.place)

    @classmethod
    def of(cls, error: BaseException, phase: str, guest: Guest) -> Failure:
        """Describe `error`; its place is the innermost line in the guest's own files."""
        text = guest_traceback(error)
        return cls(phase, type(error).__name__, _message(error, guest), _place(error, guest), text)


def attempt(action: Callable[[], T], phase: str, guest: Guest) -> T | Failure:
    """Run a guest's code and return its result, or a `Failure` for whatever it raises.

    ``SystemExit`` and ``CancelledError`` are the guest's failures too. ``KeyboardInterrupt``
    is the operator's and passes.
    """
    try:
        return action()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Failure.of(error, phase, guest)


def guest_traceback(error: BaseException) -> str:
    """Return what Python prints of `error`, less the frames of this host and of its imports."""
    told = traceback.TracebackException.from_exception(error)
    waiting: list[traceback.TracebackException | None] = [told]
    while waiting:
        if one := waiting.pop():
            kept = [frame for frame in one.stack if not frame.filename.startswith(_NOT_GUESTS)]
            one.stack = traceback.StackSummary.from_list(kept)
            waiting += [one.__cause__, one.__context__, *(one.exceptions or ())]
    return "".join(told.format())


def _message(error: BaseException, guest: Guest) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return guest.missing(error.name)
    try:
        return str(error)
    except Exception:
        return "its text cannot be made"


def _place(error: BaseException, guest: Guest) -> str:
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        own = _below_package(error.filename, guest.package)
        if own:
            return f"{own}:{error.lineno}"
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        module = frame.f_globals.get("__name__")
        if isinstance(module, str) and guest.owns(module):
            place = place_of(module, frame.f_code.co_filename, line)
    return place


def _below_package(file: str, package: str) -> str:
    """Return the part of `file` from `package` on: a module that cannot be parsed has no name."""
    if file.endswith(f"/{package}.py"):
        return f"{package}.py"
    _, found, rest = file.rpartition(f"/{package}/")
    return f"{package}/{rest}" if found else ""
