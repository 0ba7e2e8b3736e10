"""One plugin of the second door, from its imported object to the records that it gives."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import pluggy

from ..kernel import Actor
from .compatibility import find_mismatch
from .dispatch import call_now
from .entry import is_entry_name, plain_target
from .failure import Failure, attempt
from .guest import Guest
from .records import ActorRegistration, HostInfo

_HOOK = "aplay_actors"


@dataclass(frozen=True, slots=True)
class HookPlugin:
    """A plugin that may be registered: the object with its hooks, and the actors it offers."""

    instance: object
    actors: tuple[ActorRegistration, ...]


def make_hook_plugin(
    found: object, guest: Guest, owners: Mapping[str, str], host: HostInfo
) -> HookPlugin | Failure:
    """Make a plugin of what its entry point names, or tell why that cannot be.

    A class is called without arguments. The hooks are checked before one of them is called,
    then the plugin's actors are asked for; one malformed record fails the whole plugin.
    `owners` maps the modules of the other plugins to their ids.
    """
    instance = attempt(found, "create", guest) if inspect.isclass(found) else found
    if isinstance(instance, Failure):
        return instance
    mismatch = attempt(partial(find_mismatch, instance, owners), "hooks", guest)
    if mismatch:
        return mismatch
    actors = attempt(partial(_collect, instance, host), _HOOK, guest)
    return actors if isinstance(actors, Failure) else HookPlugin(instance, actors)


def check_actor(found: object) -> type[Actor] | Failure:
    """Return `found` if it is a class of actors, else what it is instead."""
    if isinstance(found, type) and issubclass(found, Actor):
        return found
    got = f"class {found.__name__}" if isinstance(found, type) else type(found).__name__
    message = f"got {got}, want a class derived from aplay_host.Actor"
    return Failure("check", "not-an-actor", message)


def _collect(instance: object, host: HostInfo) -> tuple[ActorRegistration, ...] | Failure:
    records: list[ActorRegistration] = []
    for answer in _answers(instance, host):
        record = _checked(answer)
        if isinstance(record, str):
            return Failure(_HOOK, "bad-record", record)
        records.append(record)
    return tuple(records)


def _answers(instance: object, host: HostInfo) -> Iterator[object]:
    scratch = pluggy.PluginManager("aplay_host")
    scratch.register(instance, "plugin")
    caller = getattr(scratch.hook, _HOOK, None)
    for one in caller.get_hookimpls() if caller else ():
        answer = call_now(one, {"host": host})
        if inspect.iscoroutine(answer):
            answer.close()
            raise TypeError("returned a coroutine, want records")
        yield from answer or ()


def _checked(answer: object) -> ActorRegistration | str:
    """Return `answer` if it is a well-formed record, else what is wrong with it."""
    if not isinstance(answer, ActorRegistration):
        return f"got {answer!r}, want ActorRegistration records"
    if not isinstance(answer.name, str) or not is_entry_name(answer.name):
        return f'name: got {answer.name!r}, want letters, digits, "_", "." and "-" only'
    if isinstance(answer.actor, str):
        if ":" not in (plain_target(answer.actor) or ""):
            return f'{answer.name}: got "{answer.actor}", want a class or "package.module:Class"'
    else:
        actor = check_actor(answer.actor)
        if isinstance(actor, Failure):
            return f"{answer.name}: {actor.message}"
    return answer
