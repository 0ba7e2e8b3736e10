"""Which of the installed plugins the host may use: settings, and the rule they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .entry import Entry, Reason, canonical_id

if TYPE_CHECKING:
    from pathlib import Path

OWN_DIST = "aplay-host"
"""The distribution whose plugins are ours."""
SAFE_MODE = Reason("admission", "safe", "safe mode")
"""Why a guest is kept out by ``serve --safe``."""


@dataclass(frozen=True, slots=True)
class PluginSettings:
    """The ``[plugins]`` table.

    Items of `disable` and `allow` are a distribution or ``dist/name``, in any spelling of
    the distribution. An empty `allow` admits everything. `paths` are directories of a
    person's own modules; `strict` turns a bad plugin from a listed one into a refusal, and
    `safe` admits none but ours. `places` tells where ``disable`` and ``allow`` and their
    items (``disable[0]``) stand, as ``aplay.toml:8:12``.
    """

    disable: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    strict: bool = False
    paths: tuple[Path, ...] = ()
    safe: bool = False
    places: Mapping[str, str] = field(default_factory=dict)


def plan_admission(settings: PluginSettings, entry: Entry) -> Reason | None:
    """Return why `entry` is kept out, or None when it is admitted.

    ====  ==========  ==================  =========
    safe  in disable  in allow            admitted
    ====  ==========  ==================  =========
    yes   any         any                 ours only
    no    yes         any                 no
    no    no          yes, or none given  yes
    no    no          no                  no
    ====  ==========  ==================  =========
    """
    if settings.safe:
        return None if entry.dist == OWN_DIST else SAFE_MODE
    number = _matching(settings.disable, entry)
    if number is not None:
        message = f'[plugins] disable names "{settings.disable[number]}"'
        place = settings.places.get(f"disable[{number}]", "")
        return Reason("admission", "disable", message, place)
    if settings.allow and _matching(settings.allow, entry) is None:
        message = f'[plugins] allow does not name "{entry.dist}"'
        return Reason("admission", "allow", message, settings.places.get("allow", ""))
    return None


def names(item: str, entry: Entry) -> bool:
    """Tell whether `item` of `disable` or `allow` names `entry`."""
    return canonical_id(item) in (entry.dist, entry.id)


def _matching(items: tuple[str, ...], entry: Entry) -> int | None:
    return next((number for number, item in enumerate(items) if names(item, entry)), None)
