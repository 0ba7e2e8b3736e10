"""What is known of one actor when somebody asks why it is as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..control import InHandRow, RetryRow
from ..kernel import ActorStatus, Address, Wait
from ..reload import ReloadReport
from .holds import Hold, StoppedBy
from .origin import Origin


@dataclass(frozen=True, slots=True)
class Stalled:
    """The loop stood still for `seconds`, which was over `ago` seconds ago.

    `who` is for a sentence; `address` is None where no actor did it.
    """

    who: str
    address: str | None
    seconds: float
    place: str
    ago: float


@dataclass(frozen=True, slots=True)
class Newer:
    """What is on disk and does not run, as the `report` has it; `at` is when that was."""

    report: ReloadReport
    at: datetime


@dataclass(frozen=True, slots=True)
class ActorView:
    """What is known of one actor when somebody asks.

    `now` is the loop's time and `clock` what the person's clock shows then. `declared` is the
    place in aplay.toml, `fault` why a declared actor has no class. `ancestors` are nearest
    first, without the root. Of a held actor, `stopped_by` says who stopped it; where that was a
    person, `hold` says more, and may be older than this host. `hook` is the place at which a
    hook is now.

    `host_generation` is the number of what the host runs. `wait` says why no message begins, and
    `busy` what those have in hand for whom an exchange waits. `stalled` is the newest stall of the
    loop, `newer` the source that this actor does not run.

    Of durable mail: `retry` is what waits for another try, `mail_problem` why nothing can be
    written now, and `unread` how many dead letters have a type that nobody knows, by type.
    """

    status: ActorStatus
    origin: Origin
    now: float
    clock: datetime
    declared: str | None = None
    fault: str | None = None
    ancestors: tuple[ActorStatus, ...] = ()
    stopped_by: StoppedBy | None = None
    hold: Hold | None = None
    in_hand_now: tuple[InHandRow, ...] = ()
    hook: str | None = None
    host_generation: int = 1
    wait: Wait | None = None
    busy: tuple[tuple[Address, InHandRow], ...] = ()
    stalled: Stalled | None = None
    newer: Newer | None = None
    retry: RetryRow | None = None
    mail_problem: str | None = None
    unread: Mapping[str, int] = field(default_factory=dict)

    @property
    def address(self) -> Address:
        """The actor's address."""
        return self.status.address

    @property
    def entered(self) -> datetime:
        """What the clock showed when the actor entered its state."""
        return self.clock - timedelta(seconds=self.now - self.status.since)
