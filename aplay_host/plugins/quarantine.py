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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .failure import Failure

FILE = "plugins.loading"
DEATHS = 2

_log = logging.getLogger("aplay_host")


@dataclass(slots=True)
class _Record:
    """The deaths, and the open import, of one plugin with one set of files."""

    stamp: str
    deaths: list[float] = field(default_factory=list)
    since: float | None = None


class Quarantine:
    """The file ``plugins.loading`` of one state directory, whose lock the caller holds.

    Made at a start: an import that is open then has ended the process. A file that cannot be
    read or written is reported and ignored.
    """

    def __init__(self, state_dir: Path) -> None:
        self._file = state_dir / FILE
        self._records = self._read()
        open_ = [record for record in self._records.values() if record.since is not None]
        for record in open_:
            record.deaths.append(record.since or 0.0)
            record.since = None
        if open_:
            self._write()

    @contextmanager
    def guarding(self, id_: str, stamp: str) -> Iterator[Failure | None]:
        """Keep note of the import of `id_` for the block; yield why it must not be, or None.

        `stamp` tells one set of files from another. A block that is left in any way but by
        the end of the process takes back what was noted, earlier deaths included.
        """
        record = self._records.get(id_)
        if record is None or record.stamp != stamp:
            record = _Record(stamp)
        if len(record.deaths) >= DEATHS:
            yield _refusal(record)
            return
        record.since = time.time()
        self._records[id_] = record
        self._write()
        try:
            yield None
        finally:
            del self._records[id_]
            self._write()

    def _read(self) -> dict[str, _Record]:
        try:
            kept: dict[str, dict[str, Any]] = json.loads(self._file.read_text("utf-8"))
            return {id_: _Record(**record) for id_, record in kept.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            _log.warning("%s cannot be used, no plugin is quarantined: %s", self._file, error)
            return {}

    def _write(self) -> None:
        draft = self._file.with_name(f"{FILE}.{os.getpid()}")
        kept = {
            id_: {"stamp": one.stamp, "deaths": one.deaths, "since": one.since}
            for id_, one in self._records.items()
        }
        try:
            if kept:
                draft.write_text(json.dumps(kept) + "\n", "utf-8")
                draft.replace(self._file)
            else:
                self._file.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("%s cannot be written: %s", self._file, error)


def _refusal(record: _Record) -> Failure:
    times = [
        datetime.fromtimestamp(one, UTC).isoformat(timespec="seconds") for one in record.deaths
    ]
    message = (
        f"the process died while importing it, at {' and at '.join(times)}; install or edit it"
    )
    return Failure("import", "quarantined", message)
