"""What a person or a program is told about an actor: frozen snapshots."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .address import Address
from .spec import ActorSpec

if TYPE_CHECKING:
    from .rare import Rare

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


@dataclass(frozen=True, slots=True)
class Past:
    """What an actor has been through, and what comes of it.

    `history` has its newest failures, ten at most, the oldest first. `reason` is what the last
    stop was for, as `on_stop` is told it; it means something while the actor is held.
    `restarts` are the loop's times of the restarts that its budget counts, some maybe too old
    to count. Of an actor in state ``restarting``, `pause` is how many seconds it waits, None
    when another actor is going to start it, and `fails` says that it is about to be failed.
    """

    history: tuple[Failure, ...] = ()
    reason: str = ""
    restarts: tuple[float, ...] = ()
    pause: float | None = None
    fails: bool = False

    @classmethod
    def of(cls, rare: Rare | None) -> Past:
        """Return what a cell's rarely used parts tell; nothing where there are none."""
        if rare is None:
            return NO_PAST
        pause, fails = (rare.renewal.pause, rare.renewal.fails) if rare.renewal else (None, False)
        return cls(tuple(rare.history), rare.reason, rare.stamps, pause, fails)


NO_PAST = Past()
"""That of an actor to which nothing has happened; one for all, because most are such."""


@dataclass(frozen=True, slots=True)
class ActorStatus:
    """One actor at one instant; ``accepted = handled + failed + dead + pending + in_hand``.

    `since` is the loop's time at which the state was entered. `generation` is the number of
    the generation whose code the actor runs, `restarts` how often it was made anew.
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
    last_error: Failure | None = None
    past: Past = NO_PAST
    children: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class ShutdownReport:
    """How a shutdown ended: `clean` when no handler was cut and no task left behind.

    `abandoned` names the tasks that ignored their cancellation, `dead` counts the messages
    that were still waiting.
    """

    clean: bool
    abandoned: tuple[str, ...] = ()
    dead: int = 0
