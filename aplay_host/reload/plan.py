"""What a reload would do, decided before anything is touched."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ..kernel import Address, CellView
from .cells import CellStep, plan_cells
from .declared import Declared, KeyChange, differences
from .graph import ImportGraph, Step, prefixes
from .obstacles import (
    NEVER,
    fixed_in_the_way,
    fixed_modules,
    lost_classes,
    lost_packages,
    other_mailboxes,
)
from .refusal import Refusal
from .running import FileChange, Running, RunningModule

ModuleStep = Literal["run", "drop", "retry"]


@dataclass(frozen=True, slots=True)
class Link:
    """One step from a module to what changed: its `statement` at `place` asks for `module`."""

    module: str
    statement: str
    place: str


@dataclass(frozen=True, slots=True)
class Affected:
    """A module that is run anew, dropped (its file is gone), or tried once more.

    `chain` leads to a module that changed; it is empty for one that changed itself.
    """

    module: str
    step: ModuleStep
    chain: tuple[Link, ...] = ()

    def why(self) -> str:
        """Return the chain as text, nearest first."""
        return " ← ".join(f"{it.statement} ({it.place})" for it in self.chain) or "changed"


@dataclass(frozen=True, slots=True)
class PluginStep:
    """A plugin whose target is run anew, or tried once more since it failed."""

    id: str
    step: ModuleStep
    module: str


@dataclass(frozen=True, slots=True)
class RestartNeeded:
    """A change that only a new process can take up, and why."""

    module: str
    why: str


@dataclass(frozen=True, slots=True)
class ReloadPlan:
    """One transaction, not begun: made against generation `base`, and void for another.

    With a refusal nothing of it is done. After the commit `notes` tell, for people, what else
    came of it: tasks that ended, state that could not be compared, code that was slow. All fields
    are plain values, so that it can be kept, compared and sent.
    """

    base: int
    changed: tuple[FileChange, ...] = ()
    affected: tuple[Affected, ...] = ()
    cells: tuple[CellStep, ...] = ()
    plugins: tuple[PluginStep, ...] = ()
    config: tuple[KeyChange, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    restart: tuple[RestartNeeded, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to do."""
        return not (self.affected or self.cells or self.config or self.refusals or self.tried)

    @property
    def order(self) -> tuple[str, ...]:
        """The modules to import anew, in this order: each pulls in what it needs.

        It is the order in which they began to run before, so that a cycle is entered by the
        module that entered it then.
        """
        return tuple(it.module for it in self.affected if it.step == "run")

    @property
    def superseded(self) -> tuple[str, ...]:
        """The modules whose present objects are replaced, or go."""
        return tuple(it.module for it in self.affected if it.step != "retry")

    @property
    def tried(self) -> tuple[str, ...]:
        """The modules of what could not be loaded, and may be now."""
        steps: tuple[Affected | PluginStep, ...] = (*self.affected, *self.plugins)
        return tuple(it.module for it in steps if it.step == "retry")

    def lines(self) -> list[str]:
        """Return the plan as text, one line for each thing."""
        head = f"plan against #{self.base}: {len(self.order)} modules, {len(self.cells)} actors"
        return [
            head,
            *(f"  {it.kind} {it.path}" for it in self.changed),
            *(f"  {it.step} {it.module} ← {it.why()}" for it in self.affected),
            *(f"  {it.action} {it.address}: {it.reason}" for it in self.cells),
            *(f"  {it.step} plugin {it.id}" for it in self.plugins),
            *(f"  {it.key}: {it.before!r} → {it.after!r}" for it in self.config),
            *(f"  restart needed: {it.module}: {it.why}" for it in self.restart),
            *(f"  REFUSED {it.line()}" for it in self.refusals),
            *(f"  {it}" for it in self.notes),
        ]


def plan_reload(
    running: Running,
    changes: Iterable[FileChange],
    graph: ImportGraph,
    cells: Sequence[CellView],
    *,
    declared: Declared | None = None,
    because: Mapping[Address, str] | None = None,
) -> ReloadPlan:
    """Plan the step from `running` to what is on disk; see `plan_cells` for the actors.

    `graph` holds the imports of the running modules: what they hold of each other counts, and
    what changed is run anew in any case. `declared` is aplay.toml as it is now, None where it
    did not change. `because` names actors that get a new behaviour for other reasons, such as
    a plugin that is tried again.

    Refused are: a module that goes while its classes have actors; a package that becomes a
    namespace; a module to be run anew that never can; another kind of mailbox while mail
    waits. A change of what can never be run anew is told, and the rest goes on.
    """
    fixed, changes = fixed_modules(running.modules), tuple(changes)
    changed = tuple(it for it in changes if it.module not in fixed)
    steps = graph.reach(it.module for it in changed)
    affected = tuple(_affected(running.modules, changed, steps))
    before, now = running.declared, running.declared if declared is None else declared
    config = tuple(differences(before, now, "actors"))
    return ReloadPlan(
        base=running.generation,
        changed=changed,
        affected=affected,
        cells=tuple(plan_cells(cells, {it.module for it in affected}, before, now, because or {})),
        plugins=tuple(_plugins(running, affected, changed)),
        config=config,
        refusals=(
            *lost_packages(running.modules, changed),
            *fixed_in_the_way(affected, fixed),
            *lost_classes(cells, affected, before, now),
            *other_mailboxes(cells, before, now),
        ),
        restart=tuple(RestartNeeded(it.module, NEVER) for it in changes if it.module in fixed),
    )


def _affected(
    modules: Mapping[str, RunningModule],
    changed: Iterable[FileChange],
    steps: Mapping[str, Step | None],
) -> Iterator[Affected]:
    gone = {it.module for it in changed if it.kind == "deleted"}
    for name, module in modules.items():
        if name in steps:
            step: ModuleStep = "drop" if name in gone else "run" if module.loaded else "retry"
            yield Affected(name, step, tuple(_chain(name, steps, modules)))


def _chain(
    module: str, steps: Mapping[str, Step | None], modules: Mapping[str, RunningModule]
) -> Iterator[Link]:
    while (step := steps[module]) is not None:
        file = os.path.basename(modules[module].path or module)
        yield Link(step.module, step.by.statement, f"{file}:{step.by.line}")
        module = step.module


def _plugins(
    running: Running, affected: Iterable[Affected], changed: Iterable[FileChange]
) -> Iterator[PluginStep]:
    steps = {it.module: it.step for it in affected}
    found = {it.module for it in changed if it.kind == "phantom"}
    for id_, module in running.plugins.items():
        if module in steps:
            yield PluginStep(id_, steps[module], module)
        elif not found.isdisjoint(prefixes(module)):
            yield PluginStep(id_, "retry", module)
