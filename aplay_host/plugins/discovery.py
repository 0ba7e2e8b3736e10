"""Finding what installed distributions offer, from their metadata alone.

Nothing is imported here, neither a plugin nor Python's own reader of metadata, which is
slow to load: every command that lists plugins pays for this module.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from .entry import GROUPS, Door, Entry, Reason, State, canonical, is_entry_name, plain_target
from .entry_points import EntryPointLine, parse_entry_points
from .spelling import suggest

_OURS = re.compile(rb"aplay[-_.]host", re.IGNORECASE)
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_METADATA = re.compile(
    r"(?P<name>.+?)(?:-(?P<version>\d[^-]*)(?:-py[\d.]+.*)?)?\.(?P<kind>dist|egg)-info\Z"
)
_SITE_DIRECTORIES = ("site-packages", "dist-packages")


@dataclass(frozen=True, slots=True)
class _Metadata:
    """One metadata directory; name and version are those of the directory's own name."""

    dist: str
    version: str
    path: str

    def entry(self, name: str, door: Door, target: str, reason: Reason | None) -> Entry:
        state: State = "broken" if reason else "found"
        return Entry(self.dist, name, door, self.version, target, state, self.path, reason)


def scan(path: Sequence[str]) -> tuple[Entry, ...]:
    """List what the distributions on `path` (such as ``sys.path``) offer, without importing.

    Returns all entries sorted by door, distribution and name, those that are broken or
    shadowed included. Directories that cannot be listed, and zip files, hold none. Of two
    copies of a distribution the first on `path` is used, as Python does; two in one
    directory are told apart by their ``RECORD``, or are both broken.
    """
    winners: dict[str, _Metadata] = {}
    entries: list[Entry] = []
    for directory in _unique(path):
        for copies in _distributions(directory).values():
            dist = copies[0].dist
            entries += _read_copies(copies, winners.get(dist))
            winners.setdefault(dist, _winner(copies) or copies[0])
    return tuple(sorted(entries, key=Entry.key))


def _unique(path: Sequence[str]) -> Iterable[str]:
    first: dict[str, str] = {}
    for directory in path:
        first.setdefault(os.path.realpath(directory or os.curdir), directory or os.curdir)
    return first.values()


def _distributions(directory: str) -> dict[str, list[_Metadata]]:
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return {}
    # An egg-info beside sources is what a build left behind, not an installed distribution.
    site = os.path.basename(directory.rstrip(os.sep)) in _SITE_DIRECTORIES
    found: dict[str, list[_Metadata]] = {}
    for name in names:
        parts = _METADATA.match(name) if name.endswith("-info") else None
        # pip stashes what an upgrade replaces under names that begin with "~".
        if parts and not name.startswith("~") and (site or parts["kind"] == "dist"):
            dist, version = canonical(parts["name"]), parts["version"] or ""
            one = _Metadata(dist, version, os.path.join(directory, name))
            found.setdefault(dist, []).append(one)
    return found


def _read_copies(copies: list[_Metadata], earlier: _Metadata | None) -> Iterator[Entry]:
    """Read all copies of one distribution in one directory; `earlier` is one found before."""
    read = {one.path: tuple(_read(one)) for one in copies}
    if len(copies) == 1 and earlier is None:
        yield from read[copies[0].path]
    elif any(read.values()):
        winner = earlier or _winner(copies)
        for one in copies:
            if winner is None:
                yield from _marked(read[one.path], "broken", _side_by_side(copies))
            elif winner is one:
                yield from read[one.path]
            else:
                yield from _marked(read[one.path], "shadowed", _shadowed_by(winner))


def _marked(entries: Iterable[Entry], state: State, reason: Reason) -> Iterator[Entry]:
    return (replace(entry, state=state, reason=reason) for entry in entries)


def _shadowed_by(winner: _Metadata) -> Reason:
    message = f"version {winner.version or 'unknown'} is used instead"
    return Reason("metadata", "shadowed", message, winner.path)


def _side_by_side(copies: list[_Metadata]) -> Reason:
    both = " and ".join(os.path.basename(one.path) for one in copies)
    cure = f"pip install --force-reinstall {copies[0].dist}"
    directory = os.path.dirname(copies[0].path)
    return Reason("metadata", "two-copies", f"{both} side by side; run `{cure}`", directory)


def _winner(copies: list[_Metadata]) -> _Metadata | None:
    """Return the only copy, or the only complete one of several, if there is one."""
    complete = copies if len(copies) == 1 else [one for one in copies if _is_complete(one)]
    return complete[0] if len(complete) == 1 else None


def _is_complete(one: _Metadata) -> bool:
    """Tell whether an installer finished: the last it writes is a RECORD with INSTALLER."""
    record = _content(os.path.join(one.path, "RECORD")) or b""
    return f"{os.path.basename(one.path)}/INSTALLER,".encode() in record


def _read(one: _Metadata) -> Iterator[Entry]:
    file = os.path.join(one.path, "entry_points.txt")
    try:
        content = _content(file)
    except OSError as error:
        reason = Reason("metadata", "unreadable", f"cannot be read: {error.strerror}", file)
        yield one.entry("", "actor", "", reason)
        return
    if content is None or not _OURS.search(content):
        return
    root = _editable_root(one)
    for entry in _judge(one, content, file):
        yield replace(entry, editable=root is not None, root=root or None)


def _content(file: str) -> bytes | None:
    """Return the bytes of `file`, None when there is no such file; other errors pass."""
    try:
        with open(file, "rb") as stream:
            return stream.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _judge(one: _Metadata, content: bytes, file: str) -> list[Entry]:
    fault: Reason | None
    try:
        lines = list(parse_entry_points(content.decode()))
        fault = _fault(lines, file)
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        got = content[error.start : error.start + 1].hex()
        message = f"byte 0x{got} is not UTF-8"
        fault = Reason("metadata", "not-utf-8", message, f"{file}:{number}")
    if fault:
        door: Door = "plugin" if b"aplay_host.plugins" in content else "actor"
        return [one.entry("", door, "", fault)]
    return [_judge_line(one, line, f"{file}:{line.number}") for line in lines if _is_ours(line)]


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


def _judge_line(one: _Metadata, line: EntryPointLine, place: str) -> Entry:
    value = line.value or ""
    door, target = GROUPS.get(line.group), plain_target(value)
    if door is None:
        message = suggest(f'unknown group "{line.group}"', line.group, GROUPS)
        door = "plugin" if "plugin" in line.group else "actor"
        return one.entry(line.name, door, value, Reason("metadata", "bad-group", message, place))
    if not is_entry_name(line.name):
        message = f'name: got "{line.name}", want letters, digits, "_", "." and "-" only'
        return one.entry(line.name, door, value, Reason("metadata", "bad-name", message, place))
    if target is None or (door == "actor" and ":" not in target):
        want = "package.module:Class" if door == "actor" else "package.module:object"
        message = f'{line.name}: got "{value}", want "{want}"'
        return one.entry(line.name, door, value, Reason("metadata", "bad-target", message, place))
    return one.entry(line.name, door, target, None)


def _editable_root(one: _Metadata) -> str | None:
    """Return the directory of an editable install, empty when it is not told, else None."""
    try:
        told = json.loads(_content(os.path.join(one.path, "direct_url.json")) or b"{}")
        if not told["dir_info"]["editable"]:
            return None
        scheme, _, path = told["url"].partition("://")
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    return _unquote(path) if scheme == "file" else ""


def _unquote(path: str) -> str:
    return os.fsdecode(_PERCENT.sub(lambda hex_: bytes.fromhex(hex_[1].decode()), path.encode()))
