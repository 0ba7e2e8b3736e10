"""The daemon: what happens in which order from start to stop.

Start: lock, control socket (which answers ``starting``), plugins found without importing,
hook plugins loaded, tree planned, all cells made, actors started, plugins told, ready.

Stop: no more mail from outside, plugins told, owned tasks ended, waiting mail handled until
none is left or time is up, actors removed the last made first, socket and record removed.
The lock goes last.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..config import HostConfig, plan_tree
from ..control import EventRing, Who, hold_lock, prepare_state_dir
from ..errors import PluginError
from ..kernel import (
    ActorRef,
    ActorSpec,
    ActorSystem,
    Address,
    Mailbox,
    MailboxSpec,
    Quarantined,
    Removed,
    Started,
    Stopped,
    SystemStopping,
    TreePlan,
    compose_anew,
)
from ..plugins import (
    BAD_STATES,
    SAFE_MODE,
    Catalog,
    HookFailure,
    HostInfo,
    Installed,
    PluginSet,
)
from ..reload import Engine, Follower, Generation, ReloadEvent, Request, pending_restart
from ..telemetry import ActorLabels, HostLog, StallWatch
from .audit import Audit, Deed
from .checking import plugin_settings, strict_refusals
from .feed import EventFeed
from .health import Health
from .holds import Hold, read_holds, user_names, write_holds
from .installed import InstalledWatch, installed_soon
from .news import NEWS, ActorNews
from .options import HookOptions
from .origin import Origin, declared_origins, origin_of
from .presence import Presence
from .resolver import Resolver, make_mailbox
from .rounds import HealthRounds
from .signals import StopSignals
from .turnover import Turnover
from .vitals import Vitals

if TYPE_CHECKING:
    from ..kernel.composing import Wrap

LAST_ACTORS_SECONDS = 5.0
"""What the actors' own ends get at least, even when draining took all the time there was."""
ON_THE_WAY = ("new", "starting", "restarting")
PLUGIN_SECONDS = 2.0
PATIENCE = 1.0
"""How long a start or a stop is waited for, in seconds, before another look at the actors."""

_log = logging.getLogger("aplay_host")


@dataclass(frozen=True, slots=True)
class Ready:
    """Told once the first tree stands: every actor has started or is failed."""

    pid: int
    control: str | None
    metrics: str | None


