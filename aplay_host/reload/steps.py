"""The steps of a transaction, in order; each is a function that a test can fail.

look · plan · compile · ask · stage, beside what runs; then hold the actors, swap, and go on.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ..config import HostConfig, load_config, plan_tree
from ..errors import BadAddress, ConfigError
from ..kernel import (
    Address,
    Busy,
    CellView,
    Quiesce,
    TreePlan,
)
from ..plugins import (
    Offer,
    PluginSet,
    Renewal,
    digest_of,
    entries_named,
    place_of,
)
from .building import build, first_of, in_time
from .disk import changes_of, in_question, look_at, upgraded_among, upgrades_left
from .event import ReloadEvent
from .generation import (
    Former,
    Generation,
    declared_in,
    running,
    users_of,
)
from .plan import PluginStep, ReloadPlan, plan_reload
from .reclass import Reclass
from .refusal import Refusal, Refused
from .report import RESTART, VETO, ReloadReport, ReloadTrouble
from .running import FileChange
from .successors import Successors
from .transaction import InVain, Stale, Transaction
from .wording import bad_config, failed_import

if TYPE_CHECKING:
    from ..kernel import Op
    from ..kernel.cell import ActorCell
    from .generation import Site


async def run(tx: Transaction) -> ReloadReport:
    """Carry out all steps; whatever happens, what is there afterwards is whole.

    Raises `CommandError` for a plugin that is not there, `Stale` and `InVain`.
    """
    try:
        with tx.timed("plan"):
            found = plan_back(tx, tx.former) if tx.former else await plan(tx)
        refuse_what_was_in_vain(tx)
        if found.refusals:
            raise Refused(found.refusals[0])
        if found.is_empty or tx.request.dry_run:
            return _nothing(tx, found)
        started = "reload.started", tx.request.cause
        tx.site.system.events.tell(ReloadEvent, Address("/"), *started)
        if tx.former is None:
            await prepare(tx, found)
        await quiesce(tx, found)
    except Refused as error:
        refuse_what_was_in_vain(tx)
        return tx.report("refused", ReloadTrouble.of(error.refusal, error.traceback))
    except Busy as error:
        return tx.report("waiting", _busy(tx, error))
    finally:
        if tx.staged is not None and tx.former is None:
            tx.staged.drop()
    begin(tx, found)
    return tx.report("committed", _still_failed(tx, found))


def refuse_what_was_in_vain(tx: Transaction) -> None:
    """Raise `InVain` where nobody asks for it and it was tried before."""
    if tx.request.by_itself and tx.attempt == tx.in_vain:
        raise InVain


def _read_config(running: HostConfig, content: bytes | None) -> HostConfig:
    """Return what aplay.toml says, of which `content` was read, None where that was impossible.

    What the command line says of the configuration that is `running` goes on to hold.
    """
    try:
        config = load_config(running.file, content, running.document.settings)
    except ConfigError as error:
        raise bad_config(error) from None
    if content is None:
        raise Stale  # it is there now
    config.document.inherit(running.document)
    return config


async def prepare(tx: Transaction, found: ReloadPlan) -> None:
    """Make all that a swap needs, beside what runs."""
    with tx.timed("stage"):
        compile_changed(tx)
    await ask(tx, found)
    with tx.timed("stage"):
        stage(tx, found)


async def look(tx: Transaction) -> None:
    """Read what is on disk: aplay.toml, and each module in question."""
    plugins, names = tx.base.plugins, tx.request.plugins
    if tx.request.retry:
        return
    tx.wanted = tuple(one for name in names for one in entries_named(name, plugins.rows()))
    for entry in tx.wanted:
        if entry.moved_to is not None:
            text, cure = f"its files are in {entry.moved_to} now", "restart the host"
            raise Refused(Refusal(RESTART, entry.id, text, "files where they were", cure))
    modules: Iterable[str] = ()
    if not tx.request.config:
        upgraded = tx.request.by_itself
        modules = in_question(running(tx.base), plugins, tx.wanted, upgraded=upgraded)
    try:
        tx.disk, toml = await look_at(plugins, modules, str(tx.base.config.file), tx.hold)
    except Refused as error:
        tx.attempt = (error.refusal.place, error.refusal.got)
        raise
    tx.attempt = (None if toml is None else digest_of(toml),)
    if not names:
        tx.config = _read_config(tx.base.config, toml)


async def plan(tx: Transaction) -> ReloadPlan:
    """Decide what a commit would do; nothing is touched."""
    tx.catalog = tx.base.plugins.catalog
    await look(tx)
    declared = declared_in(tx.config) if tx.config else None
    now, plugins = running(tx.base), tx.base.plugins
    tx.located = frozenset(plugins.finder.located)
    changes = changes_of(now, tx.disk, plugins)
    digests = {name: file.digest for name, file in tx.disk.items() if file is not None}
    tx.attempt += tuple((it.kind, it.path, digests.get(it.module)) for it in changes)
    graph = tx.imports.graph(plugins.finder.located.values())
    cells = [CellView.of(cell) for cell in tx.site.system.cells() if not _leaves(cell)]
    found = plan_reload(now, changes, graph, cells, declared=declared)
    steps = (*found.plugins, *_tried_again(tx))
    users = users_of(tx.base, [it.id for it in steps if it.step == "retry"])
    if users:
        because = {address: f"{id_} is tried again" for address, id_ in users.items()}
        found = plan_reload(now, changes, graph, cells, declared=declared, because=because)
    if not (tx.wanted or tx.request.config or tx.request.by_itself):
        tx.notes += upgrades_left(plugins)
    tx.plan = replace(found, plugins=steps)
    return tx.plan


def _tried_again(tx: Transaction) -> Iterator[PluginStep]:
    """Yield what is not loaded, of that which is asked for by name; all hooks that wait."""
    rows = tx.base.plugins.rows() if tx.request.by_itself else ()
    named = [it for it in tx.wanted if it.can_be_tried]
    named += [it for it in rows if it.state == "found" and it.can_be_tried]
    yield from (PluginStep(it.id, "retry", it.module) for it in named if it.door == "plugin")
    for id_ in (*tx.request.retry, *(it.id for it in named if it.door == "actor")):
        offer = tx.base.plugins.catalog.find(id_)
        if isinstance(offer, Offer):
            yield PluginStep(id_, "retry", offer.target.partition(":")[0])


def plan_back(tx: Transaction, former: Former) -> ReloadPlan:
    """Decide what going back to `former` would do; its modules are there already."""
    now, plugins = running(tx.base), tx.base.plugins
    tx.catalog, tx.staged = plugins.catalog, former.staged
    tx.located = frozenset(plugins.finder.located)
    tx.tree = former.generation.tree
    tx.specs = {node.address: node.spec for node in tx.tree.nodes if node.spec is not None}
    cells = [CellView.of(cell) for cell in tx.site.system.cells() if not _leaves(cell)]
    changes = [
        FileChange("edited" if module else "deleted", name, now.modules[name].path or name)
        for name, module in former.staged.modules.items()
        if name in now.modules
    ]
    graph = tx.imports.graph(plugins.finder.located.values())
    tx.config = former.generation.config
    declared = declared_in(tx.config)
    found = plan_reload(now, changes, graph, cells, declared=declared)
    later = [it.module for it in found.affected if it.module not in former.staged.modules]
    if not tx.request.dry_run:
        former.staged.take_out(later)
    tx.reclass = Reclass(Successors(former.staged.modules))
    tx.plan = found
    return found


def _nothing(tx: Transaction, found: ReloadPlan) -> ReloadReport:
    if found.is_empty and found.restart:
        first = found.restart[0]
        refusal = Refusal(RESTART, first.module, first.why, "a new process", "restart the host")
        return tx.report("refused", ReloadTrouble.of(refusal))
    if found.is_empty and tx.config is not None and not tx.request.dry_run:
        tx.site.commit(replace(tx.base, config=tx.config))  # places, and what waits for a restart
    return tx.report("nothing")


def compile_changed(tx: Transaction) -> None:
    """Refuse what is no Python before anything is touched."""
    for change in tx.plan.changed if tx.plan else ():
        file = tx.disk.get(change.module)
        if file is None or file.source is None:
            continue
        try:
            compile(file.source, file.path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            place = place_of(change.module, file.path, getattr(error, "lineno", None) or 1)
            text = f"{type(error).__name__}: {getattr(error, 'msg', None) or error}"
            cure = "correct it and save again"
            raise Refused(Refusal("syntax", place, text, "Python", cure)) from error


async def ask(tx: Transaction, found: ReloadPlan) -> None:
    """Ask the plugins that run whether this may be; raises `Refused` for a veto."""
    hooks = tx.base.plugins.hooks
    if not hooks.hears("aplay_before_reload"):
        return
    with tx.timed("ask"):
        modules = tx.base.plugins.hook_modules()
        own = [modules[name] for name in found.superseded if name in modules]
        verdict = await hooks.before_reload(found, own)
    if verdict.vetoes:
        place, got = "veto", "; ".join(verdict.vetoes)
        cure = "clear what it names, then: aplay-host reload"
        raise Refused(Refusal(VETO, place, got, "no veto", cure))


def stage(tx: Transaction, found: ReloadPlan) -> None:
    """Import the new modules aside and plan the tree with their classes."""
    renewal = Renewal(
        found.order,
        found.superseded,
        found.tried,
        tuple(it.id for it in found.plugins),
        {file.path: file.source for file in tx.disk.values() if file and file.source is not None},
        upgraded_among(found.changed, tx.base.plugins),
        tuple(it.id for it in tx.wanted if it.state == "quarantined"),
    )
    tx.staged = tx.base.plugins.stage(renewal)
    if tx.staged.failure is not None:
        raise failed_import(tx.staged.failure)
    tx.reclass = Reclass(Successors(tx.staged.modules))
    plugins = tx.staged.plugins
    tx.tree = tx.staged.within(lambda: _plan_tree(tx, plugins))
    tx.specs = {node.address: node.spec for node in tx.tree.nodes if node.spec is not None}
    worse = _faults(tx.tree).items() - _faults(tx.base.tree).items()
    for address, fault in sorted(worse):
        if address not in _faults(tx.base.tree):
            cure = "correct it and save again"
            raise Refused(Refusal("fault", address, fault, "a class that can be used", cure))


def _plan_tree(tx: Transaction, plugins: PluginSet) -> TreePlan:
    try:
        return plan_tree(tx.config or tx.base.config, tx.resolve(plugins))
    except ConfigError as error:
        raise bad_config(error) from None


def _faults(tree: TreePlan) -> dict[Address, str]:
    return {node.address: node.fault for node in tree.nodes if node.fault is not None}


async def quiesce(tx: Transaction, found: ReloadPlan) -> None:
    """Hold the actors, swap, and let them go on."""
    steps = (it for it in found.cells if it.action != "remove")
    addresses = [it.address for it in steps if tx.site.system.cell_at(it.address) is not None]
    terms, began = tx.base.config.reload, time.perf_counter()
    try:
        async with tx.site.system.quiesce(
            addresses, deadline=terms.drain_timeout, on_busy=terms.on_busy
        ) as quiet:
            tx.phases["drain"] = round(time.perf_counter() - began, 6)
            if tx.site.current is not tx.base or not _is_as_planned(tx):
                raise Stale
            with tx.timed("swap"):
                swap(tx, quiet)
    except BadAddress:
        raise Stale from None  # it was removed meanwhile


def _is_as_planned(tx: Transaction) -> bool:
    """Tell whether the same plugins are there, and nothing was imported since it was planned."""
    plugins = tx.base.plugins
    same = tx.catalog is not None and plugins.catalog.is_as(tx.catalog)
    return same and plugins.finder.located.keys() == tx.located


def swap(tx: Transaction, quiet: Quiesce) -> None:
    """Build, hand over, commit: without an await, so that nothing else runs until it is over."""
    assert tx.staged is not None
    assert tx.reclass is not None
    views = quiet.cells
    with in_time() as alarm:
        firsts = {view.address: first_of(quiet, view, alarm) for view in views}
    system, hooks = tx.site.system, tx.staged.plugins.hooks
    tx.staged.keep()
    interceptors, system.interceptors = system.interceptors, hooks.interceptors
    try:
        with in_time() as alarm:
            staged = [build(tx, quiet, view, firsts[view.address], alarm) for view in views]
        ended = quiet.swap(
            staged,
            generation=tx.number,
            remap=tx.reclass.remap,
            give_back=tx.request.give_back,
        )
    except BaseException:
        tx.staged.put_back()
        raise
    finally:
        system.interceptors = interceptors
    # From here on nothing can fail.
    before = {view.address: view.behaviour for view in views if view.behaviour is not None}
    tx.undo = Former(tx.base, tx.staged.back(tx.base.plugins), before)
    config = tx.config or tx.base.config
    tx.site.commit(Generation(tx.number, config, tx.staged.plugins, tx.tree))
    tx.staged.forget()
    tx.staged = None
    tx.notes += [note for way in tx.handovers for note in way.notes]
    tx.notes += [f"task {name} ended, and nobody has begun it again" for name in ended]


def begin(tx: Transaction, found: ReloadPlan) -> None:
    """After the commit: start what is new or had failed, end what is gone."""
    system = tx.site.system
    for step in found.cells:
        cell = system.cell_at(step.address)
        if cell is None or _leaves(cell):
            continue
        if step.action == "remove":
            _leave_mail(cell)
            system.ref(step.address).remove()
        elif step.action == "start" and not cell.held:
            system.ref(step.address).start()
    _plant(tx.site, frozenset(it.address for it in found.cells))


def _plant(site: Site, addresses: frozenset[Address]) -> None:
    """Make those of `addresses` that are declared and not there, and start who is not held.

    Where one that was there before is still about to end, that is waited for.
    """
    system = site.system
    nodes = [node for node in site.current.tree.nodes if node.address in addresses]
    there = {cell.address: cell for cell in system.cells()}
    nodes = [node for node in nodes if node.address not in there or _leaves(there[node.address])]
    wanted = {above for node in nodes for above in (*node.address.ancestors(), node.address)}
    leaving = [system.ref(it).remove() for it in wanted if it in there and _leaves(there[it])]
    if leaving:
        system.create_task(_plant_after(leaving, site, addresses), "waits for who is removed")
    elif nodes:
        planting = system.plant(TreePlan(tuple(nodes)))
        for node in nodes:
            if site.is_held(node.address):
                system.ref(node.address).stop()
        system.create_task(planting, "starts what is new in aplay.toml")


async def _plant_after(leaving: Iterable[Op], site: Site, addresses: frozenset[Address]) -> None:
    for end in leaving:
        await end
    if not site.system.stopping:
        _plant(site, addresses)


def _leaves(cell: ActorCell) -> bool:
    """Tell whether an actor has been removed and has not ended yet."""
    return cell.wanted == "gone"


def _leave_mail(cell: ActorCell) -> None:
    """Leave durable mail of an actor and of those below it for when they are declared again."""
    if cell.box is not None:
        cell.box.stays = True
    for child in (cell.children or {}).values():
        _leave_mail(child)


def _still_failed(tx: Transaction, found: ReloadPlan) -> ReloadTrouble | None:
    """Return why the first of what was tried again is not there, None where all of it is."""
    failures = tx.site.current.plugins.failures()
    ids = (it.id for it in found.plugins if it.step == "retry")
    first = next((failures[id_] for id_ in ids if id_ in failures), None)
    return ReloadTrouble.of(failed_import(first).refusal) if first else None


def _busy(tx: Transaction, error: Busy) -> ReloadTrouble:
    """Return who could not be held in time, at what."""
    address = error.addresses[0]
    hands = tx.site.system.look_inside(address).in_hand
    at_work = f"busy {hands[0].seconds:.1f} s in {hands[0].where}" if hands else str(error)
    by_hand = tx.former is not None and not tx.request.give_back
    cure = "try again when it is idle" if by_hand else "tried again when idle"
    return ReloadTrouble.of(Refusal("busy", address, at_work, "an idle actor", cure))
