"""Going through many things without keeping others from the loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

SLICE_SECONDS = 0.01

T = TypeVar("T")


async def in_slices(things: Iterable[T]) -> AsyncIterator[T]:
    """Yield `things`, and let the loop run whenever a slice of time is over.

    Time and not a number, because how much is done with each thing differs.
    """
    ends = time.perf_counter() + SLICE_SECONDS
    for thing in things:
        yield thing
        if time.perf_counter() > ends:
            await asyncio.sleep(0)
            ends = time.perf_counter() + SLICE_SECONDS
