"""Named places in the engine at which a test may let something happen."""

from __future__ import annotations

POINTS = (
    "sqlite.open.before_boot",
    "sqlite.open.after_boot",
    "sqlite.group.before_begin",
    "sqlite.group.before_commit",
    "sqlite.group.after_commit",
    "sqlite.group.before_report",
    "sqlite.checkpoint.before",
    "sqlite.job.before_commit",
    "sqlite.begin.after_ledger",
    "sqlite.settle.before_submit",
    "sqlite.stop.before_clean",
)
"""Every place that calls `Failpoints.hit`, in the order in which a message passes them."""


class Failpoints:
    """Does nothing at any place; what a test arms derives from it."""

    __slots__ = ()

    def hit(self, name: str) -> None:
        """Be at the place `name`, in the thread that is there; what this raises is raised there."""
