"""What the modules that run would be if they were imported now."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..plugins import Entry, PluginSet, digest_of
from .running import FileChange, Running, plan_changes


@dataclass(frozen=True, slots=True)
class OnDisk:
    """A module's file; without a `source` it is no text that could be compared."""

    path: str
    digest: str | None
    source: bytes | None


def look_at(plugins: PluginSet, names: Iterable[str]) -> dict[str, OnDisk | None]:
    """Return what is on disk for each of these modules, None where nothing is.

    Raises `OSError` for a file that is there and cannot be read.
    """
    importlib.invalidate_caches()  # a file may be younger than what a finder remembers
    finder, found = plugins.finder, {}
    for name in names:
        path, known = finder.file_now(name), finder.located.get(name)
        has_text = known is None or known.origin is None or known.digest is not None
        found[name] = None if path is None else _read(path, finder.read if has_text else None)
    return found


def _read(path: str, read: Callable[[str], bytes] | None) -> OnDisk:
    if read is None or not path.endswith(".py"):
        return OnDisk(path, None, None)
    source = read(path)
    return OnDisk(path, digest_of(source), source)


def in_question(
    running: Running, plugins: PluginSet, wanted: Iterable[Entry], *, upgraded: bool
) -> list[str]:
    """Return the modules to look at: those of the `wanted` plugins, or all but installed ones.

    An installed package changes as a whole, when it is asked for by name; or, with `upgraded`,
    when an installer has put another version in its place.
    """
    dists = {one.dist for one in wanted}
    owners = {name: plugins.owner_of(name) for name in (*running.modules, *running.missing)}
    if dists:
        return [name for name, owner in owners.items() if owner and owner.dist in dists]
    return [
        name
        for name, owner in owners.items()
        if owner is None or owner.editable or (upgraded and is_upgraded(owner))
    ]


def is_upgraded(entry: Entry) -> bool:
    """Tell whether what is loaded of a distribution is not what is installed in its place."""
    return "stale" in entry.all_flags and not has_moved(entry)


def has_moved(entry: Entry) -> bool:
    """Tell whether a distribution is installed elsewhere now, where Python may not look."""
    return entry.restart is not None and "moved from" in entry.restart.message


def changes_of(
    running: Running, disk: dict[str, OnDisk | None], plugins: PluginSet
) -> tuple[FileChange, ...]:
    """Return what differs; of a distribution that was installed anew, all that is loaded."""
    changes = plan_changes(running, disk)
    known = {it.module for it in changes}
    stale = []
    for name, file in disk.items():
        owner = plugins.owner_of(name)
        is_stale = owner is not None and "stale" in owner.all_flags
        if file is not None and is_stale and name in running.modules and name not in known:
            stale.append(FileChange("distribution", name, file.path))
    return (*changes, *stale)
