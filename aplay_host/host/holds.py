"""Which actors people have stopped, who, when and why, kept over a restart of the daemon."""

from __future__ import annotations

import json
import logging
import os
import pwd
from collections.abc import Container, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from ..kernel import ActorStatus
from ..plugins import SAFE_MODE

FILE = "held.json"

StoppedBy = Literal["person", "error", "safe", "code"]

_log = logging.getLogger("aplay_host")


@dataclass(frozen=True, slots=True)
class Hold:
    """A person's stop of an actor: since when, whose it is, and the reason that they gave.

    `uid` and `user` are None where they are not known.
    """

    at: datetime
    uid: int | None = None
    user: str | None = None
    reason: str | None = None


def user_names() -> dict[int, str]:
    """Return the names of root and of the process's own user, by uid.

    Looked up before anything runs, because a service of names may take its time.
    """
    names: dict[int, str] = {}
    for uid in {0, os.geteuid()}:
        with suppress(KeyError):
            names[uid] = pwd.getpwuid(uid).pw_name
    return names


def stopped_by(status: ActorStatus, holds: Container[str]) -> StoppedBy | None:
    """Return who stopped an actor that is held, None for one that is not.

    =============================================  ==========
    it is held, and                                by
    =============================================  ==========
    its own ``on_error`` asked for the stop        ``error``
    else, a person has stopped it: it is in holds  ``person``
    else, it is a guest that safe mode keeps out   ``safe``
    else                                           ``code``
    =============================================  ==========
    """
    if not status.held:
        return None
    if status.reason == "error":
        return "error"
    if status.address in holds:
        return "person"
    error = status.last_error
    return "safe" if error is not None and error.text == SAFE_MODE.message else "code"


def read_holds(state_dir: Path) -> dict[str, Hold]:
    """Return who was held when the last host here ended or died.

    A file that cannot be used is reported and counts as empty: everything starts.
    """
    try:
        held = json.loads((state_dir / FILE).read_text("utf-8"))["held"]
        return {address: _read(one) for address, one in held.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        _log.warning("%s cannot be used, nothing is held: %s", state_dir / FILE, error)
        return {}


def write_holds(state_dir: Path, holds: Mapping[str, Hold]) -> None:
    """Keep `holds`, by address, whole or not at all; raises `OSError`."""
    draft = state_dir / f"{FILE}.{os.getpid()}"
    held = {address: _written(hold) for address, hold in sorted(holds.items())}
    try:
        draft.write_text(json.dumps({"held": held}) + "\n", "utf-8")
        draft.replace(state_dir / FILE)
    finally:
        draft.unlink(missing_ok=True)


def _read(one: Any) -> Hold:
    if isinstance(one, str):  # as it was written before it was known who
        one = {"at": one}
    at = datetime.fromisoformat(one["at"]).astimezone(UTC)
    return Hold(at, one.get("uid"), one.get("user"), one.get("reason"))


def _written(hold: Hold) -> dict[str, Any]:
    return {
        "at": hold.at.isoformat(),
        "uid": hold.uid,
        "user": hold.user,
        "reason": hold.reason,
    }
