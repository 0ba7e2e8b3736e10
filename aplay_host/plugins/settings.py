"""Which of the installed plugins the host may use: settings, and the rule they make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .entry import Entry, Reason, canonical_id

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class PluginSettings:
    """The ``[plugins]`` table.

    Items of `disable` and `allow` are a distribution or ``dist/name``, in any spelling of
    the distribution. An empty `allow` admits everything. `paths` are directories of a
    person's own modules; `strict` turns a bad plugin from a listed one into a refusal.
    """

    disable: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    strict: bool = False
    paths: tuple[Path, ...] = ()


def plan_admission(settings: PluginSettings, entry: Entry) -> Reason | None:
    """Return why `entry` is kept out, or None when it is admitted.

    ===========  ==================  =========
    in disable   in allow            admitted
    ===========  ==================  =========
    yes          any                 no
    no           yes, or none given  yes
    no           no                  no
    ===========  ==================  =========
    """
    item = _matching(settings.disable, entry)
    if item is not None:
        return Reason("admission", "disable", f'[plugins] disable names "{item}"')
    if settings.allow and _matching(settings.allow, entry) is None:
        return Reason("admission", "allow", f'[plugins] allow does not name "{entry.dist}"')
    return None


def names(item: str, entry: Entry) -> bool:
    """Tell whether `item` of `disable` or `allow` names `entry`."""
    return canonical_id(item) in (entry.dist, entry.id)


def _matching(items: tuple[str, ...], entry: Entry) -> str | None:
    return next((item for item in items if names(item, entry)), None)
