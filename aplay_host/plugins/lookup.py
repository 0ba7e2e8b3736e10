"""Finding entries by the name that a person gives."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import CommandError
from .entry import Entry
from .settings import names
from .spelling import did_you_mean


def entries_named(name: str, entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return the entries that `name` means: a distribution, ``dist/name``, or an entry's name.

    There may be several, as an id may occur once per door. Raises `CommandError`
    (``no-such-plugin``) where there is none.
    """
    entries = tuple(entries)
    found = tuple(one for one in entries if names(name, one) or name == one.name)
    if not found:
        known = {text for one in entries for text in (one.dist, one.id, one.name)}
        hint = did_you_mean(name, known) or "see them all: aplay-host plugins list"
        raise CommandError("no-such-plugin", f"no installed package offers {name}", hint=hint)
    return found
