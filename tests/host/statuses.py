"""A status to change one fact of."""

from __future__ import annotations

from aplay_host.kernel import Actor, ActorSpec, ActorStatus, Address

STATUS = ActorStatus(
    address=Address("/a/x"),
    state="running",
    held=False,
    accepted=0,
    handled=0,
    failed=0,
    dead=0,
    pending=0,
    in_hand=0,
    spec=ActorSpec.of(Actor),
)
