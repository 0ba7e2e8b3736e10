"""The names of everything that is installed, and what a ``use`` in aplay.toml means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from .entry import BAD_STATES, Door, Entry, Reason, canonical_id, plain_target
from .settings import PluginSettings, names, plan_admission
from .spelling import did_you_mean, suggest

_OFFERED = ("found", "active", "failed", "quarantined")
"""A bad one may be repaired and is tried again; it is a fault of its actors, not of the file."""
_ADMITTED = ("found", "broken", "installing")
"""The states, all of metadata, that admission looks at."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a ``use`` means: an actor class, not imported yet.

    `id` is ``dist/name`` or ``module:Class``, `plugin` the distribution (None for a module).
    """

    id: str
    plugin: str | None
    target: str


@dataclass(frozen=True, slots=True)
class NotOffered:
    """Why a ``use`` means nothing, and what to do (may be empty)."""

    message: str
    hint: str = ""


class Catalog:
    """All entries under the rules of the settings; it never changes.

    `entries` are sorted by door, distribution and name. `warnings` tells the items of the
    settings that match nothing installed.
    """

    def __init__(self, entries: Iterable[Entry], settings: PluginSettings | None = None) -> None:
        self.settings = settings or PluginSettings()
        admitted = [_admitted(self.settings, entry) for entry in entries]
        self.entries = tuple(sorted(admitted, key=Entry.key))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return a text for each item of the settings that names no entry."""
        lists = {"disable": self.settings.disable, "allow": self.settings.allow}
        return tuple(
            suggest(f'[plugins] {key}: "{item}" matches nothing installed', item, self._names())
            for key, items in lists.items()
            for item in items
            if not any(names(item, entry) for entry in self.entries)
        )

    def replaced(self, old: Entry, new: Entry) -> Catalog:
        """Return a catalog in which `new` stands for `old`."""
        return Catalog((new if one is old else one for one in self.entries), self.settings)

    def extended(self, entries: Iterable[Entry]) -> Catalog:
        """Return a catalog with `entries` in addition; the settings hold for them too."""
        return Catalog((*self.entries, *entries), self.settings)

    def is_as(self, other: Catalog) -> bool:
        """Tell whether `other` has the same in the same states, whatever hooks failed since."""
        return self is other or [*map(_unmarked, self.entries)] == [*map(_unmarked, other.entries)]

    def entry(self, door: Door, id_: str) -> Entry | None:
        """Return the entry ``dist/name`` of `door`, one that is shadowed excepted."""
        same = (one for one in self.entries if one.door == door and one.id == id_)
        return next((one for one in same if one.state != "shadowed"), None)

    def find(self, use: str) -> Offer | NotOffered:
        """Tell which actor class `use` means.

        =============  ====================================================================
        `use`          means
        =============  ====================================================================
        has a ``:``    that class of that module, which a person vouches for by naming it
        has a ``/``    the identity ``dist/name``
        anything else  a name, as long as exactly one admitted distribution offers it
        =============  ====================================================================
        """
        if ":" in use:
            return self._module(use)
        id_ = canonical_id(use) if "/" in use else None
        matching = [one for one in self._actors() if use == one.name or id_ == one.id]
        return self._decide(use, matching)

    def _actors(self) -> Iterable[Entry]:
        return (one for one in self.entries if one.door == "actor")

    def _names(self) -> set[str]:
        return {name for one in self.entries for name in (one.dist, one.id)}

    def _module(self, use: str) -> Offer | NotOffered:
        target = plain_target(use)
        if target is None or ":" not in target:
            return NotOffered(f'"{use}" is not of the form "package.module:Class"')
        off = [one for one in self.entries if one.reason and one.reason.type == "disable"]
        owner = next((one for one in off if self._is_of(target, one)), None)
        return Offer(target, None, target) if owner is None else _refused(use, owner)

    def _is_of(self, target: str, entry: Entry) -> bool:
        """Tell whether `target` lies in the module of `entry`, or in a package of it alone."""
        module, own = target.partition(":")[0], entry.module
        package = own.rpartition(".")[0]
        others = (one for one in self.entries if one.dist != entry.dist)
        if package and not any(_within(one.module, package) for one in others):
            return _within(module, package)
        return _within(module, own)

    def _decide(self, use: str, matching: list[Entry]) -> Offer | NotOffered:
        offered = [one for one in matching if _is_offered(one)]
        if len(offered) == 1:
            return Offer(offered[0].id, offered[0].dist, offered[0].target)
        if offered:
            ids = ", ".join(f'"{one.id}"' for one in offered)
            return NotOffered(f'"{use}" is offered by several packages', f"use one of {ids}")
        return _refused(use, matching[0]) if matching else self._unknown(use)

    def _unknown(self, use: str) -> NotOffered:
        offered = [one for one in self._actors() if _is_offered(one)]
        hint = did_you_mean(use, [name for one in offered for name in (one.name, one.id)])
        if not hint and offered:
            hint = "installed: " + ", ".join(one.id for one in offered)
        if not hint:
            hint = "no installed package offers actors; pip install one, then "
            hint += "`aplay-host plugins list`"
        # What a plugin's code or unreadable metadata would have offered cannot be known.
        suspects = [
            f"{one.id} is {one.state}: {one.reason.line()}"
            for one in self.entries
            if one.state in BAD_STATES and one.reason and (one.door == "plugin" or not one.name)
        ]
        return NotOffered(f'no installed package offers "{use}"', "; ".join([hint, *suspects]))


def _admitted(settings: PluginSettings, entry: Entry) -> Entry:
    if entry.state not in _ADMITTED:
        return entry
    reason = plan_admission(settings, entry)
    return replace(entry, state="disabled", reason=reason) if reason else entry


def _unmarked(entry: Entry) -> Entry:
    return replace(entry, reason=None, flags=()) if "degraded" in entry.flags else entry


def _is_offered(entry: Entry) -> bool:
    # Safe mode keeps code out, and names nothing anew: they mean what they always do.
    return entry.state in _OFFERED or (entry.reason is not None and entry.reason.type == "safe")


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _refused(use: str, entry: Entry) -> NotOffered:
    reason = entry.reason or Reason(entry.state, "", "")
    place = f" ({reason.place})" if reason.place else ""
    disabled = f'"{use}" is disabled: {reason.message}{place}'
    if reason.type == "disable":
        return NotOffered(disabled, "take it out of that list")
    if reason.type == "allow":
        return NotOffered(disabled, f'add "{entry.dist}" to it')
    return NotOffered(f'"{use}" is {entry.state}: {reason.line()}', "see `aplay-host plugins list`")
