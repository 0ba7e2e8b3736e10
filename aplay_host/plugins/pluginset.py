"""The plugins of one host: what is loaded, in which state it is, and the calls to it."""

from __future__ import annotations

import copy
import logging
import os
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from .answers import check_actor
from .catalog import Catalog, NotOffered, Offer
from .clashes import BUILT_IN, OWN_MAILBOXES, KindOffer, plan_kinds
from .compatibility import PHASE as HOOKS_PHASE
from .entry import BAD_STATES, UNLOADED, Entry, Reason, State
from .failure import Failure, attempt
from .finder import ScopeFinder
from .guest import Guest
from .hookplugin import Candidate, HookPlugin, MakeOptions, default_options, make_hook_plugin
from .hooks import Hooks
from .hookspecs import HOOK_RULES
from .installed import Installations, InstalledChange, plan_entries, used
from .loading import Loader
from .quarantine import Quarantine
from .records import ActorRegistration, HookFailure, HostInfo, MailboxRegistration
from .settings import OWN_DIST, SAFE_MODE
from .staging import Renewal, StagedPlugins

if TYPE_CHECKING:
    from pathlib import Path

    from ..kernel import Actor
    from .settings import PluginSettings

T = TypeVar("T")

_log = logging.getLogger("aplay_host")


