"""The row of a plugin, apart from the other records: listing plugins needs no other one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..plugins import Entry, HookPlace, Reason


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """Why a plugin is in its state."""

    phase: str
    type: str
    message: str
    place: str | None

    @classmethod
    def of(cls, reason: Reason) -> ReasonRow:
        """Return `reason` without its traceback."""
        return cls(reason.phase, reason.type, reason.message, reason.place or None)


@dataclass(frozen=True, slots=True)
class PluginRow:
    """One entry point of an installed package; `door` is ``actor`` or ``plugin``.

    `version` is the loaded one, `installed_version` None where it is no longer installed.
    `cure` is what to do about a bad state, None where there is nothing or the reason tells it.
    `file` and `root`, the folder or the single file that holds its code, are known once it is
    loaded, and so is `import_ms`; `project` is the folder of an editable installation.
    `actors` are the addresses that run the class, `hooks` the plugin's places in the orders of
    calls, `dropped` counts events that it was not told of because its queue was full.
    """

    id: str
    door: str
    dist: str
    name: str
    version: str
    installed_version: str | None
    state: str
    flags: tuple[str, ...]
    reason: ReasonRow | None
    cure: str | None
    target: str
    file: str | None
    editable: bool
    project: str | None
    root: str | None
    import_ms: int | None
    actors: tuple[str, ...] = ()
    hooks: tuple[HookPlace, ...] = ()
    dropped: int = 0

    @classmethod
    def of(
        cls,
        entry: Entry,
        *,
        actors: tuple[str, ...] = (),
        hooks: tuple[HookPlace, ...] = (),
        dropped: int = 0,
    ) -> PluginRow:
        """Return the row of `entry`."""
        reason = entry.reason or entry.restart
        gone = "orphaned" in entry.all_flags
        return cls(
            id=entry.id,
            door=entry.door,
            dist=entry.dist,
            name=entry.name,
            version=entry.version,
            installed_version=None if gone else entry.installed_version or entry.version,
            state=entry.state,
            flags=entry.all_flags,
            reason=None if reason is None else ReasonRow.of(reason),
            cure=entry.cure or None,
            target=entry.target,
            file=entry.file,
            editable=entry.editable,
            project=entry.project,
            root=entry.root,
            import_ms=entry.import_ms,
            actors=actors,
            hooks=hooks,
            dropped=dropped,
        )
