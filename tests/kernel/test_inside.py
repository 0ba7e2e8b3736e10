"""What goes on inside an actor at an instant: why no message begins, and where one is."""

from __future__ import annotations

import asyncio
from typing import Any

from aplay_host.kernel import Actor, ActorRef, ActorSystem, Inside, Wait

from .actors import Gate, Recorder, begin
from .test_box import Store, spawn


def wait_of(ref: ActorRef) -> Wait | None:
    return ref.system.look_inside(ref.address).wait


class Asker(Actor):
    async def msg_handler(self, other: str) -> Any:
        return await self._ask(other)

    async def _ask(self, other: str) -> Any:
        return await self.ref(other).ask("x", timeout=60)


async def test_a_place_is_the_innermost_one_that_the_author_wrote(system: ActorSystem) -> None:
    gate = await system.spawn(Gate, "gate")
    asker = await system.spawn(Asker, "asker")
    asker.tell_nowait(gate.address)
    await asyncio.sleep(2)
    (hand,) = system.look_inside("/asker").in_hand
    line = Asker._ask.__code__.co_firstlineno + 1
    assert (hand.message_type, hand.seconds) == ("Address", 2.0)
    assert hand.where == f"{__file__}:{line} in _ask"


async def test_who_has_nothing_to_wait_for_has_no_wait(system: ActorSystem) -> None:
    ref = await system.spawn(Recorder, "a")
    assert wait_of(ref) is None
    await ref.stop()
    ref.tell_nowait(1)
    assert wait_of(ref) is None
    assert system.look_inside("/nobody") == Inside()


async def test_an_exchange_is_waited_for_until_its_deadline(system: ActorSystem) -> None:
    gate, other = await system.spawn(Gate, "gate"), await system.spawn(Recorder, "other")
    bystander = await system.spawn(Recorder, "bystander")
    gate.tell_nowait("in hand")
    await asyncio.sleep(0)

    async def exchange() -> None:
        async with system.quiesce([gate.address, other.address], deadline=60, on_busy="cancel"):
            pass

    exchanging = await begin(exchange())
    await asyncio.sleep(20)
    for ref in (gate, other):
        assert wait_of(ref) == Wait("exchange", 40.0, (gate.address,), cuts=True)
    assert wait_of(bystander) is None
    await exchanging
    assert wait_of(other) is None


async def test_a_second_try_is_waited_for_where_nothing_may_pass_it(system: ActorSystem) -> None:
    actor, ref, _ = await spawn(system, Store(after=5.0))
    actor.failures["a"] = 1
    await ref.tell("a")
    await asyncio.sleep(1)
    assert wait_of(ref) == Wait("retry", 4.0)
    await asyncio.sleep(5)
    assert wait_of(ref) is None
