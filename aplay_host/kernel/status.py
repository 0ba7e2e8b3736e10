"""What a person or a program is told about an actor: frozen snapshots."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .address import Address
from .spec import ActorSpec

State = Literal[
    "new",
    "starting",
    "running",
    "paused",
    "restarting",
    "stopping",
    "stopped",
    "failed",
    "removed",
]


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as text; a kept exception would keep its frames, and with them old code, alive.

    `where` is ``file:line in function`` of the innermost frame, `at` the loop's time.
    """

    type: str
    text: str
    where: str
    at: float

    @classmethod
    def of(cls, error: BaseException, at: float) -> Failure:
        """Describe `error`, which happened `at` that time."""
        frames = traceback.extract_tb(error.__traceback__, limit=-1)
        where = f"{frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
        try:
            text = str(error)
        except Exception as worse:
            text = f"<no text: its __str__ raised {type(worse).__qualname__}>"
        return cls(type(error).__qualname__, text, where, at)

    def line(self) -> str:
        """Return type and text in one line."""
        return f"{self.type}: {self.text}"


@dataclass(frozen=True, slots=True)
class ActorStatus:
    """One actor at one instant; ``accepted = handled + failed + dead + pending + in_hand``.

    `since` is the loop's time at which the state was entered. `generation` is the number of
    the generation whose code the actor runs, `restarts` how often it was made anew.

    `left` is the time at which it was ``running`` last, or was made, of one that does not run.
    `worked_s` are the seconds for which its handlers ran, all together. `oldest_s` is the age of
    the oldest message that waits, for mail in memory an upper bound: the time since none waited.
    `counts` are what happens seldom, by what and why:

    ==============  =======================================================================
    what            why
    ==============  =======================================================================
    ``rejected``    ``full``; ``timeout``: there was no room in time; ``store``: the mailbox
                    of another kind raised
    ``restart``     ``error``; ``done``: it ended itself; ``group``: its parent or a sibling
                    restarted; ``command``; ``revive``: it was failed, and was told to start
    ``escalation``  empty
    ==============  =======================================================================

    `history` has its newest failures, ten at most, the oldest first. `reason` is what the last
    stop was for, as `on_stop` is told it; it means something while the actor is held.
    `restarted_at` are the loop's times of the restarts that its budget counts, some maybe too
    old to count. Of an actor in state ``restarting``, `pause` is how many seconds it waits, None
    when another actor is going to start it, and `fails` says that it is about to be failed.
    """

    address: Address
    state: State
    held: bool
    accepted: int
    handled: int
    failed: int
    dead: int
    pending: int
    in_hand: int
    spec: ActorSpec
    restarts: int = 0
    generation: int = 1
    since: float = 0.0
    left: float = 0.0
    worked_s: float = 0.0
    oldest_s: float = 0.0
    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    children: tuple[Address, ...] = ()
    history: tuple[Failure, ...] = ()
    reason: str = ""
    restarted_at: tuple[float, ...] = ()
    pause: float | None = None
    fails: bool = False

    @property
    def last_error(self) -> Failure | None:
        """The newest failure of a message, a start or an owned task."""
        return self.history[-1] if self.history else None


@dataclass(frozen=True, slots=True)
class ShutdownReport:
    """How a shutdown ended: `clean` when no handler was cut and no task left behind.

    `abandoned` names the tasks that ignored their cancellation, `dead` counts the messages
    that were still waiting.
    """

    clean: bool
    abandoned: tuple[str, ...] = ()
    dead: int = 0
