"""Who is charged with the death of the last process, decided from what it had in hand."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BootPlan:
    """`charged` are counted one crash each; `alone` are run one by one before all other mail."""

    charged: tuple[int, ...] = ()
    alone: tuple[int, ...] = ()


def plan_boot(listed: Sequence[int], rows: Collection[int]) -> BootPlan:
    """Decide on the messages that were in hand, `listed`, of which `rows` still wait.

    ==========================================  =======================  ====================
    in hand were, and of them still waits       charged                  run alone
    ==========================================  =======================  ====================
    nothing                                     nobody                   nobody
    one message, that one                       it: there is no other    it: the next death
                                                suspect                  has no other either
    one message, which was settled meanwhile    nobody                   nobody
    several, any                                nobody                   those that wait, one
                                                                         after another
    ==========================================  =======================  ====================

    In company nobody is charged: it would be unjust to all but one. Run alone, the guilty one
    is found in one more death. Who has had all its crashes is dead before it is run at all.
    """
    waiting = tuple(seq for seq in listed if seq in rows)
    return BootPlan(waiting if len(listed) == 1 else (), waiting)
