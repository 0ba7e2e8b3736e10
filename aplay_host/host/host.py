"""The daemon: what happens in which order from start to stop.

Start: lock, control socket (which answers ``starting``), plugins found without importing,
hook plugins loaded, tree planned, durable mail opened, all cells made, actors started, plugins
told, ready.

Stop: see `stop`; then socket and record go, and the lock last.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Callable, Coroutine, Iterable, Mapping
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
    SystemStopping,
    compose_anew,
)
from ..mailboxes import TypeRegistry
from ..plugins import SAFE_MODE, Catalog, HookFailure, HostInfo, Installed, PluginSet
from ..reload import Engine, Follower, Generation, ReloadEvent, Request, pending_restart
from ..telemetry import ActorLabels, HostLog, Notifier, StallWatch
from .audit import Audit
from .checking import plugin_settings, strict_refusals
from .durable import (
    KIND,
    durable_kind,
    keep_on,
    learn_types,
    make_engine,
    needs_engine,
    open_mail,
    watch_mail,
)
from .feed import EventFeed
from .health import Health
from .holds import Hold, read_holds, user_names, write_holds
from .installed import InstalledWatch, installed_soon
from .news import NEWS, ActorNews
from .options import HookOptions
from .orders import SignalOrders
from .origin import Origin, declared_origins, origin_of
from .presence import Presence
from .resolver import Resolver, make_mailbox
from .rounds import HealthRounds
from .service import Service
from .signals import Signals
from .start import log_faults, log_hook_failure, log_start, settled
from .stop import stop_in_order
from .turnover import Turnover
from .vitals import Vitals

if TYPE_CHECKING:
    from ..kernel.composing import Wrap

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
    newest ones, and `audit` adds who did what to them. `notifier` reaches the service manager.
    `mail` is the engine of all durable mail, and `types` are the messages that it can read.
    """

    def __init__(
        self,
        config: HostConfig,
        *,
        safe: bool = False,
        on_ready: Callable[[Ready], None] = lambda ready: None,
        log: HostLog | None = None,
        notifier: Notifier | None = None,
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
        self.types = TypeRegistry()
        self.mail = make_engine(config, self.types)
        self.users = user_names()
        self.events = EventRing(secrets.token_hex(4))
        self.audit = Audit(self.events, self.users, lambda: self.current.number)
        self.feed = EventFeed(self.system, self.events, self.audit)
        self._settings = plugin_settings(config, safe=safe)
        self._options = HookOptions(config)
        none = self._plugin_set(Catalog((), self._settings))
        self.current = Generation(0, config, none)
        self._installs = InstalledWatch(self._installed)
        self.reloads = Engine(self, Resolver, lambda: self._installs.installing)
        self.follower = Follower(self, self.reloads, installing=lambda: self._installs.installing)
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
        self.service = Service(notifier or Notifier(), self.system)
        self.orders = SignalOrders(self)
        self._asked_to_stop = asyncio.Event()
        self._stop_reason = ""
        self._must_fail = False
        self._background: set[asyncio.Task[None]] = set()
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
        cells = list(self.system.cells()) if self.planted else []
        classes = [cell.spec.cls for cell in cells]
        classes += (node.spec.cls for node in nodes if node.spec is not None)  # the newest last
        learn_types(self.mail, self.types, classes)
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
            self.begin(self.rounds.run(), "health rounds")

    def begin(self, coro: Coroutine[Any, Any, None], name: str) -> None:
        """Run `coro` until it ends, or the host stops."""
        task = asyncio.create_task(coro, name=name)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def end_background(self) -> None:
        """End what goes on beside the actors."""
        tasks = [*self._background]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._turnover.close()

    # ---- the whole life ------------------------------------------------------------------

    async def run(self) -> int:
        """Serve until a signal, or the tree itself, ends it; return the process's exit code.

        0 after an orderly stop; 1 when handlers were cut off, a second signal came, the tree
        ended itself, or with ``host.on_failed = "exit"`` a required actor is failed.
        Raises `StateDirError`, `HostBusy`, `ConfigError` and `PluginError` when it cannot
        start; then everything that was begun has been ended.
        """
        state_dir = self.config.host.state_dir
        prepare_state_dir(state_dir)
        signals = Signals(self.orders)
        with hold_lock(state_dir), signals.captured(), self.stalls.watching():
            beats = asyncio.create_task(self.service.run(), name="beats")
            try:
                async with self.vitals.shown(), self.presence.shown():
                    orderly = await self._live()
            finally:
                beats.cancel()
        return 0 if orderly and not (self._must_fail or signals.forced) else 1

    async def _live(self) -> bool:
        start = asyncio.create_task(self._start(), name="start")
        asked = asyncio.create_task(self._asked_to_stop.wait(), name="asked to stop")
        await asyncio.wait({start, asked}, return_when=asyncio.FIRST_COMPLETED)
        if asked.done() and not start.done():
            start.cancel()
            await asyncio.wait({start})
        failed = None if start.cancelled() else start.exception()
        if failed is None:
            await asked
        asked.cancel()
        reason = self._stop_reason if failed is None else "the start failed"
        orderly = await stop_in_order(self, reason)
        if failed is not None:
            raise failed
        return orderly

    def stop(self, reason: str) -> None:
        """Ask for an orderly stop, at any time; `run` then returns."""
        if not self._asked_to_stop.is_set():
            self._stop_reason = reason
            self._asked_to_stop.set()

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
        log_faults(plan, self.plugins)
        if needs_engine(plan, self.mail.file):
            await open_mail(self.mail)
            plan = keep_on(plan, self.mail)
        self.begin(watch_mail(self.mail), "watches durable mail")
        kept_out = {str(node.address) for node in plan.nodes if node.fault == SAFE_MODE.message}
        self.system.open()
        if self.plugins.hooks.hears(*NEWS):
            self._news = ActorNews(self.system, lambda: self.plugins.hooks)
        self.system.events.subscribe((SystemStopping,), self._ended_by_the_tree)
        self.system.events.subscribe((Quarantined,), lambda event: self._check_required())
        self.system.events.subscribe((ReloadEvent,), self._reloaded)
        self.commit(Generation(1, self.config, self.plugins, plan))
        planting = self.system.plant(plan)
        self.planted = True
        self.holds = read_holds(self.config.host.state_dir)
        for ref in self.system.select("/**"):
            if self.is_held(ref.address) or ref.address in kept_out:
                ref.stop()
        await planting
        await settled(self.system, self.config.actors)
        self._check_required()
        await self.plugins.hooks.host_started(self.info, self.system)
        self._listen()
        self.begin(self._installs.run(found), "looks at what is installed")
        self.begin(self.follower.run(), "follows the files")
        self.phase = "running"
        log_start(self.system, self.config.file)
        self.service.ready()
        control = self.presence.control
        told = None if control is None else str(control)
        self._on_ready(Ready(os.getpid(), told, self.vitals.address))
        self.orders.started()

    def _check_required(self) -> None:
        """With ``host.on_failed = "exit"``, stop once an actor that is required is failed."""
        if self.config.host.on_failed == "degrade":
            return
        for address, entry in self.config.actors.items():
            if entry.required and self.system.ref(address).state == "failed":
                self._must_fail = True
                self.stop(f"{address} is failed, and is required")

    def is_held(self, address: str) -> bool:
        """Tell whether a person has stopped the actor there, also one that is not there now."""
        return address in self.holds

    def keep_holds(
        self, *, begun: Mapping[str, Hold] | None = None, ended: Iterable[str] = ()
    ) -> None:
        """Write down which actors a person has stopped and not started since.

        That the disk takes no file is told in the log: it is when stopping is needed most.
        """
        over = frozenset(ended)
        holds = self.holds | dict(begun or {})
        self.holds = {address: hold for address, hold in holds.items() if address not in over}
        try:
            write_holds(self.config.host.state_dir, self.holds)
        except OSError as error:
            told = "who is stopped is not kept over a restart until the next stop or start: %s"
            _log.error(told, error)

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
            self.system.create_task(self._reload_by_itself(request), f"reloads: {request.cause}")

    async def _reload_by_itself(self, request: Request) -> None:
        with self.audit.of("reload", Who("watcher"), reason=request.cause) as deed:
            deed.of_report(await self.reloads.reload(request))

    @property
    def pending_restart(self) -> tuple[str, ...]:
        """The keys of aplay.toml that are other than at the start, and count from the next."""
        return pending_restart(self._began_with, self.config)

    def _reloaded(self, event: ReloadEvent) -> None:
        self._check_required()
        if event.report is not None:
            self.plugins.hooks.tell("aplay_after_reload", report=event.report)

    def _plugin_set(self, catalog: Catalog, state_dir: Path | None = None) -> PluginSet:
        kinds = [durable_kind(self.mail.make_mailbox)]
        return PluginSet(
            catalog, self._settings, self._hook_failed, self._options, state_dir, kinds
        )

    def _hook_failed(self, failed: HookFailure) -> None:
        """Tell a failure and its tenth, hundredth, thousandth repetition; a hook may run often."""
        if failed.count == 10 ** (len(str(failed.count)) - 1):
            self.feed.hook_failed(failed)
            log_hook_failure(failed)

    def _interceptors(self, ref: ActorRef, spec: ActorSpec) -> tuple[Wrap, ...]:
        return self.plugins.hooks.interceptors(ref, spec)

    def _make_mailbox(self, address: Address, spec: MailboxSpec) -> Mailbox | None:
        cell = self.system.cell_at(address)
        if spec.kind == KIND and cell is not None and not cell.planned:  # made by code
            learn_types(self.mail, self.types, [cell.spec.cls])
        return make_mailbox(self.plugins, address, spec)

    def _ended_by_the_tree(self, event: SystemStopping) -> None:
        if self.system.fatal is not None:
            self.stop(f"a handler raised {self.system.fatal!r}")
