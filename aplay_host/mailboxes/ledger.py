"""Which messages are in hand right now, in a file that survives the death of the process."""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path

SLOTS = 8192
_HEADER = struct.Struct("<8s36s16sI")
_MAGIC = b"aplay-if"
_SLOT = struct.Struct("<Q")


class Ledger:
    """Slots of memory that the kernel of the machine writes out, whatever becomes of us.

    To note a message is a plain store, so it costs no write to the disk; it survives a kill -9,
    and after a power cut it is not believed: `read` returns nothing of another machine boot, nor
    of another store.
    """

    def __init__(self, path: Path, store_uid: bytes) -> None:
        self._path = path
        self._uid = store_uid
        self._boot = machine_boot_id()
        self._map: mmap.mmap | None = None
        self._free: list[int] = []

    def read(self) -> tuple[int, ...]:
        """Return the messages that were in hand when the last process ended."""
        try:
            image = self._path.read_bytes()
        except FileNotFoundError:
            return ()
        if len(image) < _HEADER.size:
            return ()
        magic, boot, uid, slots = _HEADER.unpack_from(image)
        known = (magic, boot, uid) == (_MAGIC, self._boot, self._uid)
        if not known or len(image) < _HEADER.size + slots * _SLOT.size:
            return ()
        found = struct.unpack_from(f"<{slots}Q", image, _HEADER.size)
        return tuple(sorted({seq for seq in found if seq}))

    def open(self) -> None:
        """Begin with empty slots; what was there before is forgotten."""
        self._create(SLOTS)
        self._free = list(range(SLOTS))

    def _create(self, slots: int, kept: bytes = b"") -> None:
        """Write a new file aside and put it in the place of the old one.

        Without room for it the slots are in memory only, and the next start knows no suspects.
        """
        image = _HEADER.pack(_MAGIC, self._boot, self._uid, slots)
        image += kept.ljust(slots * _SLOT.size, b"\0")
        try:
            fresh = self._mapped(image)
        except OSError:
            fresh = mmap.mmap(-1, len(image))
            fresh[:] = image
        self.close()
        self._map = fresh

    def _mapped(self, image: bytes) -> mmap.mmap:
        aside = self._path.with_suffix(".new")
        fd = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with open(fd, "r+b") as file:
            file.write(image)  # all of it: to store into a hole kills where the disk is full
            file.flush()
            fresh = mmap.mmap(fd, len(image))
        os.replace(aside, self._path)
        return fresh

    def enter(self, seq: int) -> int:
        """Note that `seq` is in hand; return its slot. Without an effect once it is closed."""
        if self._map is None:
            return 0
        if not self._free:
            self._grow(self._map)
        slot = self._free.pop()
        _SLOT.pack_into(self._map, _HEADER.size + slot * _SLOT.size, seq)
        return slot

    def leave(self, slot: int) -> None:
        """Note that what is in `slot` is in hand no more."""
        if self._map is not None:
            _SLOT.pack_into(self._map, _HEADER.size + slot * _SLOT.size, 0)
            self._free.append(slot)

    def _grow(self, old: mmap.mmap) -> None:
        kept = old[_HEADER.size :]
        slots = len(kept) // _SLOT.size
        self._create(2 * slots, kept)
        self._free = list(range(slots, 2 * slots))

    def close(self) -> None:
        """Let go of the file; what is noted stays noted."""
        if self._map is not None:
            self._map.close()
            self._map = None


def machine_boot_id() -> bytes:
    """Return what names this boot of the machine, 36 bytes; zeros where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_bytes().strip()[:36].ljust(36)
    except OSError:
        return b"0" * 36
