"""Which actors a person has stopped, and when, kept over a restart of the daemon."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Container, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from ..kernel import ActorStatus
from ..plugins import SAFE_MODE

FILE = "held.json"

StoppedBy = Literal["person", "error", "safe", "code"]

_log = logging.getLogger("aplay_host")


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


def read_holds(state_dir: Path) -> dict[str, datetime]:
    """Return who was held when the last host here ended or died, and since when.

    A file that cannot be used is reported and counts as empty: everything starts.
    """
    try:
        held = json.loads((state_dir / FILE).read_text("utf-8"))["held"]
        return {it: datetime.fromisoformat(at).astimezone(UTC) for it, at in held.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        _log.warning("%s cannot be used, nothing is held: %s", state_dir / FILE, error)
        return {}


def write_holds(state_dir: Path, holds: Mapping[str, datetime]) -> None:
    """Keep `holds`, addresses and since when, whole or not at all."""
    draft = state_dir / f"{FILE}.{os.getpid()}"
    held = {address: at.isoformat() for address, at in sorted(holds.items())}
    draft.write_text(json.dumps({"held": held}) + "\n", "utf-8")
    draft.replace(state_dir / FILE)
