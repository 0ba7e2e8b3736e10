"""The host's log: records become lines where they are made, and a thread writes them.

A stream that nobody reads, a pipe that is full say, then holds up neither actors nor the loop.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Protocol, TextIO

from ..kernel import Address, AtWork, BadAddress, at_work
from .labels import LabelsOf, no_labels
from .levels import Levels
from .lines import ConsoleFormatter, JsonFormatter, priority
from .thread import thread_of

CAPACITY = 10_000
"""How many records wait; from WARNING on as many again, so that these are not lost to others."""
FLUSH_SECONDS = 2.0


class LogSettings(Protocol):
    """``[log]``."""

    @property
    def level(self) -> str:
        """The level of whatever `levels` does not name."""

    @property
    def format(self) -> str:
        """``auto``, ``console`` or ``json``."""

    @property
    def configure(self) -> bool:
        """Whether a logger may be touched at all."""

    @property
    def levels(self) -> Mapping[str, str]:
        """Levels by pattern, see `Levels`."""


class HostLog(logging.Handler):
    """Writes records to `stream`, in a thread of its own.

    With `follow` the settings become others, as long as it is the one handler of the root
    logger. `dropped` counts the lines that found the queue full.
    """

    def __init__(self, stream: TextIO, host: str) -> None:
        super().__init__()
        self.dropped = 0
        self.labels: LabelsOf = no_labels
        self._stream = stream
        self._host = host
        self._journal = _is_journal(stream)
        self._levels = Levels(logging.INFO)
        self._lines: queue.SimpleQueue[str | threading.Event | None] = queue.SimpleQueue()
        self._thread = thread_of(self._write, "aplay-host log")

    def open(self) -> None:
        """Begin to write."""
        self._thread.start()

    def follow(self, settings: LogSettings) -> None:
        """Take other levels and another format, for all records from now on."""
        if self not in logging.root.handlers:
            return
        self.setFormatter(self._formatter(settings.format))
        self._levels = Levels.of(settings.level, settings.levels)
        logging.root.setLevel(self._levels.lowest)

    def _formatter(self, form: str) -> logging.Formatter:
        is_terminal = self._stream.isatty()
        if form == "json" or (form == "auto" and not is_terminal):
            return JsonFormatter(self._host)
        plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
        return ConsoleFormatter(colour=is_terminal and not plain)

    # ---- in the thread that logs -----------------------------------------------------------

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the record is written; one that is gets what is known of its actor."""
        here = at_work()
        actor = _address(record) or (None if here is None else here.address)
        if not self._levels.admits(record.levelno, record.name, actor):
            return False
        if actor is not None:
            self._describe(record, actor, here)
        return True

    def _describe(self, record: logging.LogRecord, actor: Address, here: AtWork | None) -> None:
        labels = self.labels(actor)
        known: dict[str, object] = {"actor": actor}
        if labels is not None:
            known |= asdict(labels)
        if here is not None and here.address == actor:
            known["message_type"] = here.message_type
        for key, value in known.items():
            record.__dict__.setdefault(key, value)

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the record's line, unless too many wait; never waits."""
        room = CAPACITY if record.levelno < logging.WARNING else 2 * CAPACITY
        if self._lines.qsize() >= room:
            self.dropped += 1
            return
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
            return
        self._lines.put(self._marked(line, record.levelno))

    def _marked(self, line: str, level: int) -> str:
        if self._journal:
            mark = priority(level)
            line = "\n".join(f"{mark}{one}" for one in line.split("\n"))
        return f"{line}\n"

    # ---- the end ---------------------------------------------------------------------------

    def flush(self) -> None:
        """Wait until all that is queued now is written, for 2 s at most."""
        if self._thread.is_alive():
            written = threading.Event()
            self._lines.put(written)
            written.wait(FLUSH_SECONDS)

    def close(self) -> None:
        """Write what is queued, and end; a stream that takes nothing is left after 2 s."""
        super().close()
        if self._thread.is_alive():
            self._lines.put(None)
            self._thread.join(FLUSH_SECONDS)

    # ---- the thread ------------------------------------------------------------------------

    def _write(self) -> None:
        told = 0
        while (line := self._lines.get()) is not None:
            if isinstance(line, threading.Event):
                line.set()
                continue
            if not self._put(line):
                self.dropped += 1
            elif self.dropped > told and self._lines.qsize() < CAPACITY:
                self._put(self._notice(self.dropped - told))
                told = self.dropped

    def _notice(self, dropped: int) -> str:
        text = f"{dropped} lines were dropped, because nobody read the log fast enough"
        fields = {"name": "aplay_host", "levelno": logging.WARNING, "levelname": "WARNING"}
        record = logging.makeLogRecord({**fields, "msg": text})
        return self._marked(self.format(record), record.levelno)

    def _put(self, line: str) -> bool:
        try:
            self._stream.write(line)
            self._stream.flush()
        except (OSError, ValueError):  # the reader has gone, or the stream is closed
            return False
        return True


def _address(record: logging.LogRecord) -> Address | None:
    """Return the address that a record was given as ``actor``; others have such a word, too."""
    try:
        return Address(getattr(record, "actor", None) or "")
    except (BadAddress, TypeError, AttributeError):
        return None


def _is_journal(stream: TextIO) -> bool:
    """Tell whether `stream` is the one that systemd connects with its journal."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


@contextmanager
def log_to(stream: TextIO, settings: LogSettings, *, host: str) -> Iterator[HostLog]:
    """Log to `stream` for the block, as `settings` say.

    Adds one handler to the root logger, unless somebody has given it one or the settings
    forbid it; takes away what it added and nothing else.
    """
    log, root = HostLog(stream, host), logging.getLogger()
    if root.handlers or not settings.configure:
        yield log
        return
    before = root.level
    log.open()
    root.addHandler(log)
    log.follow(settings)
    try:
        yield log
    finally:
        root.removeHandler(log)
        root.setLevel(before)
        log.close()
