"""Whose order it is when a test acts."""

from __future__ import annotations

from aplay_host.control import Order, Who

ME = Who("peer", 1000, 77)


def by_me(wait_s: float = 0.0, reason: str | None = None) -> Order:
    return Order(ME, reason, wait_s)
