"""The hooks: what the host asks and tells its plugins.

An implementation has the hook's name and takes any of its arguments, by name. It lives in a
module, or in a class, that the entry-point group ``aplay_host.plugins`` names. Hooks whose
rule has a time-out may be ``def`` or ``async def``, the others are plain ``def``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pluggy

from .records import ActorRegistration, Health, Interceptor, MailboxRegistration, Veto

if TYPE_CHECKING:
    from ..kernel import ActorRef, ActorSpec, ActorSystem, DeadLetter
    from ..kernel.supervision import Directive
    from .records import ActorFailure, HostInfo

    # The engine that makes them is not part of the host yet.
    ReloadPlan = Any
    ReloadReport = Any

hookspec = pluggy.HookspecMarker("aplay_host")
hookimpl = pluggy.HookimplMarker("aplay_host")


@dataclass(frozen=True, slots=True)
class HookRule:
    """How a hook is called, for how long, and what an error or a time-out does.

    =======  ===========================================================
    kind     means
    =======  ===========================================================
    collect  records are gathered from everyone
    call     one after another; the host waits for each
    lane     queued per plugin; the host does not wait
    veto     everyone is asked, one after another; any `Veto` counts
    =======  ===========================================================

    ========  ==========================================================
    on_error  the plugin
    ========  ==========================================================
    failed    is not loaded; none of its records count
    degraded  stays, with that flag; only this answer of it is missing
    logged    stays as it is
    ========  ==========================================================

    `timeout` is in seconds; None means ``def`` only, which nothing can cut off. `gives` is
    the record that an implementation returns, alone or several in an iterable.
    """

    kind: Literal["collect", "call", "lane", "veto"]
    timeout: float | None
    on_error: Literal["failed", "degraded", "logged"]
    gives: type | None = None


HOOK_RULES = {
    "aplay_actors": HookRule("collect", None, "failed", ActorRegistration),
    "aplay_mailboxes": HookRule("collect", None, "failed", MailboxRegistration),
    "aplay_host_started": HookRule("call", 10.0, "degraded"),
    "aplay_host_stopping": HookRule("call", 5.0, "logged"),
    "aplay_actor_started": HookRule("lane", 2.0, "degraded"),
    "aplay_actor_stopped": HookRule("lane", 2.0, "degraded"),
    "aplay_actor_failed": HookRule("lane", 2.0, "degraded"),
    "aplay_dead_letter": HookRule("lane", 2.0, "degraded"),
    "aplay_interceptors": HookRule("collect", None, "degraded", Interceptor),
    "aplay_before_reload": HookRule("veto", 5.0, "degraded", Veto),
    "aplay_after_reload": HookRule("lane", 2.0, "degraded"),
    "aplay_health": HookRule("collect", 2.0, "degraded", Health),
}


@hookspec
def aplay_actors(host: HostInfo) -> Iterable[ActorRegistration]:
    """Offer actors whose names are known only at run time.

    Called once per loaded generation, before the tree is planned. A name is ``dist/name``
    like those of the group ``aplay_host.actors``, which is the simpler way for a fixed set of
    classes. One record that is malformed fails the whole plugin; a name that the distribution
    already offers costs that record alone. ::

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
def aplay_mailboxes(host: HostInfo) -> Iterable[MailboxRegistration]:
    """Offer kinds of mailboxes.

    Called once per loaded generation, before the tree is planned. One record that is malformed
    fails the whole plugin. A kind that two plugins offer is refused to both, one that the host
    has already is refused to the newcomer; the other records count. What a mailbox has to do is
    the protocol `aplay_host.kernel.Mailbox`. ::

        from collections import deque

        from aplay_host import MailboxRegistration, hookimpl
        from aplay_host.kernel import FINAL, Depth


        class Line:
            prefetch = 64

            def __init__(self, address, spec):
                self.waiting = deque()
                self.credit = self.unsettled = 0

            async def open(self, inlet):
                self.inlet = inlet
                return 0

            def put(self, parcel):
                self.unsettled += not parcel.exempt
                self.waiting.append(parcel)
                self.demand(0)

            def demand(self, count):
                self.credit += count
                while self.credit and self.waiting:
                    self.credit -= 1
                    self.inlet.deliver([self.waiting.popleft()])

            def begin(self, parcel):
                return parcel.message

            def settle(self, parcel, outcome):
                self.unsettled -= not parcel.exempt
                return FINAL

            def depth(self):
                return Depth(self.unsettled)

            async def close(self, removed):
                while self.waiting:
                    self.inlet.dead(self.waiting.popleft(), "removed" if removed else "shutdown")


        @hookimpl
        def aplay_mailboxes(host):
            yield MailboxRegistration("line", Line, survives="restart")
    """
    raise NotImplementedError


@hookspec
def aplay_host_started(host: HostInfo, system: ActorSystem) -> None:
    """Act when the declared tree stands, before the host says that it is ready.

    Every declared actor has started or is failed. Each plugin may take 10 s, all together
    30 s. What one raises marks it ``degraded``, and the others are called all the same; a
    strict host does not start. A plugin that is activated later is called then. ::

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
    `seconds_left`, the time until the host's deadline. What one raises is logged, and the
    others are called all the same. A plugin that a reload replaces is called with the reason
    ``reload``. ::

        from aplay_host import hookimpl


        @hookimpl
        async def aplay_host_stopping(system, reason, seconds_left):
            await system.ref("/report").ask({"flush": reason}, timeout=seconds_left)
    """


