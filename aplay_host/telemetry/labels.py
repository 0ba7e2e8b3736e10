"""What a person wants to know of an actor beside its address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ActorLabels:
    """`actor_type` is ``dist/name``, ``module:Class`` or ``group``; `plugin` the distribution."""

    actor_type: str
    plugin: str | None
    generation: int


LabelsOf = Callable[[str], ActorLabels | None]
"""Returns the labels of the actor at an address, None where no actor lives; in any thread."""


def no_labels(address: str) -> None:
    """Know of no actor."""
