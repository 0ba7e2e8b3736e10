"""The host's log: one line a record, on one stream, beside whatever others have set up."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

LONGEST_LINE = 16 * 1024
_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if code != 9}


class LineFormatter(logging.Formatter):
    """Writes ``time LEVEL address or logger: text``, the time in UTC.

    Control characters are escaped, because a message may hold what a stranger sent, and a
    line is cut at 16 Ki characters. A traceback, or the text of one that a record has as
    `traceback`, follows on indented lines of its own: no text in it can pass for a record.
    """

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text without a line end."""
        source = getattr(record, "actor", None) or record.name
        text = record.getMessage().removeprefix(f"{source} ")
        line = f"{self.formatTime(record)} {record.levelname:<7} {source}: {text}"
        lines = [line.replace("\n", "\\n")]
        traceback = getattr(record, "traceback", "")
        if record.exc_info:
            traceback = self.formatException(record.exc_info)
        lines += [f"    {one}" for one in traceback.split("\n") if traceback]
        return "\n".join(map(_printable, lines))


def _printable(line: str) -> str:
    if len(line) > LONGEST_LINE:
        line = f"{line[:LONGEST_LINE]}… ({len(line)} characters)"
    return line.translate(_ESCAPES)


@contextmanager
def log_to(stream: TextIO, level: str) -> Iterator[None]:
    """Log to `stream` for the block, from `level` on.

    Adds one handler to the root logger, unless somebody has given it one; takes away what
    it added and nothing else.
    """
    root = logging.getLogger()
    if root.handlers:
        yield
        return
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter())
    before = root.level
    root.addHandler(handler)
    root.setLevel(level.upper())
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
