"""Checking a configuration the way a start would, without starting anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .._version import __version__
from ..config import (
    HostConfig,
    Known,
    ListedKey,
    Setting,
    Unresolved,
    list_config,
    load_config,
    plan_tree,
)
from ..errors import ConfigError, Problem
from ..kernel import TreePlan
from ..plugins import (
    SAFE_MODE,
    Catalog,
    HostInfo,
    NotOffered,
    PluginSet,
    PluginSettings,
)
from .durable import durable_kind, type_faults
from .installed import installed
from .machine import check_machine
from .options import HookOptions
from .resolver import Resolver


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a start would say: `errors` keep it from starting, `warnings` do not.

    `text` is the errors as they are printed, empty when there is none.
    """

    file: str
    text: str = ""
    errors: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()


def load_host_config(
    path: Path, settings: Sequence[Setting] = (), *, import_plugins: bool = True
) -> HostConfig:
    """Return the checked configuration; raises `ConfigError` with the mistakes of all phases.

    A mistake in the shape of one table does not hide that another table names no actor or
    gives options that its class does not know. So plugins are imported when there are
    mistakes; without importing, names are looked up and options are not checked. What the
    machine does not have counts as one.
    """
    try:
        config = load_config(path, settings=settings)
        check_machine(config)
        return config
    except ConfigError as error:
        if error.sound is None:
            raise
        try:
            _plan(error.sound, __version__, import_plugins)
        except ConfigError as more:
            known = {it.key for it in error.problems}  # what they left out is missing now
            new = [it for it in more.problems if it.key not in known]
            raise error.sound.document.refusal((*error.problems, *new)) from None
        raise


@dataclass(frozen=True, slots=True)
class ShowReport:
    """Every value of a configuration, or the errors that keep it from being one."""

    text: str = ""
    errors: tuple[Problem, ...] = ()
    keys: tuple[ListedKey, ...] = ()


def show_config(
    path: Path, settings: Sequence[Setting] = (), *, import_plugins: bool = True
) -> ShowReport:
    """List what `path` says, and import what it names: call that in a child process.

    Without importing, all that is for plugins is hidden: nobody can say what of it is secret.
    """
    try:
        config = load_host_config(path, settings, import_plugins=import_plugins)
        _, plan = _plan(config, __version__, import_plugins)
    except ConfigError as error:
        return ShowReport(str(error), error.problems)
    options = {it.address: it.spec.options for it in plan.nodes if it.spec is not None}
    return ShowReport(keys=list_config(config, options))


def check_config(
    path: Path, version: str, *, import_plugins: bool, settings: Sequence[Setting] = ()
) -> CheckReport:
    """Check `path` and, where asked to, import what it names: call that in a child process."""
    try:
        config = load_host_config(path, settings, import_plugins=import_plugins)
        plugins, plan = _plan(config, version, import_plugins)
        if refusals := strict_refusals(plugins, plan, strict=config.plugins.strict):
            place = (str(path), 0, 0, 0, "plugins.strict", "bad-plugin")
            raise config.document.refusal(Problem(*place, one) for one in refusals)
    except ConfigError as error:
        return CheckReport(str(path), str(error), error.problems)
    faults = [f"{node.address}: {node.fault}" for node in plan.nodes if node.fault is not None]
    if not config.actors:
        faults.append(f"{path.name} names no actor")
    unclaimed = HookOptions(config).unclaimed(plugins.catalog)
    warnings = (*plugins.catalog.warnings, *unclaimed, *faults, *type_faults(plan))
    return CheckReport(str(path), warnings=warnings)


def strict_refusals(plugins: PluginSet, plan: TreePlan, *, strict: bool) -> tuple[str, ...]:
    """Return why a strict host does not start: every bad plugin, and actor without a class."""
    if not strict:
        return ()
    refusals = plugins.refusals()
    named = [f'"{refusal.partition(": ")[0]}"' for refusal in refusals]
    return refusals + tuple(
        f"{node.address}: {node.fault}"
        for node in plan.nodes
        if node.fault not in (None, SAFE_MODE.message)
        and not any(one in str(node.fault) for one in named)
    )


def plugin_settings(config: HostConfig, *, safe: bool = False) -> PluginSettings:
    """Return what the configuration says about plugins, for `plugins` to act on."""
    rules = config.plugins.disable or config.plugins.allow
    return PluginSettings(
        disable=tuple(config.plugins.disable),
        allow=tuple(config.plugins.allow),
        strict=config.plugins.strict,
        paths=tuple(config.plugins.paths),
        safe=safe,
        places=config.document.places("plugins") if rules else {},
    )


def _plan(config: HostConfig, version: str, import_plugins: bool) -> tuple[PluginSet, TreePlan]:
    """Do what a start does before anything runs; raises `ConfigError` with all mistakes."""
    settings, options = plugin_settings(config), HookOptions(config)
    catalog = Catalog(installed().entries, settings)
    plugins = PluginSet(catalog, settings, options=options, kinds=[durable_kind()])
    plugins.add_paths()
    if import_plugins:
        plugins.load_hooks(HostInfo(config.host.name, version, config.host.state_dir))
    with options.reported():
        return plugins, plan_tree(config, Resolver(plugins) if import_plugins else _ByName(plugins))


@dataclass(frozen=True, slots=True)
class _ByName:
    """Looks names up without loading what they name."""

    plugins: PluginSet

    def actor(self, use: str) -> Known | Unresolved:
        found = self.plugins.catalog.find(use)
        if isinstance(found, NotOffered):
            return Unresolved(found.message, found.hint)
        return Known()

    def mailbox(self, kind: str) -> Known:
        return Known()
