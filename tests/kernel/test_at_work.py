"""Whose code runs: on the stack, in tasks and threads that a handler began, and nowhere else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aplay_host.kernel import Actor, ActorSystem, AtWork, at_work
from tests.kernel.actors import Runner


class Witness(Actor):
    """Notes who is at work in each of its hooks."""

    def __init__(self, seen: dict[str, AtWork | None]) -> None:
        self.seen = seen
        self.note("__init__")

    def note(self, where: str) -> None:
        self.seen[where] = at_work()

    async def on_start(self) -> None:
        self.note("on_start")
        self.create_task(self.work())

    async def work(self) -> None:
        self.note("own task")
        await asyncio.create_task(self.nested())
        asyncio.get_running_loop().call_soon(self.note, "callback of an own task")

    async def nested(self) -> None:
        self.note("task of an own task")

    def decide_to_start(self) -> bool:
        self.note("decide_to_start")
        return True

    async def msg_handler(self, msg: Any) -> None:
        self.note("msg_handler")

    def user_task_callback(self, outcome: Any, msg: Any = None) -> None:
        self.note("user_task_callback")

    async def on_stop(self, reason: str) -> None:
        self.note("on_stop")


async def test_all_code_of_an_actor_is_its_own() -> None:
    seen: dict[str, AtWork | None] = {}
    async with ActorSystem() as system:
        ref = await system.spawn(Witness, "witness", kwargs={"seen": seen})
        await ref.tell("text")
        await ref.ask("text")
    assert {where: one and one.address for where, one in seen.items()} == dict.fromkeys(
        (
            "__init__",
            "on_start",
            "own task",
            "task of an own task",
            "callback of an own task",
            "decide_to_start",
            "msg_handler",
            "user_task_callback",
            "on_stop",
        ),
        "/witness",
    )
    assert seen["msg_handler"] == AtWork(system.ref("/witness").address, "str")


async def test_each_message_of_a_batch_has_its_own_type(system: ActorSystem) -> None:
    seen: list[AtWork | None] = []

    class Types(Actor):
        async def msg_handler(self, msg: Any) -> None:
            seen.append(at_work())

    ref = await system.spawn(Types, "types")
    for message in (1, "a", 2.0, b"b", ()):
        ref.tell_nowait(message)
    await ref.ask([])
    kinds = [one and one.message_type for one in seen]
    assert kinds == ["int", "str", "float", "bytes", "tuple", "list"]


async def test_who_is_asked_is_at_work_and_then_who_asked_again(system: ActorSystem) -> None:
    seen: list[str] = []

    async def outer(self: Actor) -> None:
        await self.ref("/inner").ask(inner)
        note()

    async def inner(self: Actor) -> None:
        note()

    def note() -> None:
        found = at_work()
        assert found is not None
        seen.append(found.address)

    await system.spawn(Runner, "inner")
    await (await system.spawn(Runner, "outer")).ask(outer)
    assert seen == ["/inner", "/outer"]


@pytest.mark.real_time
async def test_a_thread_that_a_handler_waits_for_works_for_the_actor(system: ActorSystem) -> None:
    async def handler(self: Actor) -> AtWork | None:
        return await asyncio.to_thread(at_work)

    ref = await system.spawn(Runner, "runner")
    found = await ref.ask(handler)
    assert found == AtWork(ref.address, "function")


async def test_outside_of_actors_nobody_is_at_work(system: ActorSystem) -> None:
    ref = await system.spawn(Runner, "runner")

    async def handler(self: Actor) -> None: ...

    await ref.ask(handler)
    assert at_work() is None
