"""What an installer did while the host runs, and what that means for the host's entries."""

from __future__ import annotations

import copy
import os
import sys
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

from .entry import Entry, Reason
from .finder import ScopeFinder
from .metadata import Metadata, content_of

PHASE = "installed"


@dataclass(frozen=True, slots=True)
class InstalledChange:
    """The distributions that came, are others now, or went, by canonical name."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def brings(self, dist: str) -> bool:
        """Tell whether there are new files of `dist`."""
        return dist in self.added or dist in self.changed


def compare(before: Iterable[Entry], after: Iterable[Entry]) -> InstalledChange:
    """Tell which distributions differ between two scans."""
    was, now = used(before), used(after)
    return InstalledChange(
        added=tuple(sorted(now.keys() - was)),
        changed=tuple(sorted(one for one in now.keys() & was if _differ(was[one], now[one]))),
        removed=tuple(sorted(was.keys() - now)),
    )


def used(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Return one entry of each distribution, by its name; of its copies, of the one in use."""
    found: dict[str, Entry] = {}
    for entry in entries:
        if entry.state != "shadowed":
            found.setdefault(entry.dist, entry)
    return found


def _differ(one: Entry, other: Entry) -> bool:
    return (one.metadata, one.stamp) != (other.metadata, other.stamp)


def plan_entries(
    current: Iterable[Entry],
    found: Iterable[Entry],
    change: InstalledChange,
    stays: Callable[[Entry], bool],
) -> list[Entry]:
    """Return the entries after `change`: of the `current` ones, and those of the new scan.

    =====================================  ================================================
    an entry                               afterwards
    =====================================  ================================================
    one that `stays`                       is as it was, installed or not
    another of an unchanged distribution   is as it was; ``installing`` is looked at anew
    another that was found                 is as it was found: a failed one may be repaired
    another that was not                   is gone
    =====================================  ================================================
    """
    was: dict[tuple[str, str], Entry] = {}
    for entry in current:
        was.setdefault((entry.door, entry.id), entry)
    kept = {key: entry for key, entry in was.items() if stays(entry)}
    after = list(kept.values())
    for entry in found:
        before = was.get((entry.door, entry.id))
        if entry.state == "shadowed" or before is None:
            after.append(entry)
        elif (entry.door, entry.id) not in kept:
            new = change.brings(entry.dist) or before.state == "installing"
            after.append(entry if new or before.metadata != entry.metadata else before)
    return after


def plan_restart(loaded: Entry | None, now: Entry | None) -> Reason | None:
    """Tell why only a restart brings what is installed `now`, given what is `loaded` of it.

    ==============  =====================  ============  ====================
    loaded          installed              type          the reason tells
    ==============  =====================  ============  ====================
    nothing         anything               none
    something       nothing                ``orphaned``  when it vanished
    something       the same files         none
    something       other files elsewhere  ``stale``     both directories
    something       other files there      ``stale``     both versions
    ==============  =====================  ============  ====================
    """
    if loaded is None or (now is not None and now.stamp[1] == loaded.stamp[1]):
        return None
    if now is None:
        text = f"not installed since {time.strftime('%H:%M:%S')}; what is loaded runs on"
        return Reason(PHASE, "orphaned", text)
    old, new = home_of(loaded), home_of(now)
    if old != new:
        text = f"restart needed: {now.dist} moved from {old} to {new}"
    else:
        text = f"{loaded.version} is loaded, {now.version} is installed"
        text = f"{text}; to run it: aplay-host reload --plugin {now.dist}"
    return Reason(PHASE, "stale", text)


def home_of(entry: Entry) -> str:
    """Return the directory below which the modules of an installation are, by real path."""
    return os.path.realpath(entry.project or os.path.dirname(entry.metadata))


