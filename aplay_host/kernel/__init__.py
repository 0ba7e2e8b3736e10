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
elsewhere, `mailbox`, `placing`, `boxline` and `transaction`; whose code runs, `atwork`; and what
programs written for aplay use, `names`, `openref` and `kernelactor`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._door import lazy

if TYPE_CHECKING:
    from .actor import Actor as Actor
    from .actor import Faulty as Faulty
    from .actor import Group as Group
    from .address import Address as Address
    from .atwork import AtWork as AtWork
    from .atwork import at_work as at_work
    from .atwork import at_work_in as at_work_in
    from .composing import compose_anew as compose_anew
    from .envelope import Envelope as Envelope
    from .errors import ActorStopped as ActorStopped
    from .errors import AplayError as AplayError
    from .errors import AskCycle as AskCycle
    from .errors import AskTimeout as AskTimeout
    from .errors import BadAddress as BadAddress
    from .errors import Busy as Busy
    from .errors import Detached as Detached
    from .errors import Escalated as Escalated
    from .errors import MailboxFull as MailboxFull
    from .errors import NameTaken as NameTaken
    from .errors import NotBound as NotBound
    from .errors import Refuse as Refuse
    from .errors import SavedUnreadable as SavedUnreadable
    from .errors import SelfWait as SelfWait
    from .errors import StartFailed as StartFailed
    from .events import Abandoned as Abandoned
    from .events import DeadLettered as DeadLettered
    from .events import Event as Event
    from .events import EventStream as EventStream
    from .events import HookFailed as HookFailed
    from .events import MessageFailed as MessageFailed
    from .events import Quarantined as Quarantined
    from .events import Removed as Removed
    from .events import Replaced as Replaced
    from .events import Restarting as Restarting
    from .events import Started as Started
    from .events import StartRefused as StartRefused
    from .events import Stopped as Stopped
    from .events import SystemStopped as SystemStopped
    from .events import SystemStopping as SystemStopping
    from .exchange import CellView as CellView
    from .exchange import Staged as Staged
    from .hooks import place_of as place_of
    from .inside import BoxView as BoxView
    from .inside import InHand as InHand
    from .inside import Inside as Inside
    from .inside import TimerView as TimerView
    from .inside import Wait as Wait
    from .kernelactor import KernelActor as KernelActor
    from .letters import DeadLetter as DeadLetter
    from .letters import DeadLetters as DeadLetters
    from .mailbox import FINAL as FINAL
    from .mailbox import HANDLED as HANDLED
    from .mailbox import RELEASED as RELEASED
    from .mailbox import Again as Again
    from .mailbox import Dead as Dead
    from .mailbox import Depth as Depth
    from .mailbox import Failed as Failed
    from .mailbox import Final as Final
    from .mailbox import Handled as Handled
    from .mailbox import Inlet as Inlet
    from .mailbox import Mailbox as Mailbox
    from .mailbox import MakeMailbox as MakeMailbox
    from .mailbox import Outcome as Outcome
    from .mailbox import Parcel as Parcel
    from .mailbox import Released as Released
    from .mailbox import TurnMailbox as TurnMailbox
    from .mailbox import Unreadable as Unreadable
    from .mailbox import Verdict as Verdict
    from .op import Op as Op
    from .openref import OpenRef as OpenRef
    from .placing import in_memory as in_memory
    from .quiesce import Quiesce as Quiesce
    from .ref import ActorRef as ActorRef
    from .spec import MEMORY as MEMORY
    from .spec import SETTINGS as SETTINGS
    from .spec import ActorSpec as ActorSpec
    from .spec import MailboxSpec as MailboxSpec
    from .spec import TreeNode as TreeNode
    from .spec import TreePlan as TreePlan
    from .spec import class_settings as class_settings
    from .status import ActorStatus as ActorStatus
    from .status import Failure as Failure
    from .status import ShutdownReport as ShutdownReport
    from .status import State as State
    from .system import ActorSystem as ActorSystem
    from .transaction import keeps_saved as keeps_saved
    from .turn import sender as sender
    from .watch import Terminated as Terminated

HOMES = {
    "actor": ("Actor", "Faulty", "Group"),
    "address": ("Address",),
    "atwork": ("AtWork", "at_work", "at_work_in"),
    "composing": ("compose_anew",),
    "envelope": ("Envelope",),
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
        "SavedUnreadable",
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
        "StartRefused",
        "Started",
        "Stopped",
        "SystemStopped",
        "SystemStopping",
    ),
    "exchange": ("CellView", "Staged"),
    "hooks": ("place_of",),
    "inside": ("BoxView", "InHand", "Inside", "TimerView", "Wait"),
    "kernelactor": ("KernelActor",),
    "letters": ("DeadLetter", "DeadLetters"),
    "mailbox": (
        "Again",
        "Dead",
        "Depth",
        "FINAL",
        "Failed",
        "Final",
        "HANDLED",
        "Handled",
        "Inlet",
        "Mailbox",
        "MakeMailbox",
        "Outcome",
        "Parcel",
        "RELEASED",
        "Released",
        "TurnMailbox",
        "Unreadable",
        "Verdict",
    ),
    "op": ("Op",),
    "openref": ("OpenRef",),
    "placing": ("in_memory",),
    "quiesce": ("Quiesce",),
    "ref": ("ActorRef",),
    "spec": (
        "ActorSpec",
        "MEMORY",
        "MailboxSpec",
        "SETTINGS",
        "TreeNode",
        "TreePlan",
        "class_settings",
    ),
    "status": ("ActorStatus", "Failure", "ShutdownReport", "State"),
    "system": ("ActorSystem",),
    "turn": ("sender",),
    "transaction": ("keeps_saved",),
    "watch": ("Terminated",),
}
__all__ = [name for names in HOMES.values() for name in names]
__getattr__ = lazy(__name__, HOMES)
