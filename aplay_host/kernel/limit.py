"""How often one and the same thing may be logged."""

from __future__ import annotations

from collections.abc import Hashable

FREE = 10
MINUTE = 60.0
KEYS = 10_000


class LogLimit:
    """Lets the first ten lines of a key through, then one a minute.

    Remembers at most 10,000 keys; beyond that it starts anew, which can only log more.
    """

    def __init__(self) -> None:
        self._seen: dict[Hashable, tuple[int, float, int]] = {}

    def admit(self, key: Hashable, now: float) -> int | None:
        """Return how many were held back since the last line, or None to hold this one back."""
        if len(self._seen) >= KEYS and key not in self._seen:
            self._seen.clear()
        let_through, last, missed = self._seen.get(key, (0, now, 0))
        if let_through >= FREE and now - last < MINUTE:
            self._seen[key] = (let_through, last, missed + 1)
            return None
        self._seen[key] = (let_through + 1, now, 0)
        return missed
