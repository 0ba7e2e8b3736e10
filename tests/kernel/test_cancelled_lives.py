"""S3: whoever waits for something may be cancelled at any moment, and the account stays true."""

from __future__ import annotations

import asyncio

from aplay_host.kernel import ActorSystem

from .actors import Hooked, check_account, park_drivers


async def life(system: ActorSystem) -> None:
    """Live a whole life, waiting at every step."""

    async def slowly(_: object) -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(1)

    ref = await system.spawn(
        Hooked, "a", kwargs={"starting": slowly, "ending": slowly}, mailbox={"overflow": "wait"}
    )
    await system.spawn(Hooked, "b", parent=ref, kwargs={"starting": slowly, "ending": slowly})
    ref.tell_nowait(slowly)
    await ref.ask(slowly)
    ref.tell_nowait(slowly)
    ref.tell_nowait(slowly)
    await ref.stop()
    ref.tell_nowait(slowly)
    await ref.human_start()
    await ref.tell(slowly)
    await ref.remove()


async def live_on(living: asyncio.Task[None], moments: int) -> int:
    """Let that many moments of a life pass, fewer if it ends; return how many have passed."""
    for moment in range(moments):
        if living.done():
            return moment
        await asyncio.sleep(0 if moment % 10 else 1.0)
    return moments


async def test_cancelling_at_any_moment_of_a_life_leaves_the_account_true(handoff: bool) -> None:
    async with ActorSystem(handoff=handoff) as system:
        await park_drivers(system)
        moments = await live_on(asyncio.create_task(life(system)), 10_000)
    assert moments > 60
    for moment in range(moments):
        async with ActorSystem(handoff=handoff) as system:
            await park_drivers(system)
            living = asyncio.create_task(life(system))
            await live_on(living, moment)
            check_account(system)
            living.cancel()
            await asyncio.wait({living})
            check_account(system)
            report = await system.shutdown()
            assert report.clean
            check_account(system)
            status = system.status()
            assert status.pending == status.in_hand == 0
            assert status.accepted == status.handled + status.dead
