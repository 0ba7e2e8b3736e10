"""What becomes of an actor whose life ended, and of its siblings: decided here, done elsewhere.

Everything is a pure function of settings, stamps and time, so that a child and its parent,
asking the same, get the same answer.

====================================  ===========  ===========  ===========
the life ended                        permanent    transient    temporary
====================================  ===========  ===========  ===========
by an error, or a failed start        restart      restart      remove
because the actor said it was done    restart      remove       remove
with a sibling that restarts          restart      restart      remove
====================================  ===========  ===========  ===========

============  =====================================  ====================================
strategy      when one child restarts                when one child becomes ``failed``
============  =====================================  ====================================
one_for_one   only it                                only it
one_for_all   all running siblings with it           all siblings become ``failed``
rest_for_one  the running siblings made after it     those made after it become ``failed``
============  =====================================  ====================================

Siblings that a person holds, and those that are ``failed`` already, are left alone.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .spec import ActorSpec

Directive = Literal["resume", "restart", "stop", "escalate"]
RestartType = Literal["permanent", "transient", "temporary"]
Strategy = Literal["one_for_one", "one_for_all", "rest_for_one"]
OnError = Directive | Mapping[type[BaseException], Directive]
EndedBy = Literal["error", "done"]


@dataclass(frozen=True, slots=True)
class Budget:
    """At most `max` restarts within `within` seconds; one more makes the actor ``failed``."""

    max: int = 5
    within: float = 30.0

    def __post_init__(self) -> None:
        if self.max < 0 or self.within <= 0:
            raise ValueError(f"budget: got {self}, want max >= 0 and within > 0")


@dataclass(frozen=True, slots=True)
class Backoff:
    """The pause before the n-th restart: ``min(max, initial * factor ** (n - 1))`` seconds.

    `jitter` is the part by which it is made longer or shorter at random, so that actors
    that failed together do not come back together.
    """

    initial: float = 0.2
    factor: float = 2.0
    max: float = 30.0
    jitter: float = 0.2

    def __post_init__(self) -> None:
        if self.initial < 0 or self.factor < 1 or self.max < 0 or not 0 <= self.jitter <= 1:
            wanted = "initial >= 0, factor >= 1, max >= 0 and jitter from 0 to 1"
            raise ValueError(f"backoff: got {self}, want {wanted}")

    def pause(self, number: int, chance: random.Random) -> float:
        """Return the seconds before restart `number`, which counts from 1."""
        pause = min(self.max, self.initial * self.factor ** min(number - 1, 1000))
        return pause * chance.uniform(1 - self.jitter, 1 + self.jitter)


@dataclass(frozen=True, slots=True)
class Sibling:
    """One child of a parent, as a plan sees it; `left_alone` when held or ``failed``."""

    name: str
    restart: RestartType
    left_alone: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """A life that ended, of the actor `name`; `stamps` are the times of its earlier restarts."""

    name: str
    spec: ActorSpec
    by: EndedBy
    stamps: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class RestartPlan:
    """What to do with the actor, and with the siblings that share its fate.

    `group` are the names of all that restart or fail together, the actor's own included, in
    order of creation; `removed` are siblings that a shared restart ends. `pause` is in
    seconds; `stamps` are the restarts that count from now on.
    """

    fate: Literal["restart", "remove", "fail"]
    group: tuple[str, ...]
    removed: tuple[str, ...] = ()
    pause: float = 0.0
    stamps: tuple[float, ...] = ()


def plan_directive(on_error: OnError, error: BaseException) -> Directive:
    """Return what the setting says about `error`: the nearest of its classes decides."""
    if isinstance(on_error, str):
        return on_error
    for kind in type(error).__mro__:
        if kind in on_error:
            return on_error[kind]
    return "resume"


def plan_restart(
    life: Ended,
    siblings: Sequence[Sibling],
    strategy: Strategy,
    now: float,
    chance: random.Random,
) -> RestartPlan:
    """Decide by the tables in the module's text, and by the actor's own budget.

    `siblings` are all children of the parent in order of creation, the actor among them.
    Stamps older than the budget's time no longer count; a restart that would exceed the
    budget is not made.
    """
    name, spec = life.name, life.spec
    if spec.restart == "temporary" or (spec.restart == "transient" and life.by == "done"):
        return RestartPlan("remove", (name,))
    counted = (*(stamp for stamp in life.stamps if now - stamp < spec.budget.within), now)
    with_it = _with_it(name, siblings, strategy)
    if len(counted) > spec.budget.max:
        return RestartPlan("fail", tuple(one.name for one in with_it))
    return RestartPlan(
        "restart",
        tuple(one.name for one in with_it if one.restart != "temporary" or one.name == name),
        tuple(one.name for one in with_it if one.restart == "temporary" and one.name != name),
        spec.backoff.pause(len(counted), chance),
        counted,
    )


def _with_it(name: str, siblings: Sequence[Sibling], strategy: Strategy) -> list[Sibling]:
    names = [one.name for one in siblings]
    first = {"one_for_all": 0, "rest_for_one": names.index(name)}.get(strategy)
    return [
        one
        for place, one in enumerate(siblings)
        if one.name == name or (first is not None and place >= first and not one.left_alone)
    ]
