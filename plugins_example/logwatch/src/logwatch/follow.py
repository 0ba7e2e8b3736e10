"""Reading the lines of a file that grows, is rotated, cut off, deleted and made again."""

import errno
import os
import stat
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

BLOCK = 64 * 1024
"""Bytes read in one go: few enough that whoever reads is never away for long."""

QUIET = 2.0
"""Seconds without growth after which an unterminated last line counts as a line."""

LONGEST = 1024 * 1024
"""Bytes of one line; a longer one is given in pieces, lest it fill the memory."""

KEPT = 1024
"""Bytes remembered from before the place of reading, by which a rewritten file is known."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one read gave: the lines that became complete, and whether all there is was read."""

    lines: list[str]
    at_end: bool


class Follower:
    r"""The lines of whatever file stands at `path`, each given once, in order.

    Lines end with ``\n`` or ``\r\n`` and are given without it; bytes that are not UTF-8
    become U+FFFD. Nothing is opened before the first `read`.

    =================================  =====================================================
    what happened to the file          what is read
    =================================  =====================================================
    something was appended             what was appended
    another file stands at the path    the rest of the old one, then the new one from its
                                       start, as soon as the new one holds anything: until
                                       then its writer may not have let go of the old one
    it was cut off or written anew     the file from its start
    it was deleted                     what is still appended to it, until another is there
    its last line has no line end      nothing, as it may be half written; after `QUIET`
                                       seconds, or when the file goes: the line as it is
    =================================  =====================================================

    A file that is cut off and then grows the same last `KEPT` bytes at the same place
    between two reads cannot be told from one that was appended to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: FileIO | None = None
        self._offset = 0
        self._seen = b""  # the last bytes before the offset
        self._rest = b""  # of what was read, the part of a line whose end was not
        self._given_early = False  # the last line was given before its end was read
        self._grown = 0.0  # when bytes were read last

    def read(self, now: float) -> Reading:
        """Read up to `BLOCK` bytes more; `now` is the time in seconds, on any steady clock.

        Raises `OSError` while there is nothing to read: no file, not readable, not a regular
        file. It may be called again; nothing is lost by an error.
        """
        file = self._file or self._open()
        replaced = self._is_replaced(file)  # asked first: what was written until now is read
        block = self._next_block(file)
        if block is None:
            return self._start_over()
        if block:
            self._grown = now
            return Reading(self._take(block), at_end=False)
        if replaced:
            self.close()
            return self._start_over()
        return Reading(self.finish() if now - self._grown >= QUIET else [], at_end=True)

    def finish(self) -> list[str]:
        """Return the unterminated last line, if there is one, without waiting for its end."""
        if not self._rest:
            return []
        line, self._rest, self._given_early = self._rest, b"", True
        return [_text(line)]

    def close(self) -> None:
        """Close the file; a later `read` opens it and goes on where this one stopped."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> FileIO:
        if not stat.S_ISREG(self.path.stat().st_mode):  # a FIFO would block while it opens
            raise OSError(errno.EINVAL, "not a regular file", str(self.path))
        self._file = self.path.open("rb", buffering=0)
        return self._file

    def _is_replaced(self, file: FileIO) -> bool:
        try:
            there = self.path.stat()
        except OSError:
            return False
        return there.st_size > 0 and not os.path.samestat(there, os.fstat(file.fileno()))

    def _next_block(self, file: FileIO) -> bytes | None:
        """Return the bytes after the offset, or None if those before it are no longer there.

        One system call reads both, so nothing can be cut off between look and read.
        """
        kept = len(self._seen)
        found = os.pread(file.fileno(), kept + BLOCK, self._offset - kept)
        return found[kept:] if found.startswith(self._seen) else None

    def _take(self, block: bytes) -> list[str]:
        self._offset += len(block)
        self._seen = (self._seen + block)[-KEPT:]
        *lines, self._rest = (self._rest + block).split(b"\n")
        if lines and self._given_early:
            self._given_early = False
            if not _text(lines[0]):  # only the end of the line that was given early
                del lines[0]
        too_long = self.finish() if len(self._rest) > LONGEST else []
        return [*map(_text, lines), *too_long]

    def _start_over(self) -> Reading:
        lines = self.finish()
        self._offset, self._seen, self._given_early = 0, b"", False
        return Reading(lines, at_end=False)


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", errors="replace")
