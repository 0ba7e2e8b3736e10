"""Live change as a transaction: what is on disk runs, wholly, or what ran goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._door import lazy

if TYPE_CHECKING:
    from .declared import Declared, KeyChange
    from .graph import Import, ImportGraph, imports_of
    from .handover import Before, Handover, ReloadInfo, hand_over, state_of, tell_reload
    from .plan import ReloadPlan, plan_reload
    from .reclass import Reclass
    from .refusal import Refusal, Refused
    from .running import FileChange, Running, RunningModule, plan_changes
    from .successors import Successors

__all__ = [
    "Before",
    "Declared",
    "FileChange",
    "Handover",
    "Import",
    "ImportGraph",
    "KeyChange",
    "Reclass",
    "Refusal",
    "Refused",
    "ReloadInfo",
    "ReloadPlan",
    "Running",
    "RunningModule",
    "Successors",
    "hand_over",
    "imports_of",
    "plan_changes",
    "plan_reload",
    "state_of",
    "tell_reload",
]

__getattr__ = lazy(
    __name__,
    {
        "declared": ("Declared", "KeyChange"),
        "graph": ("Import", "ImportGraph", "imports_of"),
        "handover": (
            "Before",
            "Handover",
            "ReloadInfo",
            "hand_over",
            "state_of",
            "tell_reload",
        ),
        "plan": ("ReloadPlan", "plan_reload"),
        "reclass": ("Reclass",),
        "refusal": ("Refusal", "Refused"),
        "running": ("FileChange", "Running", "RunningModule", "plan_changes"),
        "successors": ("Successors",),
    },
)
