"""Who wants something of a host, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LONGEST_REASON = 500
PEER = "unix:uid="
"""What the identity of a peer, as the socket knows it, begins with; the uid follows."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who did something, or wanted it; only of a ``peer`` are uid and pid known.

    ==============  =====================================================
    kind            is
    ==============  =====================================================
    ``peer``        the process at the other end of the control socket
    ``signal``      whoever sent a signal, which nobody can know
    ``watcher``     the host, which saw files or packages change
    ``supervisor``  the host, because of what its actors did
    ``plugin``      code in this process
    ==============  =====================================================
    """

    kind: Literal["peer", "signal", "watcher", "supervisor", "plugin"]
    uid: int | None = None
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What comes with each verb that acts: who wants it, why, and how long they wait for it.

    `reason` is what a person gave, if anything. `wait_s` is in seconds; with 0 a verb is
    answered once it has taken effect, which is then no problem.
    """

    who: Who
    reason: str | None = None
    wait_s: float = 0.0
