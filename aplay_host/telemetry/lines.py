"""Records as lines: for people, and for programs."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from typing import Any

LONGEST_LINE = 16 * 1024
_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if code != 9}
_COLOURS = {"DEBUG": "2", "WARNING": "33", "ERROR": "31", "CRITICAL": "1;31"}
_KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
FIELDS = ("actor", "actor_type", "plugin", "generation", "message_id", "message_type")
"""The attributes of a record that are keys of a JSON line by their own names."""


class ConsoleFormatter(logging.Formatter):
    """Writes ``time LEVEL address or logger: text``, the time in UTC.

    Control characters are escaped, because a message may hold what a stranger sent, and a
    line is cut at 16 Ki characters. A traceback, or the text of one that a record has as
    `traceback`, follows on indented lines of its own: no text in it can pass for a record.
    With `colour` the level has one.
    """

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self, *, colour: bool = False) -> None:
        super().__init__()
        self._colours = _COLOURS if colour else {}

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text without a line end."""
        source = getattr(record, "actor", None) or record.name
        text = record.getMessage().removeprefix(f"{source} ")
        line = _printable(f"{source}: {text}".replace("\n", "\\n"))
        traceback = _traceback(self, record).split("\n")
        rest = [_printable(f"    {one}") for one in traceback if traceback != [""]]
        return "\n".join((f"{self.formatTime(record)} {self._level(record)} {line}", *rest))

    def _level(self, record: logging.LogRecord) -> str:
        colour, name = self._colours.get(record.levelname), f"{record.levelname:<7}"
        return f"\x1b[{colour}m{name}\x1b[0m" if colour else name


class JsonFormatter(ConsoleFormatter):
    """Writes one JSON object a record, in ASCII and of 16 KiB at most.

    Always there are ``ts level logger msg host pid``; ``actor actor_type plugin generation
    message_id message_type error.type exception`` where they are known, and ``extra`` with
    whatever else a record was given. Of a longer line ``extra`` is left out, then the texts
    are cut, and ``cut`` has its length.
    """

    def __init__(self, host: str) -> None:
        super().__init__()
        self._host = host

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON without a line end."""
        fields: dict[str, Any] = {
            "ts": self.formatTime(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
            "host": self._host,
            "pid": record.process,
        }
        fields |= {key: value for key in FIELDS if (value := getattr(record, key, None))}
        if record.exc_info and record.exc_info[0] is not None:
            fields["error.type"] = record.exc_info[0].__qualname__
        if traceback := _traceback(self, record):
            fields["exception"] = traceback
        if extra := _extra(record):
            fields["extra"] = extra
        return _within_limit(fields)


def _within_limit(fields: dict[str, Any]) -> str:
    line = json.dumps(fields, default=_text)
    if len(line) > LONGEST_LINE:
        fields.pop("extra", None)
        fields["cut"] = len(line)
        line = json.dumps(fields, default=_text)
    while len(line) > LONGEST_LINE:  # an escaped character may take six
        longest = max(fields, key=lambda key: len(str(fields[key])))
        fields[longest] = f"{str(fields[longest])[: len(str(fields[longest])) // 2]}…"
        line = json.dumps(fields, default=_text)
    return line


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    """Return what the caller gave as ``extra``, as values that JSON has."""
    known = _KNOWN | {*FIELDS, "traceback"}
    return {key: _jsonable(value) for key, value in vars(record).items() if key not in known}


def _jsonable(value: Any) -> Any:
    try:
        json.dumps(value, allow_nan=False)
    except Exception:  # a guest's value may raise anything
        return _text(value)
    return value


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:
        return f"<{type(value).__name__}>"


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    if record.exc_info:
        return formatter.formatException(record.exc_info)
    return str(getattr(record, "traceback", ""))


def _printable(line: str) -> str:
    if len(line) > LONGEST_LINE:
        line = f"{line[:LONGEST_LINE]}… ({len(line)} characters)"
    return line.translate(_ESCAPES)


def priority(level: int) -> str:
    """Return what begins a line of that level for journald: ``<6>`` for information."""
    steps: Mapping[int, int] = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4}
    number = next((one for least, one in steps.items() if level >= least), 6)
    return f"<{7 if level < logging.INFO else number}>"
