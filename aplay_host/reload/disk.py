"""What the modules that run would be if they were imported now."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..plugins import Entry, PluginSet
from .hold import Hold
from .look import SourceFile
from .refusal import Refusal, Refused
from .running import FileChange, Running, plan_changes
from .settle import read_settled

PATIENCE = 10.0
"""Seconds that git, an installer or an editor may take for what they are writing."""


@dataclass(frozen=True, slots=True)
class OnDisk:
    """A module's file; without a `source` it is no text that could be compared."""

    path: str
    digest: str | None
    source: bytes | None


async def look_at(
    plugins: PluginSet, names: Iterable[str], config: str, hold: Hold
) -> tuple[dict[str, OnDisk | None], bytes | None]:
    """Return what is on disk for each of these modules, None where nothing is, and aplay.toml.

    Waits until nobody is at work on them or on `config`, the path of that; nothing that
    is half written is taken. Where a writer had to be waited for, perhaps one that nobody can
    see, two readings have to agree. Raises `Refused` when that lasts, and for what cannot be read.
    """
    names, roots = tuple(names), (*plugins.finder.roots(), config)
    before: Mapping[str, SourceFile] = {}
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                marks = await hold.released(roots)
                paths = _paths(plugins, names)
                texts = {path: size for path, size in paths.values() if size is not None}
                settled = await read_settled({**texts, config: 0})
                is_whole = not settled.waited or (settled.files == before and not settled.is_open)
                before = settled.files
                if is_whole and settled.gone <= {config} and hold.undisturbed(roots) == marks:
                    disk = {
                        name: _on_disk(paths[name][0], settled.files) if name in paths else None
                        for name in names
                    }
                    return disk, settled.files[config].source if config in settled.files else None
    except TimeoutError:
        got = f"git, an installer or an editor has been at work for {PATIENCE:g} s"
        cure = "wait until it has done, then: aplay-host reload"
        raise Refused(Refusal("unsettled", "files", got, "files at rest", cure)) from None


def _paths(plugins: PluginSet, names: Iterable[str]) -> dict[str, tuple[str, int | None]]:
    """Return where modules are, with the size in bytes that ran; None for what is no text."""
    importlib.invalidate_caches()  # a file may be younger than what a finder remembers
    finder, found = plugins.finder, dict[str, tuple[str, int | None]]()
    for name in names:
        path, known = finder.file_now(name), finder.located.get(name)
        has_text = known is None or known.origin is None or known.digest is not None
        if path is not None:
            is_text = has_text and path.endswith(".py")
            found[name] = path, len((known and known.source) or b"") if is_text else None
    return found


def _on_disk(path: str, files: Mapping[str, SourceFile]) -> OnDisk:
    file = files.get(path)
    if file is None:
        return OnDisk(path, None, None)
    if file.problem:
        got, wanted = f"cannot be read: {file.problem}", "a file that can be read"
        raise Refused(Refusal("unreadable", path, got, wanted, "allow it"))
    return OnDisk(path, file.digest, file.source)


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


def upgraded_among(changes: Iterable[FileChange], plugins: PluginSet) -> frozenset[str]:
    """Return the distributions of which another version is installed than is loaded."""
    owners = (plugins.owner_of(it.module) for it in changes)
    return frozenset(it.dist for it in owners if it is not None and is_upgraded(it))


def upgrades_left(plugins: PluginSet) -> list[str]:
    """Return what to tell of each distribution that is upgraded and was not asked for."""
    rows = [it for it in plugins.rows() if is_upgraded(it)]
    return sorted({f"{it.dist}: {it.restart.message}" for it in rows if it.restart is not None})


def is_upgraded(entry: Entry) -> bool:
    """Tell whether a distribution is loaded, and another version installed in its place."""
    return "stale" in entry.all_flags and entry.moved_to is None


def changes_of(
    running: Running, disk: dict[str, OnDisk | None], plugins: PluginSet
) -> tuple[FileChange, ...]:
    """Return what differs; of a distribution that was installed anew, all that is loaded."""
    changes = plan_changes(running, disk)
    known = {it.module for it in changes}
    stale = []
    for name, file in disk.items():
        owner = plugins.owner_of(name)
        is_stale = owner is not None and is_upgraded(owner)
        if file is not None and is_stale and name in running.modules and name not in known:
            stale.append(FileChange("distribution", name, file.path))
    return (*changes, *stale)
