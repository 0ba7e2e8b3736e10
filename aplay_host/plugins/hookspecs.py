"""The hooks: what the host asks and tells its plugins.

An implementation has the hook's name and takes any of its arguments, by name. It lives in a
module, or in a class, that the entry-point group ``aplay_host.plugins`` names. The hooks of
kinds ``call`` and ``lane`` may be ``def`` or ``async def``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pluggy

if TYPE_CHECKING:
    from ..kernel import ActorRef, ActorSpec, ActorSystem
    from .records import ActorFailure, ActorRegistration, HostInfo

hookspec = pluggy.HookspecMarker("aplay_host")
hookimpl = pluggy.HookimplMarker("aplay_host")


@dataclass(frozen=True, slots=True)
class HookRule:
    """How a hook is called, and for how many seconds at most.

    =======  ==============================================================
    kind     means
    =======  ==============================================================
    collect  ``def`` only; its records are gathered, once per loaded plugin
    call     one after another; the host waits for each
    lane     queued per plugin; the host does not wait
    =======  ==============================================================
    """

    kind: Literal["collect", "call", "lane"]
    timeout: float = math.inf


HOOK_RULES = {
    "aplay_actors": HookRule("collect"),
    "aplay_host_started": HookRule("call", 10.0),
    "aplay_host_stopping": HookRule("call", 5.0),
    "aplay_actor_failed": HookRule("lane", 2.0),
}


@hookspec
def aplay_actors(host: HostInfo) -> Iterable[ActorRegistration]:
    """Offer actors whose names are known only at run time.

    Called once, before the tree is planned. A name is ``dist/name`` like those of the group
    ``aplay_host.actors``, which is the simpler way for a fixed set of classes. One record
    that is malformed fails the whole plugin; a name that the distribution already offers
    costs that record alone. ::

        from aplay_host import Actor, ActorRegistration, hookimpl

        class Echo(Actor):
            async def msg_handler(self, msg):
                return msg

        @hookimpl
        def aplay_actors(host):
            yield ActorRegistration("echo", Echo, summary="answers what it is asked")
    """
    raise NotImplementedError


@hookspec
def aplay_host_started(host: HostInfo, system: ActorSystem) -> None:
    """Act when the declared tree stands, before the host says that it is ready.

    Every declared actor has started or is failed. May take 10 s. What it raises marks the
    plugin ``degraded``; the other plugins are called all the same. ::

        from aplay_host import hookimpl

        @hookimpl
        async def aplay_host_started(host, system):
            for ref in system.select("/workers/*"):
                await ref.tell({"say": f"{host.name} is up"})
    """


@hookspec
def aplay_host_stopping(
    host: HostInfo, system: ActorSystem, reason: str, seconds_left: float
) -> None:
    """Act before the tree stops: all actors still run.

    Plugins are called in the reverse order of starting, each for 5 s at most and within
    `seconds_left`, the time until the host's deadline. What one raises is reported, and the
    others are called all the same. ::

        from aplay_host import hookimpl

        @hookimpl
        async def aplay_host_stopping(system, reason, seconds_left):
            await system.ref("/report").ask({"flush": reason}, timeout=seconds_left)
    """


@hookspec
def aplay_actor_failed(ref: ActorRef, spec: ActorSpec, failure: ActorFailure) -> None:
    """Hear that an actor's handler or start failed, after the fact.

    Calls are queued per plugin, in order, so a slow one delays neither actors nor other
    plugins; each may take 2 s. With 1024 waiting, newer ones are dropped. ::

        from aplay_host import hookimpl

        class Failures:
            def __init__(self):
                self.seen = []

            @hookimpl
            def aplay_actor_failed(self, ref, failure):
                self.seen.append(f"{ref.address} {failure.error}: {failure.message}")

        failures = Failures()
    """
