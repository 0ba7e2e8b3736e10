"""What waits in an actor's mailbox for another try."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..control import RetryRow

if TYPE_CHECKING:
    from ..kernel.cell import ActorCell


def retry_of(cell: ActorCell | None, now: float) -> RetryRow | None:
    """Return what waits for another try at an actor, None where nothing does."""
    line = None if cell is None else cell.box
    if line is None or line.retry_at is None or not line.postponed:
        return None
    kept = getattr(line.postponed[0], "own", None)
    failed: int | None = getattr(kept, "attempts", None)  # where its box counts them
    return RetryRow(
        in_s=round(max(0.0, line.retry_at - now), 3),
        postponed=len(line.postponed),
        attempt=None if failed is None else failed + 1,
        most=getattr(getattr(line.box, "options", None), "max_attempts", None),
    )
