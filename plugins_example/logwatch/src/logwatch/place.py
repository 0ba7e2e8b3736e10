"""Up to where a file was read, as it is kept over the end of the program."""

import os
from dataclasses import dataclass, replace

from aplay_host import message

KEPT = 1024
"""Bytes remembered from before the place of reading, by which a rewritten file is known."""


@message("logwatch:Place@1")
@dataclass(frozen=True)
class Place:
    """Where the next line begins: which file, and `offset` bytes from its start.

    `seen` are the last bytes before it. `early` says that the line before it was given without
    its end, which may still come. An `inode` of 0 is the start of whatever file is there.
    """

    device: int = 0
    inode: int = 0
    offset: int = 0
    seen: bytes = b""
    early: bool = False

    def within(self, file: os.stat_result) -> "Place":
        """Return the same place in that file."""
        return replace(self, device=file.st_dev, inode=file.st_ino)

    def is_in(self, file: os.stat_result) -> bool:
        """Tell whether that file is the one."""
        return (self.device, self.inode) == (file.st_dev, file.st_ino)

    def after(self, line: bytes, *, early: bool = False) -> "Place":
        """Return the place behind `line`, which begins here and has its end, or is given early."""
        seen = (self.seen + line)[-KEPT:]
        return Place(self.device, self.inode, self.offset + len(line), seen, early)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one read gave: each line with the place behind it, and whether all there is was read.

    `place` is behind all of them; it may be another one though there is no line.
    """

    lines: tuple[tuple[str, Place], ...]
    place: Place
    at_end: bool