class PluginSet:
    """The plugins of one host.

    Two sets in one process share imported modules and nothing else. `catalog` is the current
    one: states change and names are added by putting another in its place; `found` is the scan
    that it was made of. `hooks` are the calls to those that are loaded, `mailboxes` the kinds
    that they and the host offer, and `finder` knows where their code is. `on_failure` is told
    every hook that fails, after its plugin was marked ``degraded``; `options` makes what a plugin
    that is a class with ``Options`` is called with.
    `kinds` are mailboxes of the host itself. With a `state_dir`, whose lock the caller holds, a
    plugin that ends the process while it is imported is left alone after the second time.
    """

    def __init__(
        self,
        catalog: Catalog,
        settings: PluginSettings,
        on_failure: Callable[[HookFailure], None] | None = None,
        options: MakeOptions = default_options,
        state_dir: Path | None = None,
        kinds: Iterable[MailboxRegistration] = (),
    ) -> None:
        self.catalog = catalog
        self.found = catalog.entries
        self.finder = ScopeFinder()
        self._take_into_scope()
        self._installations = Installations(catalog.entries, self.finder)
        self.hooks = Hooks(self.degrade, strict=settings.strict)
        self.mailboxes: Mapping[str, KindOffer] = {
            **BUILT_IN,
            **{one.kind: KindOffer(OWN_MAILBOXES, one) for one in kinds},
        }
        self._settings = settings
        self._on_failure = on_failure
        self._options = options
        self._actors: dict[str, type[Actor] | Failure] = {}
        self._registered: dict[str, str] = {}  # ids of the actors that hooks gave, with whose
        self._given: set[str] = set()  # those of them that came as classes
        self._objects: dict[str, object] = {}  # what the plugins' targets name, by id
        self._host: HostInfo | None = None
        self._loader = Loader(self.finder, Quarantine(state_dir) if state_dir else None)

    def add_paths(self) -> None:
        """Make what lies in ``[plugins] paths`` importable after all else, and followed."""
        for path in map(str, self._settings.paths):
            if path not in sys.path:
                sys.path.append(path)
            self.finder.add_place(path, wherever=False)

    def open(self) -> None:
        """Add the paths, and be asked for guests' modules at any time until `close`.

        Without it they are found as well, but what their code imports later is not noted.
        """
        self.add_paths()
        self.finder.install()

    async def close(self, seconds: float) -> None:
        """Give queued calls `seconds` to be made, then end the tasks that make them.

        Modules belong to the process and stay.
        """
        await self.hooks.close(seconds)
        self.finder.remove()

    def rows(self) -> tuple[Entry, ...]:
        """Return all entries in their current states, sorted by door, distribution and name."""
        return self.catalog.entries

    def refusals(self) -> tuple[str, ...]:
        """Return why the host must not start: one text per bad entry, none unless ``strict``."""
        if not self._settings.strict:
            return ()
        bad = [one for one in self.rows() if one.state in BAD_STATES]
        return tuple(f"{one.id}: {one.reason.line() if one.reason else one.state}" for one in bad)

    def failures(self) -> dict[str, Reason]:
        """Return why what was to be loaded is not, by the id of the plugin or the offer."""
        rows = ((one.id, one.reason) for one in self.rows() if one.state in UNLOADED)
        offers = {id_: it for id_, it in self._actors.items() if isinstance(it, Failure)}
        return {id_: reason for id_, reason in rows if reason} | offers

    def update(self, found: Iterable[Entry]) -> InstalledChange:
        """Take over what a new scan `found`, and return what differs from the one before.

        What is loaded runs on, and its entries tell what is installed instead. Actors that came
        can be loaded from now on; hooks wait until they are asked for by name.
        """
        found = tuple(found)
        if found is self.found:
            return InstalledChange()
        self.found = found
        change = self._installations.update(found)
        after = Catalog(plan_entries(self.rows(), found, change, self._stays), self._settings)
        for dist, entry in used(one for one in after.entries if one.state == "found").items():
            if change.brings(dist):
                self._installations.follow(entry)
        self.catalog = Catalog(map(self._installations.judged, after.entries), self._settings)
        self._actors = {id_: kept for id_, kept in self._actors.items() if isinstance(kept, type)}
        self._take_into_scope()
        return change

    def _stays(self, entry: Entry) -> bool:
        given = entry.door == "actor" and entry.id in self._registered
        return given or entry.state == "active"

    def _take_into_scope(self) -> None:
        for entry in self.catalog.entries:
            if entry.state == "found":
                self.finder.add(entry.module)

    def load_actor(self, use: str) -> type[Actor] | Failure:
        """Return the class that `use` means, imported on first need, or why there is none.

        The answer is kept for the next node, until `stage` tries once more.
        """
        offer = self.catalog.find(use)
        if isinstance(offer, NotOffered):
            text = f"{offer.message}; {offer.hint}" if offer.hint else offer.message
            return Failure("find", "not-offered", text)
        if self._settings.safe and offer.plugin != OWN_DIST:
            return Failure.because(SAFE_MODE)
        kept = self._actors.get(offer.id)
        if kept is None:
            kept = self._actors[offer.id] = self._import_actor(offer)
        entry = self.catalog.entry("actor", offer.id) if offer.plugin else None
        if entry is not None and entry.state == "found" and isinstance(kept, type):
            self._put(entry, state="active", **self._where(entry))  # a hook gave the class
        return kept

    # ---- the next generation -------------------------------------------------------------

    def targets(self) -> dict[str, str]:
        """Return the module of each actor class that was asked for, by the id of its offer."""
        offers = ((id_, self.catalog.find(id_)) for id_ in self._actors)
        return {
            id_: offer.target.partition(":")[0]
            for id_, offer in offers
            if isinstance(offer, Offer) and id_ not in self._given
        }

    def hook_modules(self) -> dict[str, str]:
        """Return the modules whose hooks are registered, with the plugin of each."""
        active = (one for one in self.rows() if one.door == "plugin" and one.state == "active")
        return {one.module: one.id for one in active}

    def owner_of(self, module: str) -> Entry | None:
        """Return an entry of the distribution that `module` belongs to, if one is known."""
        package = module.partition(".")[0]
        mine = (one for one in self.rows() if one.module.partition(".")[0] == package)
        return next((one for one in mine if one.state != "shadowed"), None)

    def stage(self, renewal: Renewal) -> StagedPlugins:
        """Load modules anew, aside: see `StagedPlugins` for what comes of them.

        What could not be loaded before and still cannot is no failure.
        """
        self.add_paths()  # what came to lie there since is in scope, too
        self._loader.pardon(renewal.pardoned)
        after = copy.copy(self)
        after._actors = dict(self._actors)
        if renewal.upgraded:
            after._take_over(renewal.upgraded)
        were = {id_: after._actors.pop(id_, None) for id_ in renewal.actors}
        hooked = [one for one in after.rows() if one.door == "plugin" and _is_due(one, renewal)]
        if hooked:
            after._let_go({one.id for one in hooked})

        def look_up() -> Failure | None:
            failures = after._load_plugins(hooked)
            for one in hooked:
                if one.state == "active" and one.id in failures:
                    return failures[one.id]
            for id_, before in were.items():
                got = after.load_actor(id_)
                if isinstance(got, Failure) and isinstance(before, type):
                    return got
            return None

        staged = StagedPlugins(after, self.finder)
        staged.run(renewal, partial(self._loader.load_anew, whose=self._guest_of), look_up)
        return staged

    def _let_go(self, plugins: Collection[str]) -> None:
        """Be without these plugins, and without what they gave."""
        given = {id_ for id_, plugin in self._registered.items() if plugin in plugins}
        self._actors = {id_: one for id_, one in self._actors.items() if id_ not in given}
        self._registered = {id_: it for id_, it in self._registered.items() if id_ not in given}
        self._given = self._given - given
        self._objects = {id_: it for id_, it in self._objects.items() if id_ not in plugins}
        kinds = self.mailboxes.items()
        self.mailboxes = {kind: it for kind, it in kinds if it.plugin not in plugins}
        stay = (one for one in self.rows() if one.door == "plugin" or one.id not in given)
        self.catalog = Catalog(stay, self._settings)
        self.hooks = self.hooks.without(plugins, self.degrade)

    def _take_over(self, dists: Collection[str]) -> None:
        """Have these distributions be as they are installed now, in the states that they had."""
        self._installations = self._installations.without(dists)
        states = {(one.door, one.id): one.state for one in self.rows() if one.dist in dists}
        kept = [one for one in self.rows() if one.dist not in dists or one.id in self._registered]
        came = [one for one in self._installations.found if one.dist in dists]
        came = [replace(one, state=states.get((one.door, one.id), one.state)) for one in came]
        self.catalog = Catalog(map(self._installations.judged, (*kept, *came)), self._settings)

    def _guest_of(self, module: str) -> Guest:
        owner = self.owner_of(module)
        return Guest.of(module, owner.dist, owner.metadata) if owner else Guest.of(module, None)

    def _import_actor(self, offer: Offer) -> type[Actor] | Failure:
        if offer.plugin is None:
            return self._import_module(offer)
        entry = self.catalog.entry("actor", offer.id)
        assert entry is not None  # the catalog has just offered it
        if entry.restart is not None:
            return Failure.because(entry.restart)
        return self._load(entry, check_actor)

    def _import_module(self, offer: Offer) -> type[Actor] | Failure:
        """Load what a person names who vouches for it: it has no entry."""
        self.finder.add(offer.target.partition(":")[0], wherever=False)
        guest = Guest.of(offer.target, None)
        got = self._loader.load(offer.id, offer.target, guest, check_actor)
        self._tell_shadowed(guest.package)
        return got

    def _load(self, entry: Entry, accept: Callable[[object], T | Failure]) -> T | Failure:
        """Load what `entry` names, and note in the catalog what came of it."""

        def accept_here(found: object) -> T | Failure:
            astray = self._installations.astray(entry, self.finder.file_of(entry.module))
            return Failure("import", "elsewhere", astray) if astray else accept(found)

        guest = Guest.of(entry.target, entry.dist, entry.metadata)
        self.finder.add(entry.module)
        began = time.perf_counter()
        got = self._loader.load(entry.id, entry.target, guest, accept_here)
        took = round((time.perf_counter() - began) * 1000)
        if isinstance(got, Failure):
            self._put(entry, state=_state_after(got), reason=got, restart=None)
        else:
            facts = {"import_ms": took, **self._where(entry)}
            self._put(entry, state="active", reason=None, restart=None, flags=(), **facts)
        return got

    def _where(self, entry: Entry) -> dict[str, str | None]:
        module = entry.module
        return {"file": self.finder.file_of(module), "root": self.finder.root_of(module)}

    def _tell_shadowed(self, package: str) -> None:
        """Warn when the module that was imported is not the one of ``[plugins] paths``."""
        used = getattr(sys.modules.get(package), "__file__", None)
        for folder in self._settings.paths:
            for file in (folder / f"{package}.py", folder / package / "__init__.py"):
                if used and file.is_file() and not _same(used, file):
                    _log.warning("%s is not used: %s is installed and comes first", file, used)

    def load_hooks(self, host: HostInfo) -> None:
        """Import every admitted plugin of the second door and register its hooks; call once.

        They come in the order of their ids. One that does not load is noted in its entry,
        and leaves nothing behind but third-party modules.
        """
        self._host = host
        found = (one for one in self.rows() if one.door == "plugin" and one.state == "found")
        self._load_plugins(found)

    def _load_plugins(self, entries: Iterable[Entry]) -> dict[str, Failure]:
        """Load plugins and take over what they offer; return what failed, by their ids."""
        offers: list[KindOffer] = []
        failures: dict[str, Failure] = {}
        for entry in entries:
            got = self._load_plugin(entry)
            if isinstance(got, Failure):
                failures[entry.id] = got
            else:
                offers += got
        plan = plan_kinds(offers, self.mailboxes)
        self.mailboxes = plan.kinds
        for offer, message in plan.refused:
            self._refuse_record(offer.plugin, "aplay_mailboxes", message)
        return failures

    def _load_plugin(self, entry: Entry) -> list[KindOffer] | Failure:
        """Load one plugin and take over its actors; return the mailboxes that it offers."""
        assert self._host is not None  # `load_hooks` comes first
        guest = Guest.of(entry.target, entry.dist, entry.metadata)
        got = self._load(entry, partial(self._accept, entry, guest, self._host))
        if isinstance(got, Failure):
            return got
        for record in got.actors:
            self._add_actor(entry, record)
        return [KindOffer(entry.id, record) for record in got.mailboxes]

    def _accept(
        self, entry: Entry, guest: Guest, host: HostInfo, found: object
    ) -> HookPlugin | Failure:
        for id_, one in self._objects.items():
            if one is found:
                return Failure("register", "shadowed", f"{id_} names the same object")
        candidate = Candidate(entry.id, guest, found, self._owners(entry))
        got = make_hook_plugin(candidate, host, self._options)
        if isinstance(got, Failure):
            return got
        done = attempt(partial(self.hooks.register, got.instance, entry.id), "register", guest)
        self._objects[entry.id] = found
        return done if isinstance(done, Failure) else got

    def _owners(self, entry: Entry) -> dict[str, str]:
        own = entry.module
        others = [one for one in self.rows() if one.door == "plugin" and one.state != "disabled"]
        modules = {one.module: one.id for one in others}
        return {module: id_ for module, id_ in modules.items() if module != own}

    def _add_actor(self, plugin: Entry, record: ActorRegistration) -> None:
        cls = record.actor
        target = cls if isinstance(cls, str) else f"{cls.__module__}:{cls.__qualname__}"
        entry = replace(plugin, name=record.name, door="actor", target=target)
        if self.catalog.entry("actor", entry.id) is not None:
            message = f'"{record.name}" is offered by {plugin.dist} already'
            self._refuse_record(plugin.id, "aplay_actors", message)
            return
        self.catalog = self.catalog.extended([entry])
        self._registered[entry.id] = plugin.id
        if not isinstance(cls, str):
            self._given.add(entry.id)
            self._actors[entry.id] = cls

    def _refuse_record(self, plugin: str, hook: str, message: str) -> None:
        self.hooks.failed(HookFailure(plugin, hook, Failure(hook, "duplicate-name", message)))

    def degrade(self, failed: HookFailure) -> None:
        """Mark the plugin of a hook that failed, and tell `on_failure`."""
        entry = self.catalog.entry("plugin", failed.plugin)
        if entry is not None and HOOK_RULES[failed.hook].on_error != "logged":
            self._put(entry, state="active", reason=failed.failure, flags=("degraded",))
        if self._on_failure is not None:
            self._on_failure(failed)

    def _put(self, entry: Entry, **facts: Any) -> None:
        new = replace(entry, **facts)
        if new != entry:
            self.catalog = self.catalog.replaced(entry, new)


def _is_due(entry: Entry, renewal: Renewal) -> bool:
    """Tell whether a hook plugin is to be loaded anew, or tried once more."""
    if entry.state == "active":
        return entry.module in renewal.superseded
    return entry.can_be_tried and entry.module in renewal.tried


def _same(one: str, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _state_after(failure: Failure) -> State:
    if failure.type == "shadowed":
        return "shadowed"
    if failure.type == "quarantined":
        return "quarantined"
    return "incompatible" if failure.phase == HOOKS_PHASE else "failed"
