"""Which plugins the process died of while it imported them.

Such a death (a segmentation fault, ``os._exit``, a kill) cannot be caught. So the name is
written down before the import and taken out after it: a name that the next start finds is
one death, and after two of them the plugin is left alone until its files are others.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from .failure import Failure

FILE = "plugins.loading"
DEATHS = 2

_log = logging.getLogger("aplay_host")


class Quarantine:
    """The file ``plugins.loading`` of one state directory, whose lock the caller holds.

    It has, by plugin, when its imports of one set of files began that have not ended: where
    no import is under way, each of these times is a death. A file that cannot be read or
    written is reported and ignored.
    """

    def __init__(self, state_dir: Path) -> None:
        self._file = state_dir / FILE
        self._begun = self._read()

    @contextmanager
    def guarding(self, id_: str, stamp: str) -> Iterator[Failure | None]:
        """Keep note of the import of `id_` for the block; yield why it must not be, or None.

        `stamp` tells one set of files from another. A block that is left in any way but by
        the end of the process takes back what was noted, earlier deaths included.
        """
        of_stamp, deaths = self._begun.get(id_, ("", []))
        if of_stamp != stamp:
            deaths = []
        if len(deaths) >= DEATHS:
            yield _refusal(id_, deaths)
            return
        self._begun[id_] = stamp, [*deaths, time.time()]
        self._write()
        try:
            yield None
        finally:
            del self._begun[id_]
            self._write()

    def pardon(self, ids: Iterable[str]) -> None:
        """Forget the deaths that the plugins `ids` have caused."""
        for id_ in ids:
            self._begun.pop(id_, None)
        self._write()

    def _read(self) -> dict[str, tuple[str, list[float]]]:
        try:
            kept = json.loads(self._file.read_text("utf-8"))
            return {
                id_: (one["stamp"], list(map(float, one["begun"]))) for id_, one in kept.items()
            }
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            _log.warning("%s cannot be used, no plugin is quarantined: %s", self._file, error)
            return {}

    def _write(self) -> None:
        draft = self._file.with_name(f"{FILE}.{os.getpid()}")
        kept = {id_: {"stamp": stamp, "begun": at} for id_, (stamp, at) in self._begun.items()}
        try:
            if kept:
                draft.write_text(json.dumps(kept) + "\n", "utf-8")
                draft.replace(self._file)
            else:
                self._file.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("%s cannot be written: %s", self._file, error)


def _refusal(id_: str, deaths: list[float]) -> Failure:
    times = (datetime.fromtimestamp(one, UTC).isoformat(timespec="seconds") for one in deaths)
    cure = f"edit it, install another version, or: aplay-host reload --plugin {id_}"
    text = f"the process died while importing it, at {' and at '.join(times)}; {cure}"
    return Failure("import", "quarantined", text)
