"""Finding what installed distributions offer, from their metadata alone.

Nothing is imported here, neither a plugin nor Python's own reader of metadata, which is
slow to load: every command that lists plugins pays for this module.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from .entry import Entry, Reason, canonical
from .metadata import Metadata, is_young, marked, offers_nothing, split_name

_SITE_DIRECTORIES = ("site-packages", "dist-packages")
_RECENT_SECONDS = 60.0
"""How long an installation may take from its metadata directory to the first file in it."""

Signature = tuple[tuple[str, int, int], ...]
"""Path, time of the last change and inode of each directory that was looked at."""


@dataclass(frozen=True, slots=True)
class Installed:
    """What one look at a path such as ``sys.path`` found.

    `entries` are sorted by door, distribution and name, those that are broken or shadowed
    included. `unfinished` are the metadata directories that an installer may be writing.
    `settled` is False while anything is so young that one more change of it may leave no
    trace in the `signature`.
    """

    entries: tuple[Entry, ...]
    unfinished: tuple[str, ...]
    signature: Signature
    settled: bool

    @property
    def installing(self) -> bool:
        """Tell whether an installer is at work on something that is ours to load."""
        return any(one.state == "installing" for one in self.entries)

    def refreshed(self, path: Sequence[str]) -> Installed:
        """Return what a new look at `path` would find; looks only where something changed."""
        same = self.settled and signature(path, self.unfinished) == self.signature
        return self if same else look(path)


def signature(path: Sequence[str], unfinished: Iterable[str] = ()) -> Signature:
    """Return what differs after anything was installed on `path` or removed; opens no file.

    A file that appears inside a metadata directory does not show in the directory above, so
    those that are `unfinished` are part of it.
    """
    found: list[tuple[str, int, int]] = []
    for one in (*path, *unfinished):
        try:
            told = os.stat(one or os.curdir)
        except OSError:
            continue
        found.append((one, told.st_mtime_ns, told.st_ino))
    return tuple(found)


def scan(path: Sequence[str]) -> tuple[Entry, ...]:
    """List what the distributions on `path` (such as ``sys.path``) offer, without importing."""
    return look(path).entries


def look(path: Sequence[str], now: float | None = None) -> Installed:
    """Read the metadata of all distributions on `path`, without importing.

    Directories that cannot be listed, and zip files, hold none. Of two copies of a
    distribution the first on `path` is used, as Python does; two in one directory are told
    apart by their ``RECORD``, or are both broken. `now` is the time since the epoch.
    """
    now = time.time() if now is None else now
    directories = tuple(_unique(path))
    # Taken first: what changes while this looks is a difference at the next look.
    stamps = signature(path)
    settled = not is_young(now, *directories)
    winners: dict[str, str] = {}
    entries: list[Entry] = []
    unfinished: list[str] = []
    for directory in directories:
        recent = is_young(now, directory, seconds=_RECENT_SECONDS)
        for dist, paths in _distributions(directory).items():
            offered = not all(map(offers_nothing, paths))
            found = _read(paths, winners.get(dist), now) if offered else ()
            entries += found
            if recent or found:
                unfinished += _unfinished(paths, found, now)
            if dist not in winners:
                winners[dist] = paths[0] if len(paths) == 1 else _winner(paths) or paths[0]
    settled = settled and not is_young(now, *unfinished)
    stamps += signature(unfinished)
    return Installed(tuple(sorted(entries, key=Entry.key)), tuple(unfinished), stamps, settled)


def _unique(path: Sequence[str]) -> Iterable[str]:
    first: dict[str, str] = {}
    for directory in path:
        first.setdefault(os.path.realpath(directory or os.curdir), directory or os.curdir)
    return first.values()


def _distributions(directory: str) -> dict[str, list[str]]:
    """Return the metadata directories in `directory`, by the distribution they are of."""
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return {}
    # An egg-info beside sources is what a build left behind, not an installed distribution.
    site = os.path.basename(directory.rstrip(os.sep)) in _SITE_DIRECTORIES
    kinds = (".dist-info", ".egg-info") if site else ".dist-info"
    found: dict[str, list[str]] = {}
    for name in names:
        # pip stashes what an upgrade replaces under names that begin with "~".
        if name.endswith(kinds) and name[0] != "~":
            found.setdefault(canonical(split_name(name)[0]), []).append(f"{directory}/{name}")
    return found


def _read(paths: list[str], earlier: str | None, now: float) -> tuple[Entry, ...]:
    """Read all copies of one distribution in one directory; `earlier` is one found before."""
    if len(paths) == 1 and earlier is None:
        return Metadata.at(paths[0]).entries(now)
    return tuple(_told_apart(paths, earlier or _winner(paths), now))


def _told_apart(paths: list[str], winner: str | None, now: float) -> Iterator[Entry]:
    for path in paths:
        entries = Metadata.at(path).entries(now)
        if winner is None:
            yield from marked(entries, "broken", _side_by_side(paths))
        elif winner == path:
            yield from entries
        else:
            yield from marked(entries, "shadowed", _shadowed_by(winner))


def _unfinished(paths: list[str], entries: Iterable[Entry], now: float) -> Iterator[str]:
    """Return those of `paths` in which something may appear that shows nowhere else."""
    installing = {one.metadata for one in entries if one.state == "installing"}
    return (path for path in paths if path in installing or is_young(now, path))


def _winner(paths: list[str]) -> str | None:
    """Return the only copy, or the only complete one of several, if there is one."""
    if len(paths) > 1:
        paths = [path for path in paths if Metadata.at(path).is_complete]
    return paths[0] if len(paths) == 1 else None


def _shadowed_by(winner: str) -> Reason:
    message = f"version {Metadata.at(winner).version or 'unknown'} is used instead"
    return Reason("metadata", "shadowed", message, winner)


def _side_by_side(paths: list[str]) -> Reason:
    directory, names = os.path.dirname(paths[0]), map(os.path.basename, paths)
    cure = f"pip install --force-reinstall {Metadata.at(paths[0]).dist}"
    message = f"{' and '.join(names)} side by side; run `{cure}`"
    return Reason("metadata", "two-copies", message, directory)
