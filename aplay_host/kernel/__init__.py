"""The actor runtime: addresses, cells, mail and the life of actors, on one asyncio loop.

It is complete by itself and needs the standard library only: a short script runs a tree
with it, and a test makes two systems side by side. It knows nothing of files, plugins,
signals or sockets; those are the business of the floors above.

Its names are loaded on first use: whoever only needs an error does not load asyncio.

Read `cell` first, whose text says where a message is at any time. Then what is said, `address`,
`spec`, `actor`, `ref`; what becomes of a message, `envelope`, `turn`, `request`, `mail`, `drain`,
`handoff`; what becomes of an actor, `lifecycle`, `steering`, `teardown`, `supervision`,
`supervisor`; and the whole of it, `registry`, `system`, `ending`. Apart from these stand the
exchange of a behaviour, `quiesce`, `exchange`, `outbox`, `probation`; mail that is kept
elsewhere, `mailbox` and `boxline`; and what programs written for aplay use, `names`, `openref`
and `kernelactor`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._door import lazy_among

if TYPE_CHECKING:
    from .actor import Actor, Faulty, Group
    from .address import Address
    from .boxline import in_memory
    from .composing import compose_anew
    from .envelope import Envelope
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
    from .kernelactor import KernelActor
    from .letters import DeadLetter, DeadLetters
    from .mailbox import (
        FINAL,
        HANDLED,
        RELEASED,
        Again,
        Dead,
        Depth,
        Failed,
        Final,
        Handled,
        Inlet,
        Mailbox,
        MakeMailbox,
        Outcome,
        Parcel,
        Released,
        Unreadable,
        Verdict,
    )
    from .op import Op
    from .openref import OpenRef
    from .quiesce import Quiesce
    from .ref import ActorRef
    from .spec import SETTINGS, ActorSpec, MailboxSpec, TreeNode, TreePlan, class_settings
    from .status import ActorStatus, Failure, ShutdownReport, State
    from .system import ActorSystem
    from .watch import Terminated

__all__ = [
    "FINAL",
    "HANDLED",
    "RELEASED",
    "SETTINGS",
    "Abandoned",
    "Actor",
    "ActorRef",
    "ActorSpec",
    "ActorStatus",
    "ActorStopped",
    "ActorSystem",
    "Address",
    "Again",
    "AplayError",
    "AskCycle",
    "AskTimeout",
    "BadAddress",
    "Busy",
    "CellView",
    "Dead",
    "DeadLetter",
    "DeadLettered",
    "DeadLetters",
    "Depth",
    "Detached",
    "Envelope",
    "Escalated",
    "Event",
    "EventStream",
    "Failed",
    "Failure",
    "Faulty",
    "Final",
    "Group",
    "Handled",
    "HookFailed",
    "InHand",
    "Inlet",
    "Inside",
    "KernelActor",
    "Mailbox",
    "MailboxFull",
    "MailboxSpec",
    "MakeMailbox",
    "MessageFailed",
    "NameTaken",
    "NotBound",
    "Op",
    "OpenRef",
    "Outcome",
    "Parcel",
    "Quarantined",
    "Quiesce",
    "Refuse",
    "Released",
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
    "Unreadable",
    "Verdict",
    "class_settings",
    "compose_anew",
    "in_memory",
]

# The light ones first: who needs only an error does not load asyncio.
__getattr__ = lazy_among(
    __name__,
    __all__,
    (
        "errors",
        "address",
        "spec",
        "status",
        "envelope",
        "events",
        "letters",
        "mailbox",
        "actor",
        "boxline",
        "composing",
        "exchange",
        "inside",
        "kernelactor",
        "op",
        "openref",
        "quiesce",
        "ref",
        "system",
        "watch",
    ),
)
