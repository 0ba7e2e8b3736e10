"""Reading the lines of a file that grows, is rotated, cut off, deleted and made again."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path

from .place import Place, Reading

BLOCK = 32 * 1024
"""Bytes read in one go: few enough that whoever reads is never away for long."""

MOST = 1_000
"""Lines given in one go."""

QUIET = 2.0
"""Seconds without growth after which an unterminated last line counts as a line."""

LONGEST = 32 * 1024
"""Bytes of one line, or a block more; a longer one is given in pieces, as messages have limits."""


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

    A file that is cut off and then grows the same bytes as `Place.seen` at the same place
    between two reads cannot be told from one that was appended to.
    """

    def __init__(self, path: Path, place: Place | None = None) -> None:
        self.path = path
        self.place = place or Place()
        self._file: FileIO | None = None
        self._rest = b""  # after the place, the part of a line whose end was not read
        self._grown = 0.0  # when bytes were read last

    def go_to(self, place: Place) -> None:
        """Read on from `place`, wherever the file is by now, if that is not where this one is."""
        if place != self.place:
            self.close()
            self.place, self._rest = place, b""

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
            return self._take(block)
        if replaced:
            self.close()
            return self._start_over()
        if now - self._grown >= QUIET:
            return self.finish()
        return Reading((), self.place, at_end=True)

    def finish(self) -> Reading:
        """Give the unterminated last line, if there is one, without waiting for its end."""
        if not self._rest:
            return Reading((), self.place, at_end=True)
        line, self._rest = self._rest, b""
        self.place = self.place.after(line, early=True)
        return Reading(((_text(line), self.place),), self.place, at_end=True)

    def close(self) -> None:
        """Close the file; a later `read` opens it and goes on where this one stopped."""
        if self._file is not None:
            self._file.close()
            self._file = None

    # ---- the file ----------------------------------------------------------------------------

    def _open(self) -> FileIO:
        path = self._find()
        if not stat.S_ISREG(path.stat().st_mode):  # a FIFO would block while it opens
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        self._file = path.open("rb", buffering=0)
        if not self.place.inode:
            self.place = self.place.within(os.fstat(self._file.fileno()))
        return self._file

    def _find(self) -> Path:
        """Return where the file is in which the place is: rotation may have renamed it."""
        with suppress(OSError):
            if not self.place.inode or self.place.is_in(self.path.stat()):
                return self.path
        return next(self._renamed(), self.path)

    def _renamed(self) -> Iterator[Path]:
        with suppress(OSError):
            for path in self.path.parent.iterdir():
                with suppress(OSError):
                    if self.place.seen and self.place.is_in(path.stat()) and self._fits(path):
                        yield path

    def _fits(self, path: Path) -> bool:
        with path.open("rb") as file:
            file.seek(self.place.offset - len(self.place.seen))
            return file.read(len(self.place.seen)) == self.place.seen

    def _is_replaced(self, file: FileIO) -> bool:
        try:
            there = self.path.stat()
        except OSError:
            return False
        return there.st_size > 0 and not os.path.samestat(there, os.fstat(file.fileno()))

    def _next_block(self, file: FileIO) -> bytes | None:
        """Return the bytes not read yet, or None if those before them are no longer there.

        One system call reads both, so nothing can be cut off between look and read.
        """
        if not self.place.is_in(os.fstat(file.fileno())):
            return None
        before = self.place.seen + self._rest
        found = os.pread(
            file.fileno(), len(before) + BLOCK, self.place.offset - len(self.place.seen)
        )
        return found[len(before) :] if found.startswith(before) else None

    # ---- lines -------------------------------------------------------------------------------

    def _take(self, block: bytes) -> Reading:
        """Give the lines that are whole now; what is read and not given is read again."""
        *whole, rest = (self._rest + block).split(b"\n")
        lines: list[tuple[str, Place]] = []
        for line in whole[:MOST]:
            text, early = _text(line), self.place.early
            self.place = self.place.after(line + b"\n")
            if text or not early:  # else only the end of the line that was given early
                lines.append((text, self.place))
        self._rest = rest if len(whole) <= MOST else b""
        if len(self._rest) > LONGEST:
            lines += self.finish().lines
        return Reading(tuple(lines), self.place, at_end=False)

    def _start_over(self) -> Reading:
        lines = self.finish().lines
        self.place = Place()
        if self._file is not None:
            self.place = self.place.within(os.fstat(self._file.fileno()))
        return Reading(lines, self.place, at_end=False)


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", errors="replace")
