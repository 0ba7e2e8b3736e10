from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from aplay_host.kernel import ActorSystem


@pytest.fixture
async def system() -> AsyncIterator[ActorSystem]:
    """A system of the test's own, shut down in order when the test is over."""
    async with ActorSystem("test") as system:
        yield system


@pytest.fixture(params=[True, False], ids=["hand-off", "in line"])
async def either(request: pytest.FixtureRequest) -> AsyncIterator[ActorSystem]:
    """As `system`, with the hand-off of asks and without."""
    async with ActorSystem("test", handoff=request.param) as system:
        yield system