class Host:
    """One daemon for one aplay.toml. Making it does nothing yet; `run` does it all.

    `phase` is ``starting``, ``running`` or ``stopping``; `planted` says that every declared
    address exists. `current` is what runs, and `reloads` makes what is on disk run. `faults` are
    those that have no class, and why; `holds` those that a person has stopped. `events` are the
    newest ones, and `audit` adds who did what to them. With `reload` files are followed whatever
    ``[reload] enabled`` says.
    """

    def __init__(
        self,
        config: HostConfig,
        *,
        strict: bool = False,
        safe: bool = False,
        reload: bool = False,
        on_ready: Callable[[Ready], None] = lambda ready: None,
        log: HostLog | None = None,
    ) -> None:
        self.phase = "starting"
        self._began_with = config
        self.planted = False
        self.origins: dict[Address, Origin] = {}
        self.faults: dict[Address, str] = {}
        self.holds: dict[str, Hold] = {}
        self.system = ActorSystem(
            config.host.name, interceptors=self._interceptors, mailboxes=self._make_mailbox
        )
        self.users = user_names()
        self.events = EventRing(secrets.token_hex(4))
        self.audit = Audit(self.events, self.users, lambda: self.current.number)
        self.feed = EventFeed(self.system, self.events, self.audit)
        self._settings = plugin_settings(config, strict=strict, safe=safe)
        self._options = HookOptions(config)
        none = self._plugin_set(Catalog((), self._settings))
        self.current = Generation(0, config, none)
        self._installs = InstalledWatch(self._installed)
        self.reloads = Engine(self, Resolver, lambda: self._installs.installing)
        self.follower = Follower(
            self, self.reloads, always=reload, installing=lambda: self._installs.installing
        )
        self.rounds = HealthRounds(lambda: self.plugins.hooks.health(self.info))
        self._on_ready = on_ready
        self.stalls = StallWatch(self._labels)
        self.log = log
        if log is not None:
            log.labels = self._labels
        self.presence = Presence(self)
        self.health, self.vitals = Health(self), Vitals(self)
        self.stalls.on_lag = self.vitals.metrics.observe_lag
        self.stalls.on_stall = self.vitals.metrics.count_stall
        self._stop_reason: asyncio.Future[str] | None = None
        self._rounds: list[asyncio.Task[None]] = []
        self._news: ActorNews | None = None
        self._asks_health = False
        self._turnover = Turnover(self.system, lambda: self.info)

    @property
    def config(self) -> HostConfig:
        """The file as the generation that runs has it."""
        return self.current.config

    @property
    def plugins(self) -> PluginSet:
        """The plugins of the generation that runs."""
        return self.current.plugins

    def commit(self, generation: Generation) -> None:
        """Make `generation` the one that runs."""
        generation.plugins.update(self.plugins.found)  # a former one does not know the newest
        waited = self.pending_restart
        before, self.current = self.plugins.hooks, generation
        if new := [key for key in self.pending_restart if key not in waited]:
            _log.warning("aplay.toml: %s: counts from the next start", ", ".join(new))
        hooks = self.plugins.hooks
        before.report = hooks.report = self.plugins.degrade
        self.origins = declared_origins(generation.config, self.plugins.catalog)
        self.vitals.declare()
        nodes = generation.tree.nodes
        self.faults = {node.address: node.fault for node in nodes if node.fault is not None}
        self.follower.check()
        if self.log is not None:
            self.log.follow(generation.config.log)
        if hooks is not before:
            compose_anew(self.system)
            self._listen()
            self._turnover.begin(before, hooks)

    def _labels(self, address: str) -> ActorLabels | None:
        """Return what log lines and metrics say of an actor; asked in any thread."""
        cell = self.system.cell_at(Address(address))
        if cell is None:
            return None
        origin = origin_of(cell.address, cell.spec.cls, self.origins)
        return ActorLabels(origin.type, origin.plugin, cell.generation)

    def _listen(self) -> None:
        """Begin what is done for plugins that hear of it, as soon as there is one."""
        if self._news is None and self.plugins.hooks.hears(*NEWS):
            self._news = ActorNews(self.system, lambda: self.plugins.hooks)
        if not self._asks_health and self.plugins.hooks.hears("aplay_health"):
            self._asks_health = True
            self._rounds.append(asyncio.create_task(self.rounds.run(), name="health rounds"))

    # ---- the whole life ------------------------------------------------------------------

    async def run(self) -> int:
        """Serve until a signal, or the tree itself, ends it; return the process's exit code.

        0 after an orderly stop, 1 when handlers were cut off or the tree ended itself.
        Raises `StateDirError`, `HostBusy`, `ConfigError` and `PluginError` when it cannot
        start; then everything that was begun has been ended.
        """
        self._stop_reason = asyncio.get_running_loop().create_future()
        state_dir = self.config.host.state_dir
        prepare_state_dir(state_dir)
        signals = StopSignals(self._stop_by_signal, self.system.abort, self._reload_config)
        with hold_lock(state_dir), signals.captured(), self.stalls.watching():
            async with self.vitals.shown(), self.presence.shown():
                return await self._live(self._stop_reason)

    def stop(self, reason: str) -> None:
        """Ask for an orderly stop; `run` then returns."""
        if self._stop_reason is not None and not self._stop_reason.done():
            self._stop_reason.set_result(reason)

    def _stop_by_signal(self, name: str) -> None:
        self.audit.tell(Deed("stop", Who("signal"), reason=name))
        self.stop(name)

    async def _live(self, asked_to_stop: asyncio.Future[str]) -> int:
        start = asyncio.create_task(self._start(), name="start")
        either: set[asyncio.Future[Any]] = {start, asked_to_stop}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if asked_to_stop.done() and not start.done():
            start.cancel()
            await asyncio.wait({start})
        failed = None if start.cancelled() else start.exception()
        reason = await asked_to_stop if failed is None else "the start failed"
        code = await self._stop(reason)
        if failed is not None:
            raise failed
        return code

    # ---- start ---------------------------------------------------------------------------

    async def _start(self) -> None:
        _log.info("starting %s from %s", self.config.host.name, self.config.file)
        found = await installed_soon()
        catalog = Catalog(found.entries, self._settings)
        plugins = self._plugin_set(catalog, self.config.host.state_dir)
        self.current = Generation(0, self.config, plugins)
        unclaimed = self._options.unclaimed(catalog)
        for warning in (*catalog.warnings, *unclaimed):
            _log.warning("%s", warning)
        self.plugins.open()
        for path in self.config.reload.watch:
            self.plugins.finder.add_place(str(path))
        self.plugins.load_hooks(self.info)
        with self._options.reported():
            plan = plan_tree(self.config, Resolver(self.plugins))
        if refusals := strict_refusals(self.plugins, plan, strict=self._settings.strict):
            raise PluginError("\n".join(("strict, and these plugins are bad:", *refusals)))
        _log_faults(plan, self.plugins)
        kept_out = {str(node.address) for node in plan.nodes if node.fault == SAFE_MODE.message}
        self.system.open()
        if self.plugins.hooks.hears(*NEWS):
            self._news = ActorNews(self.system, lambda: self.plugins.hooks)
        self.system.events.subscribe((SystemStopping,), self._ended_by_the_tree)
        self.system.events.subscribe((ReloadEvent,), self._reloaded)
        self.commit(Generation(1, self.config, self.plugins, plan))
        planting = self.system.plant(plan)
        self.planted = True
        self.holds = read_holds(self.config.host.state_dir)
        for ref in self.system.select("/**"):
            if ref.address in self.holds or ref.address in kept_out:
                ref.stop()
        await planting
        await self._settled()
        await self.plugins.hooks.host_started(self.info, self.system)
        self._listen()
        looking = asyncio.create_task(self._installs.run(found), name="looks at what is installed")
        following = asyncio.create_task(self.follower.run(), name="follows the files")
        self._rounds += [looking, following]
        self.phase = "running"
        self._tell_ready()

    def _tell_ready(self) -> None:
        actors = self.system.tree()
        failed = [status.address for status in actors if status.state == "failed"]
        count = f"{len(actors)} actor{'' if len(actors) == 1 else 's'}, pid {os.getpid()}"
        if failed:
            _log.warning("started, %s; failed: %s", count, ", ".join(failed))
        else:
            _log.info("ready, %s", count)
        if not actors:
            _log.warning("%s names no actor", self.config.file)
        control = self.presence.control
        told = None if control is None else str(control)
        self._on_ready(Ready(os.getpid(), told, self.vitals.address))

    async def _settled(self) -> None:
        """Wait until no declared actor is on its way: each runs, is failed, or is held."""
        changed = asyncio.Event()
        ends = (Started, Quarantined, Stopped, Removed)
        unsubscribe = self.system.events.subscribe(ends, lambda event: changed.set())
        declared = [self.system.ref(address) for address in self.config.actors]
        try:
            while any(ref.state in ON_THE_WAY for ref in declared):
                changed.clear()
                with suppress(TimeoutError):  # a start that is cut tells no event
                    async with asyncio.timeout(PATIENCE):
                        await changed.wait()
        finally:
            unsubscribe()

    def keep_holds(
        self, *, begun: Mapping[str, Hold] | None = None, ended: Iterable[str] = ()
    ) -> None:
        """Write down which actors a person has stopped and not started since."""
        over = frozenset(ended)
        holds = self.holds | dict(begun or {})
        self.holds = {address: hold for address, hold in holds.items() if address not in over}
        write_holds(self.config.host.state_dir, self.holds)

    @property
    def info(self) -> HostInfo:
        """What plugins are told of this host."""
        state_dir, safe = self.config.host.state_dir, self._settings.safe
        return HostInfo(self.config.host.name, __version__, state_dir, safe=safe)

    def _installed(self, found: Installed) -> None:
        """Take over what an installer did, and log what that means."""
        before = {(one.door, one.id): one.restart for one in self.plugins.rows()}
        change = self.plugins.update(found.entries)
        told = {"added": change.added, "changed": change.changed, "removed": change.removed}
        for word, dists in told.items():
            for dist in dists:
                _log.info("installed packages: %s is %s", dist, word)
        self.feed.installed(told)
        for entry in self.plugins.rows():
            new = before.get((entry.door, entry.id)) is None
            if entry.restart is not None and new:
                _log.warning("plugin %s: %s", entry.id, entry.restart.message)
        if self.follower.enabled:
            self.reloads.forget_refusals()  # what was missing may be there now
            request = Request("packages were installed", by_itself=True)
            self._begin_reload(request, Who("watcher"))

    def _reload_config(self) -> None:
        """Read aplay.toml again; while the host starts or stops there is nothing to change."""
        if self.phase == "running":
            self._begin_reload(Request("SIGHUP", config=True), Who("signal"))

    def _begin_reload(self, request: Request, who: Who) -> None:
        self.system.create_task(self._reload(request, who), f"reloads: {request.cause}")

    async def _reload(self, request: Request, who: Who) -> None:
        with self.audit.of("reload", who, reason=request.cause) as deed:
            deed.of_report(await self.reloads.reload(request))

    @property
    def pending_restart(self) -> tuple[str, ...]:
        """The keys of aplay.toml that are other than at the start, and count from the next."""
        return pending_restart(self._began_with, self.config)

    def _reloaded(self, event: ReloadEvent) -> None:
        if event.report is not None:
            self.plugins.hooks.tell("aplay_after_reload", report=event.report)

    def _plugin_set(self, catalog: Catalog, state_dir: Path | None = None) -> PluginSet:
        return PluginSet(catalog, self._settings, self._hook_failed, self._options, state_dir)

    def _hook_failed(self, failed: HookFailure) -> None:
        """Tell a failure and its tenth, hundredth, thousandth repetition; a hook may run often."""
        if failed.count == 10 ** (len(str(failed.count)) - 1):
            self.feed.hook_failed(failed)
            _log_hook_failure(failed)

    def _interceptors(self, ref: ActorRef, spec: ActorSpec) -> tuple[Wrap, ...]:
        return self.plugins.hooks.interceptors(ref, spec)

    def _make_mailbox(self, address: Address, spec: MailboxSpec) -> Mailbox | None:
        return make_mailbox(self.plugins, address, spec)

    def _ended_by_the_tree(self, event: SystemStopping) -> None:
        if self.system.fatal is not None:
            self.stop(f"a handler raised {self.system.fatal!r}")

    # ---- stop ----------------------------------------------------------------------------

    async def _stop(self, reason: str) -> int:
        self.phase = "stopping"
        self.events.end_streams(reason)
        self.reloads.close()
        for task in self._rounds:
            task.cancel()
        await asyncio.gather(*self._rounds, return_exceptions=True)
        await self._turnover.close()
        if not self.planted:
            await self.plugins.close(PLUGIN_SECONDS)
            return 0
        _log.info("stopping: %s", reason)
        seconds = self.config.host.drain_timeout
        ends = self.system.now() + seconds
        patience = self.system.loop.call_later(PATIENCE, self._tell_busy, seconds)
        await self.plugins.hooks.host_stopping(self.info, self.system, reason, seconds)
        drained = await self.system.drain(ends - self.system.now())
        left = max(ends - self.system.now(), LAST_ACTORS_SECONDS)
        report = await self.system.shutdown(left)
        patience.cancel()
        await self.plugins.close(PLUGIN_SECONDS)
        orderly = drained and report.clean and self.system.fatal is None
        if orderly:
            _log.info("stopped in order")
        else:
            cut = "; ".join(report.abandoned) or "handlers were cut off"
            _log.warning("stopped, but not in order: %s", self.system.fatal or cut)
        return 0 if orderly else 1

    def _tell_busy(self, seconds: float) -> None:
        busy = [
            f"{status.address} ({status.in_hand} in hand, {status.pending} waiting)"
            for status in self.system.tree()
            if status.in_hand or (status.pending and status.state == "running")
        ]
        if busy:
            text = "waiting up to %g s for %s; a second signal cuts them off"
            _log.info(text, seconds, ", ".join(busy))


def _log_faults(plan: TreePlan, plugins: PluginSet) -> None:
    """Log the bad plugins, and each declared actor that has no class."""
    if plugins.catalog.settings.safe:
        _log.warning("safe mode: no plugin is loaded, their actors are held and keep their mail")
        return
    for entry in plugins.rows():
        if entry.reason is not None and entry.state in BAD_STATES:
            _log.error("plugin %s is %s: %s", entry.id, entry.state, entry.reason.line())
            _log.debug("plugin %s: %s", entry.id, entry.reason.traceback)
    for node in plan.nodes:
        if node.fault is not None:
            _log.error("%s is failed: %s", node.address, node.fault, extra={"actor": node.address})


def _log_hook_failure(failed: HookFailure) -> None:
    more = f" ({failed.count} times so far)" if failed.count > 1 else ""
    line = failed.failure.line()
    _log.error("plugin %s: %s%s", failed.plugin, line, more)
