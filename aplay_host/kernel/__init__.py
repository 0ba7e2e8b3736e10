"""The actor runtime: addresses, cells, mail and the life of actors, on one asyncio loop.

It is complete by itself and needs the standard library only: a short script runs a tree
with it, and a test makes two systems side by side. It knows nothing of files, plugins,
signals or sockets; those are the business of the floors above.

Its names are loaded on first use: whoever only needs an error does not load asyncio. Read it
in this order: `address`, `spec`, `actor`, `ref`, `cell`, `drain`, `lifecycle`, `supervision`,
`system`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._door import lazy

if TYPE_CHECKING:
    from .actor import Actor, Group
    from .address import Address
    from .errors import (
        ActorStopped,
        AplayError,
        AskCycle,
        AskTimeout,
        BadAddress,
        Busy,
        Detached,
        Escalated,
        MailboxFull,
        NameTaken,
        NotBound,
        Refuse,
        SelfWait,
        StartFailed,
    )
    from .events import (
        Abandoned,
        DeadLettered,
        Event,
        EventStream,
        HookFailed,
        MessageFailed,
        Quarantined,
        Removed,
        Replaced,
        Restarting,
        Started,
        StartRefused,
        Stopped,
        SystemStopped,
        SystemStopping,
    )
    from .exchange import CellView, Staged
    from .inside import InHand, Inside, TimerView
    from .letters import DeadLetter, DeadLetters
    from .op import Op
    from .quiesce import Quiesce
    from .ref import ActorRef
    from .spec import SETTINGS, ActorSpec, MailboxSpec, TreeNode, TreePlan, class_settings
    from .status import ActorStatus, Failure, Past, ShutdownReport, State
    from .system import ActorSystem
    from .watch import Terminated

__all__ = [
    "SETTINGS",
    "Abandoned",
    "Actor",
    "ActorRef",
    "ActorSpec",
    "ActorStatus",
    "ActorStopped",
    "ActorSystem",
    "Address",
    "AplayError",
    "AskCycle",
    "AskTimeout",
    "BadAddress",
    "Busy",
    "CellView",
    "DeadLetter",
    "DeadLettered",
    "DeadLetters",
    "Detached",
    "Escalated",
    "Event",
    "EventStream",
    "Failure",
    "Group",
    "HookFailed",
    "InHand",
    "Inside",
    "MailboxFull",
    "MailboxSpec",
    "MessageFailed",
    "NameTaken",
    "NotBound",
    "Op",
    "Past",
    "Quarantined",
    "Quiesce",
    "Refuse",
    "Removed",
    "Replaced",
    "Restarting",
    "SelfWait",
    "ShutdownReport",
    "Staged",
    "StartFailed",
    "StartRefused",
    "Started",
    "State",
    "Stopped",
    "SystemStopped",
    "SystemStopping",
    "Terminated",
    "TimerView",
    "TreeNode",
    "TreePlan",
    "class_settings",
]

__getattr__ = lazy(
    __name__,
    {
        "actor": (
            "Actor",
            "Group",
        ),
        "address": ("Address",),
        "errors": (
            "ActorStopped",
            "AplayError",
            "AskCycle",
            "AskTimeout",
            "BadAddress",
            "Busy",
            "Detached",
            "Escalated",
            "MailboxFull",
            "NameTaken",
            "NotBound",
            "Refuse",
            "SelfWait",
            "StartFailed",
        ),
        "events": (
            "Abandoned",
            "DeadLettered",
            "Event",
            "EventStream",
            "HookFailed",
            "MessageFailed",
            "Quarantined",
            "Removed",
            "Replaced",
            "Restarting",
            "Started",
            "StartRefused",
            "Stopped",
            "SystemStopped",
            "SystemStopping",
        ),
        "exchange": (
            "CellView",
            "Staged",
        ),
        "inside": (
            "InHand",
            "Inside",
            "TimerView",
        ),
        "letters": (
            "DeadLetter",
            "DeadLetters",
        ),
        "op": ("Op",),
        "quiesce": ("Quiesce",),
        "ref": ("ActorRef",),
        "spec": (
            "SETTINGS",
            "ActorSpec",
            "MailboxSpec",
            "TreeNode",
            "TreePlan",
            "class_settings",
        ),
        "status": (
            "ActorStatus",
            "Failure",
            "Past",
            "ShutdownReport",
            "State",
        ),
        "system": ("ActorSystem",),
        "watch": ("Terminated",),
    },
)
