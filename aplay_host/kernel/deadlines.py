"""When the requests of a system run out of time."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .request import Request

PER_SECOND = 20
"""Requests that end within the same twentieth of a second share one timer."""
EXACT_BELOW = 1.0
"""Time-outs shorter than this, in seconds, get a timer of their own."""


class Deadlines:
    """Expires requests: never early, and at most 50 ms late.

    Nearly every request is answered long before its time is up, so what counts is what it
    costs to come and to go: a key here, where a timer for each takes half of an ask's time.
    """

    __slots__ = ("_buckets", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # Mappings for their order: those that end together do so as they came.
        self._buckets: dict[int, dict[Request, None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, request: Request) -> None:
        """Let `request` expire at its deadline, unless it is discarded before."""
        if request.deadline == math.inf:
            return
        if request.deadline - request.asked < EXACT_BELOW:
            request.timer = self._loop.call_at(request.deadline, request.expire)
            return
        number = math.ceil(request.deadline * PER_SECOND)
        bucket = self._buckets.get(number)
        if bucket is None:
            bucket = self._buckets[number] = {}
            if self._timer is None or number == min(self._buckets):
                self._set_timer()
        bucket[request] = None
        request.timer = bucket

    def discard(self, request: Request) -> None:
        """Forget `request`: it has its reply."""
        timer, request.timer = request.timer, None
        if isinstance(timer, dict):
            timer.pop(request, None)
        elif timer is not None:
            timer.cancel()

    def close(self) -> None:
        """Expire nothing any more; leaves no timer behind."""
        self._buckets.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        number = min(self._buckets)
        self._timer = self._loop.call_at(number / PER_SECOND, self._expire, number)

    def _expire(self, number: int) -> None:
        for request in self._buckets.pop(number):
            request.expire()
        self._timer = None
        if self._buckets:
            self._set_timer()
