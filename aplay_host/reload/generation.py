"""One generation: all that runs, or ran, under one number."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..config import HostConfig, veiled
from ..kernel import Actor, ActorSystem, Address, TreePlan
from ..plugins import Located, PluginSet, StagedPlugins
from .declared import Declared, differences
from .graph import Import, ImportGraph, imports_of
from .running import Running, RunningModule

NO_TREE = TreePlan()
AT_START: Mapping[str, set[str] | None] = {
    "host": None,
    "plugins": None,
    "control": None,
    "mailboxes": None,
    "metrics": {"bind"},
    "log": {"configure"},
}
"""The tables, or some of their keys, that are read at the start of a host only."""


@dataclass(frozen=True, slots=True)
class Generation:
    """What runs under `number`: the file, the plugins and the tree that came of both.

    0 is before anything runs, and each commit adds 1.
    """

    number: int
    config: HostConfig
    plugins: PluginSet
    tree: TreePlan = NO_TREE


@dataclass(frozen=True, slots=True)
class Former:
    """What ran before the newest commit, whole, and the way back to it.

    `behaviours` are those that were replaced, as they were at the moment of the swap.
    """

    generation: Generation
    staged: StagedPlugins
    behaviours: Mapping[Address, Actor]


class Site(Protocol):
    """Where a reload happens: the host."""

    @property
    def system(self) -> ActorSystem:
        """The actors."""

    @property
    def current(self) -> Generation:
        """What runs."""

    def commit(self, generation: Generation) -> None:
        """Make `generation` the one that runs; must not fail."""

    def is_held(self, address: str) -> bool:
        """Tell whether a person has stopped the actor that was here before, if there was one."""
        ...


def running(generation: Generation) -> Running:
    """Return what a plan has to know of the generation that runs now."""
    finder = generation.plugins.finder
    modules = {
        name: RunningModule(one.origin, one.digest, loaded=name in sys.modules)
        for name, one in finder.located.items()
    }
    return Running(
        generation.number,
        modules,
        frozenset(finder.missing),
        generation.plugins.targets(),
        declared_in(generation.config),
    )


def declared_in(config: HostConfig) -> Declared:
    """Return what aplay.toml says of each actor, defaults included."""
    defaults = config.defaults.settings()
    return {
        address: veiled(config, address, _said(defaults, entry))
        for address, entry in config.actors.items()
    }


def _said(defaults: Mapping[str, Any], entry: Any) -> dict[str, Any]:
    own = {"use": entry.use, "required": entry.required, "options": entry.options}
    settings = dict(defaults)
    for key, value in entry.settings().items():
        both = isinstance(value, dict) and isinstance(settings.get(key), dict)
        settings[key] = {**settings[key], **value} if both else value
    return own | settings


class Imports:
    """The imports of each source, looked up once for each hash."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str | None], tuple[Import, ...]] = {}

    def graph(self, located: Iterable[Located]) -> ImportGraph:
        """Return who imports whom among these modules; forgets all others."""
        known, self._known = self._known, {}
        for one in located:
            key = one.name, one.digest
            self._known[key] = known[key] if key in known else _imports(one)
        return ImportGraph({name: imports for (name, _), imports in self._known.items()})


def _imports(one: Located) -> tuple[Import, ...]:
    return imports_of(one.source or b"", one.name, is_package=one.is_package)


def users_of(generation: Generation, offers: Iterable[str]) -> dict[Address, str]:
    """Return the declared actors whose `use` means one of these offers, with that offer."""
    wanted, found = frozenset(offers), {}
    for address, entry in generation.config.actors.items():
        id_ = getattr(generation.plugins.catalog.find(entry.use), "id", None)
        if entry.use != "group" and id_ in wanted:
            found[address] = str(id_)
    return found


def pending_restart(began: HostConfig, now: HostConfig) -> tuple[str, ...]:
    """Return the keys that are read at the start of a host only, and are others now."""
    found: list[str] = []
    for table, keys in AT_START.items():
        before, after = (getattr(one, table).model_dump(include=keys) for one in (began, now))
        found += (it.key for it in differences(before, after, table))
    if began.reload.watch != now.reload.watch:  # modules come into scope before they are imported
        found.append("reload.watch")
    return tuple(found)
