"""What an actor has saved under a name and a major version, and where that cannot go back."""

from __future__ import annotations

from ..kernel import Actor, keeps_saved
from .refusal import Refusal


def name_of_saved(actor: type[Actor]) -> str:
    """Return the ``dist:Name@major`` of the class that `actor` saves; empty where it has none."""
    return str(vars(actor.saved_type).get("__aplay_message__", "")) if actor.saved_type else ""


def goes_on(live: Actor, to: type[Actor]) -> str:
    """Return what to tell of a `saved` that gets a new major version; empty of any other."""
    before, after = name_of_saved(type(live)), name_of_saved(to)
    if not keeps_saved(live) or _major(before) >= _major(after) or not before:
        return ""
    return f"{live.address}: what it saves was {before} and is {after} now; no way leads back"


def way_back(live: Actor, to: type[Actor]) -> Refusal | None:
    """Return why `live` cannot have its former class again; None where it can."""
    now, then = name_of_saved(type(live)), name_of_saved(to)
    if not keeps_saved(live) or _major(then) >= _major(now) or not then:
        return None
    return Refusal(
        "saved-major",
        str(live.address),
        f"what it saves is {now} by now, and {then} was before",
        "code that reads what is saved",
        "correct the new code and save again",
    )


def _major(name: str) -> int:
    major = name.rpartition("@")[2]
    return int(major) if major.isdigit() else 0
