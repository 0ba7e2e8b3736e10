from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from aplay_host.kernel import ActorSystem

from .actors import park_drivers


@pytest.fixture(params=[True, False], ids=["handed-off", "in-line"])
def handoff(request: pytest.FixtureRequest) -> bool:
    """Whether requests may be handed off: what holds with it holds without it."""
    return bool(request.param)


@pytest.fixture
async def system(handoff: bool) -> AsyncIterator[ActorSystem]:
    """A system of the test's own, shut down in order when the test is over."""
    async with ActorSystem("test", handoff=handoff) as system:
        await park_drivers(system)
        yield system


@pytest.fixture(params=[True, False], ids=["hand-off", "in line"])
async def either(request: pytest.FixtureRequest) -> AsyncIterator[ActorSystem]:
    """As `system`, with the hand-off of asks and without."""
    async with ActorSystem("test", handoff=request.param) as system:
        yield system
