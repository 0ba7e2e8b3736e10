"""One plugin of the second door, from its imported object to the records that it gives."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pluggy

from .compatibility import find_mismatch
from .dispatch import Dispatcher
from .failure import Failure, attempt
from .guest import Guest
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
    alone = pluggy.PluginManager("aplay_host")  # a plugin that is refused is registered nowhere

    def look_at_hooks() -> Failure | None:
        alone.register(instance, candidate.id)
        return find_mismatch(alone, candidate.owners)

    if mismatch := attempt(look_at_hooks, "hooks", guest):
        return mismatch
    calls, gathered = Dispatcher(alone.hook, lambda failed: None), []
    for hook in ("aplay_actors", "aplay_mailboxes"):
        outcomes = calls.call_now(hook, {"host": host})
        if failure := next((one.failure for one in outcomes if one.failure), None):
            return failure
        gathered.append(tuple(record for one in outcomes for record in one.records))
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
