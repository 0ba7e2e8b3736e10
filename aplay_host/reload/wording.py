"""What went wrong in a guest's code while it was loaded or built, as a refusal."""

from __future__ import annotations

import os
import traceback

from ..errors import ConfigError
from ..kernel import SavedUnreadable
from ..plugins import Reason, guest_traceback
from .refusal import Refusal, Refused
from .report import BAD_CONFIG

_OWN = os.path.dirname(os.path.dirname(__file__)) + os.sep
CURE = "correct it and save again"


def failed_import(failure: Reason) -> Refused:
    """Return the refusal for modules that could not be imported, or are not as they must be."""
    got = f"{failure.type}: {failure.message}".removesuffix(": ")
    place = failure.place or failure.phase
    code = "import" if failure.phase == "import" else failure.phase
    refusal = Refusal(code, place, got, "modules that can be imported", CURE)
    return Refused(refusal, failure.traceback)


def line_of(error: BaseException, otherwise: str = "") -> str:
    """Return the innermost ``file:line`` that is not the host's own."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [it for it in frames if not it.filename.startswith(_OWN)]
    return f"{theirs[-1].filename}:{theirs[-1].lineno}" if theirs else otherwise


def told(error: BaseException) -> str:
    """Return the type and the text of an error, which a guest may have written."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return f"{type(error).__name__}, whose text cannot be made"


def raised(error: BaseException, address: str) -> Refused:
    """Return the refusal for a new behaviour that could not be built."""
    where = line_of(error, address)
    got = f"{told(error)}, while {address} was made anew"
    wanted = "an __init__ and a prepare_children that do not raise"
    return Refused(Refusal("init", where, got, wanted, CURE), guest_traceback(error))


def unreadable(error: SavedUnreadable, address: str) -> Refused:
    """Return the refusal for new code that cannot read what its actor has saved."""
    cure = "write an @upcast from what was kept, or give new fields a default"
    wanted = "a saved_type that reads what is kept"
    return Refused(Refusal("saved", address, str(error), wanted, cure))


def bad_config(error: ConfigError) -> Refused:
    """Return the refusal for an aplay.toml with mistakes; its text tells all of them."""
    first, more = error.problems[0], len(error.problems) - 1
    key = f"{first.key}: " if first.key else ""
    got = f"{key}{first.message}" + (f", and {more} more mistakes" if more else "")
    place = f"{first.file}:{first.line}:{first.column}"
    return Refused(Refusal(BAD_CONFIG, place, got, "a sound aplay.toml", CURE), str(error))