class Installations:
    """The distributions as the newest scan has them, and what of them is loaded.

    `found` is the scan that a host starts with; `finder` knows what of it is in the process.
    """

    def __init__(self, found: Iterable[Entry], finder: ScopeFinder) -> None:
        self.found = tuple(found)
        self._finder = finder
        self._loaded: dict[str, Entry] = {}  # by distribution, once that is another one
        self._came: set[str] = set()
        self._hooks: dict[str, str] = {}  # files that want their code to be run

    def update(self, found: Iterable[Entry]) -> InstalledChange:
        """Take over what a new scan `found`, and return what differs."""
        before, self.found = self.found, tuple(found)
        change = compare(before, self.found)
        for dist in (*change.changed, *change.removed):
            mine = [one for one in before if one.dist == dist]
            if any(self._finder.is_loaded(one.module) for one in mine):
                self._loaded.setdefault(dist, used(mine)[dist])
        self._came.update(change.added, change.changed)
        return change

    def without(self, dists: Collection[str]) -> Installations:
        """Return the same, with all that is loaded of `dists` being what is installed now."""
        after = copy.copy(self)
        after._loaded = {dist: it for dist, it in self._loaded.items() if dist not in dists}
        return after

    def follow(self, entry: Entry) -> None:
        """Append the directories that the ``.pth`` files of a distribution name to ``sys.path``."""
        lines = path_lines(entry.metadata)
        sys.path += [one for one in lines.directories if one not in sys.path]
        self._hooks[entry.dist] = lines.hook

    def judged(self, entry: Entry) -> Entry:
        """Return `entry` with what is installed now and whether that needs a restart."""
        now = used(self.found).get(entry.dist)
        loaded = self._loaded.get(entry.dist)
        restart, moved_to = plan_restart(loaded, now), None
        if restart and loaded and now and home_of(loaded) != home_of(now):
            moved_to = home_of(now)
        if restart is None and entry.state == "found" and entry.dist in self._came:
            restart = self._late(entry)
        if restart and entry.restart and restart.type == entry.restart.type == "orphaned":
            restart = entry.restart  # which knows since when
        version = now.version if now and now.version != entry.version else None
        return replace(entry, restart=restart, installed_version=version, moved_to=moved_to)

    def _late(self, entry: Entry) -> Reason | None:
        if hook := self._hooks.get(entry.dist):
            return Reason(
                PHASE, "late", f"restart needed: {entry.dist} installs an import hook", hook
            )
        if entry.door == "plugin":
            cure = f"aplay-host reload --plugin {entry.dist}"
            return Reason(PHASE, "waits", f"not loaded yet; to have its hooks: {cure}")
        return None

    def astray(self, entry: Entry, file: str | None) -> str:
        """Tell why `file` is not what is installed; empty where it is.

        Asked for what came while the host runs: Python may still find what was there before.
        """
        home = home_of(entry)
        if entry.dist not in self._came or file is None:
            return ""
        if os.path.realpath(file).startswith(home + os.sep):
            return ""
        return f"restart needed: {entry.dist} is installed in {home}, and Python finds {file}"


@dataclass(frozen=True, slots=True)
class PathLines:
    """What the ``.pth`` files of a distribution ask for, which Python reads at its start only.

    `directories` exist; `hook` is the file that wants code to be run instead, empty if none.
    """

    directories: tuple[str, ...] = ()
    hook: str = ""


def path_lines(metadata: str) -> PathLines:
    """Read the ``.pth`` files that the distribution with this ``.dist-info`` brought."""
    site, directories, hook = os.path.dirname(metadata), [], ""
    for row in Metadata.at(metadata).record().decode("utf-8", "surrogateescape").splitlines():
        name = row.partition(",")[0].strip('"')
        if "/" in name or not name.endswith((".pth", ".start")):
            continue
        file = os.path.join(site, name)
        lines = _lines(file)
        if name.endswith(".start") or any(one.startswith(("import ", "import\t")) for one in lines):
            hook = file
        else:
            directories += [os.path.join(site, one) for one in lines]
    return PathLines(tuple(filter(os.path.isdir, directories)), hook)


def _lines(file: str) -> list[str]:
    try:
        text = (content_of(file) or b"").decode("utf-8-sig", "surrogateescape")
    except OSError:
        return []
    lines = (line.rstrip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
