"""Small instruments that the tests of aplay's names share."""

from __future__ import annotations

import asyncio
from typing import Any

from aplay_host.kernel import ActorRef, ActorStatus


async def settle(turns: int = 60) -> None:
    """Give everything that is ready its turn; no time passes."""
    for _ in range(turns):
        await asyncio.sleep(0)


def counts(ref: ActorRef) -> tuple[int, int, int, int, int, int]:
    """Return accepted, handled, failed, dead, pending and in hand, which add up."""
    return checked(ref.status())


def checked(status: ActorStatus) -> tuple[int, int, int, int, int, int]:
    """Return the same of a status."""
    rest = (status.handled, status.failed, status.dead, status.pending, status.in_hand)
    assert min(rest) >= 0, status
    assert status.accepted == sum(rest), status
    return (status.accepted, *rest)


def instance(ref: ActorRef, cls: type[Any]) -> Any:
    """Return the instance behind a ref; its class is checked."""
    cell = ref.system.cell_at(ref.address)
    assert cell is not None
    assert isinstance(cell.behaviour, cls)
    return cell.behaviour
