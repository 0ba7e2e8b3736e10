"""Live change as a transaction: what is on disk runs, wholly, or what ran goes on.

One half sees what is on disk: `look` compares files by stat and by hash, `settle` reads what
somebody may be writing, `hold` waits for git and installers, `watch` has the events that are
no more than hints, and `lookout` joins them. The other half decides: `graph` and `plan` say
what an edit reaches, `merge`, `handover` and `reclass` what becomes of an actor's state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._door import lazy

if TYPE_CHECKING:
    from .declared import Declared, KeyChange
    from .engine import Engine, Trouble
    from .event import ReloadEvent
    from .follower import Follower
    from .generation import Generation, Site, pending_restart
    from .graph import Import, ImportGraph, imports_of
    from .handover import Before, Handover, ReloadInfo, hand_over, state_of, tell_reload
    from .look import Change, Roots, Snapshot, SourceFile, dirty, place
    from .lookout import Lookout
    from .plan import ReloadPlan, plan_reload
    from .reclass import Reclass
    from .refusal import Refusal, Refused
    from .report import BAD_CONFIG, ReloadReport, ReloadTrouble, exit_code_of, report_line
    from .running import FileChange, Running, RunningModule, plan_changes
    from .successors import Successors
    from .transaction import Request, Transaction

__all__ = [
    "BAD_CONFIG",
    "Before",
    "Change",
    "Declared",
    "Engine",
    "FileChange",
    "Follower",
    "Generation",
    "Handover",
    "Import",
    "ImportGraph",
    "KeyChange",
    "Lookout",
    "Reclass",
    "Refusal",
    "Refused",
    "ReloadEvent",
    "ReloadInfo",
    "ReloadPlan",
    "ReloadReport",
    "ReloadTrouble",
    "Request",
    "Roots",
    "Running",
    "RunningModule",
    "Site",
    "Snapshot",
    "SourceFile",
    "Successors",
    "Transaction",
    "Trouble",
    "dirty",
    "exit_code_of",
    "hand_over",
    "imports_of",
    "pending_restart",
    "place",
    "plan_changes",
    "plan_reload",
    "report_line",
    "state_of",
    "tell_reload",
]

__getattr__ = lazy(
    __name__,
    {
        "declared": ("Declared", "KeyChange"),
        "engine": ("Engine", "Trouble"),
        "event": ("ReloadEvent",),
        "follower": ("Follower",),
        "generation": ("Generation", "Site", "pending_restart"),
        "graph": ("Import", "ImportGraph", "imports_of"),
        "handover": (
            "Before",
            "Handover",
            "ReloadInfo",
            "hand_over",
            "state_of",
            "tell_reload",
        ),
        "look": ("Change", "Roots", "Snapshot", "SourceFile", "dirty", "place"),
        "lookout": ("Lookout",),
        "plan": ("ReloadPlan", "plan_reload"),
        "reclass": ("Reclass",),
        "refusal": ("Refusal", "Refused"),
        "report": ("BAD_CONFIG", "ReloadReport", "ReloadTrouble", "exit_code_of", "report_line"),
        "running": ("FileChange", "Running", "RunningModule", "plan_changes"),
        "successors": ("Successors",),
        "transaction": ("Request", "Transaction"),
    },
)
