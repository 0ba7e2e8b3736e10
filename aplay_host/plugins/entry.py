"""One entry point of one installed distribution, as a record, and the rules for its names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Door = Literal["actor", "plugin"]
State = Literal[
    "found",
    "disabled",
    "installing",
    "shadowed",
    "broken",
    "quarantined",
    "incompatible",
    "failed",
    "active",
]
Stamp = tuple[int, int]
"""One installation of a distribution: the inode of its metadata, and what tells its version
and files from others; of use in one process only."""
UNLOADED: tuple[State, ...] = ("quarantined", "incompatible", "failed")
"""The states of what was to be loaded and is not; it can be tried once more."""
BAD_STATES: tuple[State, ...] = ("broken", *UNLOADED)
"""The states for which a strict host does not start."""

GROUPS: dict[str, Door] = {"aplay_host.actors": "actor", "aplay_host.plugins": "plugin"}
"""The entry-point groups that are read, and the door each one opens."""

_SEPARATORS = re.compile(r"[-_.]+")
_NAME = re.compile(r"[A-Za-z0-9_.-]+\Z")
_DOTTED = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_TARGET = re.compile(rf"({_DOTTED})\s*(?::\s*({_DOTTED})\s*)?(?:\[.*\]\s*)?\Z")


def canonical(name: str) -> str:
    """Return the one spelling of a distribution's name under which it is compared."""
    plain = name.lower().replace("_", "-").replace(".", "-")  # a third of the time
    return _SEPARATORS.sub("-", plain) if "--" in plain else plain


def canonical_id(text: str) -> str:
    """Return a distribution or ``dist/name`` with the distribution's part made canonical."""
    dist, slash, name = text.partition("/")
    return canonical(dist) + slash + name


def is_entry_name(name: str) -> bool:
    """Tell whether `name` can be the second half of ``dist/name``."""
    return _NAME.match(name) is not None


def plain_target(text: str) -> str | None:
    """Return `text` as ``module`` or ``module:attribute``, or None when it is neither.

    Spaces, and extras in square brackets as packaging once allowed them, are taken out.
    """
    found = _TARGET.match(text)
    if found is None:
        return None
    return f"{found[1]}:{found[2]}" if found[2] else found[1]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an entry is in its state, all of it text.

    `phase` is the step that found it, `type` an exception's class or a short word of ours,
    `place` a ``file:line`` (empty where there is none), `traceback` the text Python prints.
    """

    phase: str
    type: str
    message: str
    place: str = ""
    traceback: str = ""

    def line(self) -> str:
        """Return it as one line, such as ``import: needs "jwt", not installed (a/b.py:3)``."""
        return f"{self.phase}: {self.what()}"

    def what(self) -> str:
        """Return what went wrong and where; the class of an exception tells more than its text."""
        message = self.message.partition("\n")[0]
        # A type in small letters is ours, and the message says all, as for a missing module.
        if self.type[:1].isupper() and self.type not in ("ModuleNotFoundError", "TimeoutError"):
            message = f"{self.type}: {message}" if message else self.type
        return message + (f" ({self.place})" if self.place else "")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that an installed distribution offers to the host.

    ============  ================================================================
    state         means
    ============  ================================================================
    found         admitted, nothing of it is imported
    disabled      kept out by ``[plugins] disable`` or ``allow``, or by safe mode
    installing    an installer is still writing its metadata
    shadowed      another copy, or the same object under another name, is used
    broken        its metadata cannot be used
    quarantined   the process died twice while it was imported
    incompatible  imported, but its hooks do not fit those of this host
    failed        its code raised, or is not what the entry point promises
    active        its hooks are registered, or its class was loaded for an actor
    ============  ================================================================

    `dist` is canonical. `name` is empty when the metadata is too broken to tell names.
    `metadata` is the path of the ``.dist-info`` directory and `stamp` tells its contents from
    others, `project` is the directory of an editable install.

    Of an entry whose code was loaded, `version` is the loaded one, `file` and `root` say where
    it is, `import_ms` what loading it took. The flag ``degraded`` means that a hook of an active
    plugin failed; `reason` then tells the last time.

    `restart` says why what is installed now does not run by itself, and what brings it; its type
    is ``stale`` (loaded from other files), ``orphaned`` (loaded, and no longer installed),
    ``late`` (it came in a way in which it cannot be loaded) or ``waits`` (hooks that came while
    the host ran, and that a reload brings).
    `installed_version` is told where it differs from `version`, and `moved_to`, the directory
    below which the modules are now, where that is another.
    """

    dist: str
    name: str
    door: Door
    version: str
    target: str
    state: State
    metadata: str
    reason: Reason | None = None
    editable: bool = False
    project: str | None = None
    flags: tuple[str, ...] = ()
    stamp: Stamp = (0, 0)
    restart: Reason | None = None
    installed_version: str | None = None
    moved_to: str | None = None
    file: str | None = None
    root: str | None = None
    import_ms: int | None = None

    def key(self) -> tuple[str, str, str, bool]:
        """Return what entries are sorted by: door, distribution, name, shadowed ones last."""
        return self.door, self.dist, self.name, self.state == "shadowed"

    @property
    def all_flags(self) -> tuple[str, ...]:
        """The flags, with ``stale`` and ``orphaned``, which follow from `restart`."""
        kind = self.restart.type if self.restart else ""
        return (*self.flags, kind) if kind in ("stale", "orphaned") else self.flags

    @property
    def can_be_tried(self) -> bool:
        """Tell whether it may be loaded when it is asked for by name: it is not, or waits."""
        waits = self.restart is not None and self.restart.type == "waits"
        return waits or (self.state in UNLOADED and self.restart is None)

    @property
    def cure(self) -> str:
        """What to do about a bad state; empty in the other ones, and where the reason tells."""
        if self.state not in BAD_STATES or (self.reason and "; run `" in self.reason.message):
            return ""
        if self.state == "broken":
            return f"pip install --force-reinstall {self.dist}"
        mend = f"correct it, then: aplay-host reload --plugin {self.dist}"
        return "" if self.state == "quarantined" else mend

    @property
    def module(self) -> str:
        """The module that `target` names."""
        return self.target.partition(":")[0]

    @property
    def id(self) -> str:
        """The identity ``dist/name``, unique among the entries of one door."""
        return f"{self.dist}/{self.name}" if self.name else self.dist
