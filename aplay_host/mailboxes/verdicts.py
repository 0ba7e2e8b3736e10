"""What becomes of a message whose handler has ended, by its row and the settings of its box."""

from __future__ import annotations

from dataclasses import dataclass

from ..kernel import Failed, Handled, Outcome, Refuse
from .boxoptions import BoxOptions

LAST_DOUBLING = 40
"""After so many the delay is at any cap there is."""


@dataclass(frozen=True, slots=True)
class Settled:
    """It was handled: its row goes."""


@dataclass(frozen=True, slots=True)
class Retried:
    """It is tried again after a random part of `within` seconds; `attempts` count as failed."""

    attempts: int
    within: float


@dataclass(frozen=True, slots=True)
class Returned:
    """It is the first in line again, and nobody is charged with anything."""


@dataclass(frozen=True, slots=True)
class Buried:
    """It is a dead letter; `attempts` count as failed."""

    reason: str
    attempts: int


Fate = Settled | Retried | Returned | Buried


def plan_settle(
    attempts: int, unreadable: str | None, outcome: Outcome, options: BoxOptions
) -> Fate:
    """Decide on a message that has failed `attempts` times before.

    ==========================  ============================================================
    the outcome                 the message
    ==========================  ============================================================
    handled                     is over
    released                    waits again, first in line; a release is never charged
    it could not be read        is dead, of the reason why
    failed with `Refuse`        is dead, ``rejected``: to try again would not help
    failed, attempts are left   waits again, first in line, for its delay
    failed for the last time    is dead, ``max_attempts``
    ==========================  ============================================================

    The delay before try n + 1 is any time up to ``retry_base * 2 ** (n - 1)``, and to
    ``retry_cap``: who failed together does not come back together.
    """
    if isinstance(outcome, Handled):
        return Settled()
    if not isinstance(outcome, Failed):
        return Returned()
    if unreadable is not None:
        return Buried(unreadable, attempts)
    if isinstance(outcome.error, Refuse):
        return Buried("rejected", attempts)
    attempts += 1
    if attempts >= options.max_attempts:
        return Buried("max_attempts", attempts)
    doubled = options.retry_base * 2 ** min(attempts - 1, LAST_DOUBLING)
    return Retried(attempts, min(options.retry_cap, doubled))
