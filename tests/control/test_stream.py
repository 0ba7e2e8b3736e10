"""The ring of the newest events, and the streams that read it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from aplay_host.control import EventRing, EventRow, Who

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def ring_of(count: int, size: int = 3) -> EventRing:
    ring = EventRing("b007", size, clock=lambda: NOON)
    for number in range(count):
        ring.append("tick", "/a", None, {"n": number + 1})
    return ring


def test_an_event_has_its_number_its_boot_and_its_time() -> None:
    ring, who = ring_of(1), Who("peer", 0, 7)
    at = "2026-03-01T12:00:00.000Z"
    assert ring.append("audit", "/", who) == EventRow(2, "b007", at, "audit", "/", who, {})
    assert (ring.seq, ring.oldest) == (2, 1)


def test_a_ring_keeps_the_newest() -> None:
    assert (ring_of(0).seq, ring_of(0).oldest, ring_of(0).after(0)) == (0, 1, [])
    ring = ring_of(5)
    assert (ring.seq, ring.oldest) == (5, 3)
    assert [row.seq for row in ring.after(0)] == [3, 4, 5]
    assert [row.seq for row in ring.after(3)] == [4, 5]
    assert [row.seq for row in ring.after(2, most=2)] == [3, 4]
    assert ring.after(5) == ring.after(9) == []


async def test_who_waits_for_more_goes_on_with_the_next_event() -> None:
    ring = ring_of(1)
    await ring.more(0)
    waiting = [asyncio.create_task(ring.more(1)) for _ in range(2)]
    await asyncio.sleep(0)
    assert not any(one.done() for one in waiting)
    waiting[0].cancel()
    ring.append("tick", "/a")
    await asyncio.wait(waiting)
    assert waiting[0].cancelled()