@hookspec
def aplay_actor_started(ref: ActorRef, spec: ActorSpec, cause: str) -> None:
    """Hear that an actor has started; `cause` is ``start restart revive reload``.

    Calls are queued per plugin, in order, so a slow one delays neither actors nor other
    plugins; each may take 2 s. With 1024 waiting, newer ones are dropped and counted. ::

        from aplay_host import hookimpl


        @hookimpl
        def aplay_actor_started(ref, spec, cause):
            print(f"{ref.address} runs {spec.cls.__name__} ({cause})")
    """


@hookspec
def aplay_actor_stopped(ref: ActorRef, spec: ActorSpec, reason: str) -> None:
    """Hear that an actor has stopped, after the fact.

    Queued like `aplay_actor_started`.

    ============  ====================================================
    reason        the actor
    ============  ====================================================
    ``stopped``   rests until somebody starts it
    ``restart``   has ended one instance; the next one starts
    ``failed``    rests because of an error
    ``removed``   is gone
    ``shutdown``  is gone, with the whole tree
    ============  ====================================================

    ::

        from aplay_host import hookimpl


        @hookimpl
        def aplay_actor_stopped(ref, reason):
            if reason != "shutdown":
                print(f"{ref.address} has stopped: {reason}")
    """


@hookspec
def aplay_actor_failed(
    ref: ActorRef, spec: ActorSpec, failure: ActorFailure, directive: Directive
) -> None:
    """Hear that a handler, a start or an owned task failed, after the fact.

    `directive` is what was decided: ``resume restart stop escalate``. Queued like
    `aplay_actor_started`. ::

        from aplay_host import hookimpl


        class Failures:
            def __init__(self):
                self.seen = []

            @hookimpl
            def aplay_actor_failed(self, ref, failure, directive):
                text = f"{failure.error}: {failure.message}, then {directive}"
                self.seen.append(f"{ref.address} {text}")


        failures = Failures()
    """


@hookspec
def aplay_dead_letter(letter: DeadLetter, missed: int) -> None:
    """Hear of a message that reached nobody; those called quiet are not told.

    `missed` counts the letters that were dropped since the last call, because this plugin's
    queue was full. Queued like `aplay_actor_started`. ::

        from aplay_host import hookimpl


        @hookimpl
        def aplay_dead_letter(letter, missed):
            more = f", and {missed} more" if missed else ""
            print(f"lost at {letter.target}: {letter.message!r} ({letter.reason}){more}")
    """


@hookspec
def aplay_interceptors(ref: ActorRef, spec: ActorSpec) -> Iterable[Interceptor]:
    """Put something around an actor's handler.

    Called once whenever an actor starts, or its code is exchanged; the messages themselves
    pass no hook. The first in order is outermost. What a plugin raises here leaves its own
    interceptors out and marks it ``degraded``; under a strict host the actor does not start.
    Without ``strict`` this is no place for a security check. ::

        import time

        from aplay_host import Interceptor, hookimpl


        def timed(next_handler):
            async def handler(msg):
                began = time.perf_counter()
                try:
                    return await next_handler(msg)
                finally:
                    print(f"{time.perf_counter() - began:.3f} s")

            return handler


        @hookimpl
        def aplay_interceptors(ref, spec):
            if ref.address.startswith("/workers/"):
                yield Interceptor("timing", timed)
    """
    raise NotImplementedError


@hookspec
def aplay_before_reload(plan: ReloadPlan) -> Veto | None:
    """Say whether a planned reload must wait; nothing has been touched yet.

    The running plugins are asked, each for 5 s at most. Any `Veto` refuses the plan, and all
    reasons are shown. One that raises or takes too long has not vetoed, but under a strict
    host it has. A plugin cannot veto a plan that replaces its own modules, which would block
    its own repair: its answer is a warning then. ::

        from pathlib import Path

        from aplay_host import Veto, hookimpl


        @hookimpl
        def aplay_before_reload(plan):
            if Path("/var/run/backup.lock").exists():
                return Veto("a backup runs")
            return None
    """


@hookspec
def aplay_after_reload(report: ReloadReport) -> None:
    """Hear how a reload ended; `report.outcome` is ``committed refused waiting taken_back``.

    Queued like `aplay_actor_started`. ::

        from aplay_host import hookimpl


        @hookimpl
        def aplay_after_reload(report):
            print(f"reload: {report.outcome}")
    """


@hookspec
def aplay_health(host: HostInfo) -> Health | Iterable[Health]:
    """Say how the things are that the plugin looks after.

    Called every 10 s in the background, for 2 s at most; ``aplay-host health`` and the probes
    read the newest answers and never wait. What a plugin raises is a failing check that names
    this hook. ::

        import shutil

        from aplay_host import Health, hookimpl


        @hookimpl
        def aplay_health(host):
            free = shutil.disk_usage(host.state_dir).free
            status = "ok" if free > 100_000_000 else "fail"
            return Health("disk", status, f"{free / 1e6:.0f} MB free", critical=True)
    """
    raise NotImplementedError
