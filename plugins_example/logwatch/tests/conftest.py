from collections.abc import AsyncIterator

import pytest

from aplay_host import ActorSystem


@pytest.fixture
async def system() -> AsyncIterator[ActorSystem]:
    async with ActorSystem("test") as system:
        yield system
