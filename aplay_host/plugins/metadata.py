"""One metadata directory of one distribution: what it offers, and whether it is all there."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from .entry import GROUPS, Door, Entry, Reason, Stamp, State, canonical, is_entry_name, plain_target
from .entry_points import EntryPointLine, parse_entry_points
from .spelling import suggest

ENTRY_POINTS = "/entry_points.txt"
MOST_BYTES = 1_000_000
"""Of an ``entry_points.txt``; the loop waits while it is read."""
SETTLING_SECONDS = 2.0
"""What is younger than this may still be in the making."""

_NAME = re.compile(r"(?P<name>.+?)(?:-(?P<version>\d[^-]*)(?:-py[\d.]+.*)?)?\.(?:dist|egg)-info\Z")
_OURS = re.compile(rb"aplay[-_.]host", re.IGNORECASE)
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_READ = 65536
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO there would block for ever


@dataclass(frozen=True, slots=True)
class Metadata:
    """One ``.dist-info`` or ``.egg-info`` directory.

    `dist` and `version` are those of the directory's own name, the first one canonical.
    """

    dist: str
    version: str
    path: str

    @classmethod
    def at(cls, path: str) -> Metadata:
        """Return the one at `path`; nothing is read."""
        name, version = split_name(os.path.basename(path))
        return cls(canonical(name), version, path)

    @property
    def is_complete(self) -> bool:
        """Tell whether an installer finished: the last it writes is a RECORD with INSTALLER."""
        return self._lists_all(self.record())

    def record(self) -> bytes:
        """Return its ``RECORD``, which lists all files of the distribution; empty without one."""
        try:
            return content_of(f"{self.path}/RECORD") or b""
        except OSError:
            return b""

    def _lists_all(self, record: bytes) -> bool:
        if self.path.endswith(".egg-info"):
            return True
        return os.fsencode(f"{os.path.basename(self.path)}/INSTALLER,") in record

    def _stamp(self, record: bytes) -> Stamp:
        try:
            status = os.stat(self.path)
        except OSError:  # taken away meanwhile, which the next look tells
            return 0, 0
        # What the installer notes of itself does not count, nor what Python has compiled.
        own = os.fsencode(os.path.basename(self.path)) + b"/"
        rows = [one for one in record.splitlines() if not one.startswith(own)]
        files = frozenset(one for one in rows if b".pyc," not in one)
        return status.st_ino, hash((self.version, files if record else status.st_mtime_ns))

    def entries(self, now: float) -> tuple[Entry, ...]:
        """Return what it offers to this host; `now` is the time in seconds since the epoch.

        Metadata that is not complete and younger than `SETTLING_SECONDS` makes all of them
        ``installing``; an older one is accepted, as not every installer writes a RECORD.
        """
        file = self.path + ENTRY_POINTS
        try:
            content = content_of(file) or b""
        except OSError as error:
            reason = Reason("metadata", "unreadable", f"cannot be read: {error.strerror}", file)
            return (self._entry("", "actor", "", reason),)
        if not _OURS.search(content):
            return ()
        entries: Iterable[Entry] = self._judge(content, file)
        if (root := self._editable_root()) is not None:
            entries = [replace(entry, editable=True, project=root or None) for entry in entries]
        record = self.record()
        stamp = self._stamp(record)
        entries = [replace(entry, stamp=stamp) for entry in entries]
        if not self._lists_all(record) and is_young(now, self.path, file):
            entries = marked(entries, "installing", self._unfinished())
        return tuple(entries)

    def _entry(self, name: str, door: Door, target: str, reason: Reason | None) -> Entry:
        state: State = "broken" if reason else "found"
        return Entry(self.dist, name, door, self.version, target, state, self.path, reason)

    def _unfinished(self) -> Reason:
        since = time.strftime("%H:%M:%S", time.localtime(os.stat(self.path).st_mtime))
        message = f"since {since}; its RECORD is not complete yet"
        return Reason("metadata", "installing", message, self.path)

    def _judge(self, content: bytes, file: str) -> list[Entry]:
        fault: Reason | None
        door: Door = "plugin" if b"aplay_host.plugins" in content else "actor"
        if len(content) > MOST_BYTES:
            message = f"got {len(content):,} bytes, want at most {MOST_BYTES:,}"
            return [self._entry("", door, "", Reason("metadata", "too-large", message, file))]
        try:
            lines = list(parse_entry_points(content.decode("utf-8-sig")))
            fault = _fault(lines, file)
        except UnicodeDecodeError as error:
            number = content.count(b"\n", 0, error.start) + 1
            got = content[error.start : error.start + 1].hex()
            message = f"byte 0x{got} is not UTF-8"
            fault = Reason("metadata", "not-utf-8", message, f"{file}:{number}")
        if fault:
            return [self._entry("", door, "", fault)]
        return [self._judge_line(line, f"{file}:{line.number}") for line in lines if _is_ours(line)]

    def _judge_line(self, line: EntryPointLine, place: str) -> Entry:
        value = line.value or ""
        door, target = GROUPS.get(line.group), plain_target(value)
        if door is None:
            kind, message = "bad-group", f'unknown group "{line.group}"'
            message = suggest(message, line.group.lower(), GROUPS)
            door = "plugin" if "plugin" in line.group else "actor"
        elif not is_entry_name(line.name):
            kind = "bad-name"
            message = f'name: got "{line.name}", want letters, digits, "_", "." and "-" only'
        elif target is None or (door == "actor" and ":" not in target):
            want = "package.module:Class" if door == "actor" else "package.module:object"
            kind, message = "bad-target", f'{line.name}: got "{value}", want "{want}"'
        else:
            return self._entry(line.name, door, target, None)
        return self._entry(line.name, door, value, Reason("metadata", kind, message, place))

    def _editable_root(self) -> str | None:
        """Return the directory of an editable install, empty when it is not told, else None."""
        try:
            content = content_of(f"{self.path}/direct_url.json")
            if content is None:
                return None
            told = json.loads(content)
            if not told["dir_info"]["editable"]:
                return None
            scheme, _, path = told["url"].partition("://")
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return None
        return _unquote(path) if scheme == "file" else ""


def split_name(directory: str) -> tuple[str, str]:
    """Return name and version (may be empty) of a metadata directory, as they are written."""
    name, _, rest = directory.removesuffix(".dist-info").partition("-")
    if rest[:1].isdigit() and "-" not in rest:  # as installers write it today
        return name, rest
    parts = _NAME.match(directory)
    return (parts["name"], parts["version"] or "") if parts else (directory, "")


def offers_nothing(path: str) -> bool:
    """Tell whether the metadata directory `path` is certainly no business of this host."""
    try:
        content = content_of(path + ENTRY_POINTS)
    except OSError:
        return False
    return content is None or _OURS.search(content) is None


def marked(entries: Iterable[Entry], state: State, reason: Reason) -> Iterator[Entry]:
    """Return `entries` in `state` for `reason`."""
    return (replace(entry, state=state, reason=reason) for entry in entries)


def is_young(now: float, *paths: str, seconds: float = SETTLING_SECONDS) -> bool:
    """Tell whether any of `paths` has changed in the last `seconds` before `now`."""
    for path in paths:
        try:
            if abs(now - os.stat(path).st_mtime) < seconds:
                return True
        except OSError:  # gone meanwhile: its directory tells that
            continue
    return False


def content_of(file: str) -> bytes | None:
    """Return the bytes of `file`, None when there is no such file; other errors pass."""
    try:
        # Neither a stream nor a Path: this is done once for each distribution installed.
        descriptor = os.open(file, _FLAGS)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        content = part = os.read(descriptor, _READ)
        while len(part) == _READ:
            part = os.read(descriptor, _READ)
            content += part
        return content
    finally:
        os.close(descriptor)


def _fault(lines: list[EntryPointLine], file: str) -> Reason | None:
    """Return what makes the whole file unusable, if anything does."""
    seen: set[tuple[str, str]] = set()
    for line in lines:
        place = f"{file}:{line.number}"
        if line.value is None:
            message = f'got "{line.name}", want "name = module:object"'
            return Reason("metadata", "bad-line", message, place)
        if _is_ours(line) and (line.group, line.name) in seen:
            message = f'"{line.name}" is there twice in [{line.group}]'
            return Reason("metadata", "duplicate-name", message, place)
        seen.add((line.group, line.name))
    return None


def _is_ours(line: EntryPointLine) -> bool:
    return canonical(line.group).startswith("aplay-host")


def _unquote(path: str) -> str:
    return os.fsdecode(_PERCENT.sub(lambda hex_: bytes.fromhex(hex_[1].decode()), path.encode()))
