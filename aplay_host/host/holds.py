"""Which actors a person has stopped, kept in the state directory over a restart of the daemon."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable
from pathlib import Path

FILE = "held.json"

_log = logging.getLogger("aplay_host")


def read_holds(state_dir: Path) -> frozenset[str]:
    """Return the addresses that were held when the last host here ended or died.

    A file that cannot be used is reported and counts as empty: everything starts.
    """
    try:
        held = json.loads((state_dir / FILE).read_text("utf-8"))
        return frozenset(str(address) for address in held["held"])
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError, TypeError, KeyError) as error:
        _log.warning("%s cannot be used, nothing is held: %s", state_dir / FILE, error)
        return frozenset()


def write_holds(state_dir: Path, addresses: Iterable[str]) -> None:
    """Keep `addresses`, whole or not at all."""
    draft = state_dir / f"{FILE}.{os.getpid()}"
    draft.write_text(json.dumps({"held": sorted(addresses)}) + "\n", "utf-8")
    draft.replace(state_dir / FILE)
