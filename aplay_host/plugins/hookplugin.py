"""One plugin of the second door, from its imported object to the records that it gives."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pluggy

from .compatibility import find_mismatch
from .dispatch import HookCall
from .failure import Failure, attempt
from .guest import Guest
from .order import plan_order
from .records import ActorRegistration, HostInfo, MailboxRegistration

MakeOptions = Callable[[str, Any], object]
"""Make the options of the plugin ``dist/name`` from its model, None where it has none.

Returns the instance, or a `Failure`: the model's, or that of a table that nobody takes.
"""


@dataclass(frozen=True, slots=True)
class HookPlugin:
    """A plugin that may be registered: the object with its hooks, and what it offers."""

    instance: object
    actors: tuple[ActorRegistration, ...]
    mailboxes: tuple[MailboxRegistration, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plugin that was imported: its id, whose code it is, and what its target names.

    `owners` maps the modules of the other plugins to their ids.
    """

    id: str
    guest: Guest
    found: object
    owners: Mapping[str, str]


def default_options(plugin: str, model: Any) -> object:
    """Make the options of `plugin` where no file says anything about it."""
    return None if model is None else model()


def make_hook_plugin(
    candidate: Candidate, host: HostInfo, options: MakeOptions
) -> HookPlugin | Failure:
    """Make a plugin of what its entry point names, or tell why that cannot be.

    A class is called, with its options if it has a model ``Options``. The hooks are checked
    before one of them is called, then the plugin is asked for its records; one that is
    malformed fails the whole plugin.
    """
    guest = candidate.guest
    instance = attempt(partial(_instance, candidate, options), "create", guest)
    if isinstance(instance, Failure):
        return instance
    mismatch = attempt(partial(find_mismatch, instance, candidate.owners), "hooks", guest)
    if mismatch:
        return mismatch
    gathered = []
    for hook in ("aplay_actors", "aplay_mailboxes"):
        records = _collect(candidate.id, instance, hook, host)
        if isinstance(records, Failure):
            return records
        gathered.append(records)
    return HookPlugin(instance, *gathered)


def _instance(candidate: Candidate, options: MakeOptions) -> object:
    maker: Any = candidate.found if inspect.isclass(candidate.found) else None
    model = getattr(maker, "Options", None)
    made = options(candidate.id, model)
    if isinstance(made, Failure):
        return made
    if maker is None:
        return candidate.found
    return maker() if model is None else maker(made)


def _collect(plugin: str, instance: object, hook: str, host: HostInfo) -> tuple[Any, ...] | Failure:
    """Ask one plugin alone, before it is registered."""
    scratch = pluggy.PluginManager("aplay_host")
    scratch.register(instance, plugin)
    caller = getattr(scratch.hook, hook, None)
    records: list[Any] = []
    for one in plan_order(caller.get_hookimpls() if caller else ()):
        got = HookCall(hook, one, {"host": host}).begin()
        if isinstance(got, Failure):
            return got
        assert isinstance(got, tuple)
        records.extend(got)
    return tuple(records)
