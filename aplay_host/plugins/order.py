"""In which order the implementations of a hook are called, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pluggy

OURS = "aplay-host"
_BANDS = ("tryfirst", "plain", "trylast")


@dataclass(frozen=True, slots=True)
class HookPlace:
    """The place of one implementation: `position` of `of`, counted from 1, and `why` there.

    `errors` is how often it failed so far.
    """

    name: str
    position: int
    of: int
    why: str
    errors: int = 0


def plan_order(implementations: Iterable[pluggy.HookImpl]) -> list[pluggy.HookImpl]:
    """Return the order of calls, whatever the order of registration.

    ``tryfirst`` before plain before ``trylast``; within these the host's own before the
    others; within these by ``dist/name``.
    """
    return sorted(implementations, key=_key)


def explain_place(
    hook: str, implementations: Iterable[pluggy.HookImpl], plugin: str, errors: int
) -> HookPlace | None:
    """Return where `plugin` comes among `implementations`, None where it has none."""
    ordered = plan_order(implementations)
    for number, one in enumerate(ordered, start=1):
        if one.plugin_name == plugin:
            band, foreign, _ = _key(one)
            why = f"{_BANDS[band]}, {'by name' if foreign else 'as the host has it'}"
            return HookPlace(hook, number, len(ordered), why, errors)
    return None


def _key(implementation: pluggy.HookImpl) -> tuple[int, bool, str]:
    plugin = implementation.plugin_name
    band = 0 if implementation.tryfirst else 2 if implementation.trylast else 1
    return band, plugin.partition("/")[0] != OURS, plugin
