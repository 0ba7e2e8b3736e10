"""What runs and what is on disk, and in what they differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from .declared import Declared

Change = Literal["edited", "added", "deleted", "phantom", "distribution"]


class SourceFile(Protocol):
    """A module as it is on disk."""

    @property
    def path(self) -> str:
        """The file."""

    @property
    def digest(self) -> str | None:
        """The hash of its bytes; None where there is no source."""


@dataclass(frozen=True, slots=True)
class RunningModule:
    """A module in scope, as it was when it was run, or tried: then it is not `loaded`.

    A namespace package has no `path`; what can never be run anew has no `digest`.
    """

    path: str | None
    digest: str | None
    loaded: bool = True


@dataclass(frozen=True, slots=True)
class Running:
    """The generation that runs, as far as a plan depends on it.

    `modules` are in the order in which they began to run; `missing` are names that were tried
    in vain; `plugins` the target module of each plugin, by ``dist/name``.
    """

    generation: int
    modules: Mapping[str, RunningModule]
    missing: frozenset[str] = frozenset()
    plugins: Mapping[str, str] = field(default_factory=dict)
    declared: Declared = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileChange:
    """A module whose source is another one now.

    ``phantom`` is one that was tried in vain and is there now; ``added`` a package that was
    a namespace; ``distribution`` one that is to be run anew whatever its source.
    """

    kind: Change
    module: str
    path: str


def plan_changes(running: Running, disk: Mapping[str, SourceFile | None]) -> tuple[FileChange, ...]:
    """Compare what runs with what is on disk.

    `disk` says of each module that was looked at what is there, None for nothing. What was not
    looked at has not changed, and what nobody ever asked for does not matter.
    """
    changes = []
    for name, found in disk.items():
        known = running.modules.get(name)
        if known is None:
            if found is not None and name in running.missing:
                changes.append(FileChange("phantom", name, found.path))
        elif found is None:
            if known.path is not None:
                changes.append(FileChange("deleted", name, known.path))
        elif known.path is None:
            changes.append(FileChange("added", name, found.path))
        elif (known.path, known.digest) != (found.path, found.digest):
            changes.append(FileChange("edited", name, found.path))
    return tuple(changes)
