"""One attempt to make what is on disk run: it commits wholly, or leaves no trace."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from ..config import HostConfig, Resolve
from ..kernel import (
    ActorSpec,
    Address,
    TreePlan,
)
from ..plugins import (
    Catalog,
    Entry,
    PluginSet,
    StagedPlugins,
)
from .disk import OnDisk
from .generation import (
    NO_TREE,
    Former,
    Generation,
    Imports,
    Site,
)
from .handover import Handover
from .hold import Hold
from .plan import ReloadPlan
from .reclass import Reclass
from .report import ReloadOutcome, ReloadReport, ReloadTrouble

Resolver = Callable[[PluginSet], Resolve]


Attempt = tuple[object, ...]
"""What on disk differs from what runs, by hash: who finds the same again would do the same."""


class Stale(Exception):
    """What the plan was made against is not there any more: plan again."""


class InVain(Exception):
    """The very same was tried before, and came to nothing."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for; `cause` is for people.

    Everything, or the code of the `plugins` by name, or with `config` aplay.toml alone, or
    with `retry` nothing but the classes of these ids, which could not be loaded.

    With `give_back` the messages that failed on probation run again, on the code that comes.
    Nobody has asked for what comes `by_itself`: what was refused is not tried again then, and
    packages that were upgraded are part of it.
    """

    cause: str = "reload"
    plugins: tuple[str, ...] = ()
    config: bool = False
    retry: tuple[str, ...] = ()
    dry_run: bool = False
    give_back: bool = False
    by_itself: bool = False


@dataclass(slots=True)
class Transaction:
    """What one attempt has found out and made so far; each step adds its part.

    With a `former` generation it goes back to that one, and the disk does not matter.
    `undo` is the way back from what was committed, and `notes` tell what came of it that no plan
    could say. `attempt` is what it is about, and `in_vain` what is not to be tried again by itself.
    """

    site: Site
    resolve: Resolver
    request: Request
    imports: Imports
    base: Generation
    hold: Hold
    former: Former | None = None
    in_vain: Attempt = ()
    attempt: Attempt = ()
    phases: dict[str, float] = field(default_factory=dict)
    config: HostConfig | None = None
    wanted: tuple[Entry, ...] = ()
    catalog: Catalog | None = None
    located: frozenset[str] = frozenset()
    disk: dict[str, OnDisk | None] = field(default_factory=dict)
    plan: ReloadPlan | None = None
    staged: StagedPlugins | None = None
    tree: TreePlan = NO_TREE
    specs: dict[Address, ActorSpec] = field(default_factory=dict)
    reclass: Reclass | None = None
    handovers: list[Handover] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    undo: Former | None = None

    @property
    def number(self) -> int:
        """The number that a commit gives."""
        return self.base.number + 1

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Add the seconds of the block to a phase."""
        began = time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - began
            self.phases[phase] = round(self.phases.get(phase, 0.0) + took, 6)

    def report(self, outcome: ReloadOutcome, error: ReloadTrouble | None = None) -> ReloadReport:
        """Return the report of this attempt."""
        done = outcome == "committed" or (outcome == "nothing" and self.plan is not None)
        return ReloadReport(
            outcome,
            self.base.number,
            self.base.number if outcome == "nothing" else self.number,
            replace(self.plan, notes=tuple(self.notes)) if self.plan and done else self.plan,
            self.plan.order if self.plan and done else (),
            self.plan.config if self.plan and done else (),
            dict(self.phases),
            error,
            self.former.generation.number if self.former and outcome == "committed" else None,
        )
