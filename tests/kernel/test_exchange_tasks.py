"""Owned tasks in an exchange: begun again, or ended and named."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

from aplay_host.kernel import (
    Actor,
    ActorSystem,
    Detached,
    MessageFailed,
)

from .actors import (
    forever,
    listen,
    settle,
)
from .exchanges import New, Old, exchange, spawn_old, stage


class Worker(Old):
    """Works in tasks that it begins in its hooks."""

    async def prepare_children(self) -> None:
        self.create_task(self.work("declared"), name="declared")

    async def on_start(self) -> None:
        self.create_task(self.work("first", speed=2), name="first")
        self.create_task(self.work("second"), name="second")
        self.create_task(forever(), name="foreign")

    async def work(self, what: str, speed: int = 1) -> None:
        self.seen.append((self.word, f"{what} at {speed}"))
        try:
            await forever()
        finally:
            self.seen.append((self.word, f"{what} ended"))


async def _swap_worker(system: ActorSystem, cls: type[Actor]) -> tuple[tuple[str, ...], list[Any]]:
    seen: list[Any] = []
    await system.spawn(Worker, "a", kwargs={"seen": seen})
    await settle()
    seen.clear()
    async with system.quiesce(["/a"]) as quiet:
        ended = quiet.swap(stage(system, quiet, cls))
    await settle()
    return ended, seen


async def test_tasks_of_a_start_begin_again_and_others_are_named(system: ActorSystem) -> None:
    class NewWorker(Worker):
        word = "new"

    ended, seen = await _swap_worker(system, NewWorker)
    assert sorted(ended) == ["/a declared", "/a foreign"]
    assert sorted(seen) == [
        *[("new", f"{what}") for what in ("declared at 1", "first at 2", "second at 1")],
        *[("old", f"{what} ended") for what in ("declared", "first", "second")],
    ]
    seen.clear()
    async with system.quiesce(["/a"]) as quiet:
        ended = quiet.swap(stage(system, quiet, NewWorker))
    await settle()
    assert ended == ("/a declared",), "begun again, a task is one of the start still"
    assert len(seen) == 6


async def test_a_task_that_the_new_class_cannot_begin_is_named(system: ActorSystem) -> None:
    class Other(New):
        async def work(self) -> None: ...

    ended, _ = await _swap_worker(system, Other)
    assert len(ended) == 4


async def test_a_class_with_on_reload_begins_its_tasks_itself(system: ActorSystem) -> None:
    class Reloading(Worker):
        def on_reload(self, info: object) -> None: ...

    ended, _ = await _swap_worker(system, Reloading)
    assert len(ended) == 4


async def test_a_task_begun_by_a_message_is_ended_and_named(system: ActorSystem) -> None:
    class Working(Worker):
        async def on_start(self) -> None: ...

    async def begin_one(actor: Any) -> None:
        actor.create_task(actor.work("by message"), name="by message")

    ref = await system.spawn(Working, "a", kwargs={"seen": []})
    await ref.ask(begin_one)
    async with system.quiesce(["/a"]) as quiet:
        ended = quiet.swap(stage(system, quiet, Working))
    assert sorted(ended) == ["/a by message", "/a declared"]


def _twice(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def call_twice(*args: Any, **kwargs: Any) -> None:
        for _ in range(2):
            await function(*args, **kwargs)

    return call_twice


async def test_tasks_of_decorated_and_of_odd_methods_do_not_disturb_a_start(
    system: ActorSystem,
) -> None:
    ran: list[str] = []

    class Odd(Old):
        async def on_start(self) -> None:
            for coro in (
                *(self.decorated(1), self.capturing("c"), self.many(1, 2, key=3)),
                *(self.static(4), self.of_class(5), type(self).decorated(self, 6)),
            ):
                self.create_task(coro)

        @_twice
        async def decorated(self, number: int) -> None:
            ran.append(f"decorated {number}")

        async def capturing(self, what: str) -> None:
            ran.extend(f"capturing {what}" for _ in range(1) if self is not None and what)
            await forever()

        async def many(self, /, *args: int, **kwargs: int) -> None:
            ran.append(f"many {args} {kwargs}")
            await forever()

        @staticmethod
        async def static(number: int) -> None:
            ran.append(f"static {number}")
            await forever()

        @classmethod
        async def of_class(cls, number: int) -> None:
            ran.append(f"class {number}")
            await forever()

    await system.spawn(Odd, "a", kwargs={"seen": []})
    await settle()
    assert sorted(ran) == [
        *("capturing c", "class 5", "decorated 1", "decorated 1", "decorated 6", "decorated 6"),
        *("many (1, 2) {'key': 3}", "static 4"),
    ]
    ran.clear()
    async with system.quiesce(["/a"]) as quiet:
        ended = quiet.swap(stage(system, quiet, Odd))
    await settle()
    assert sorted(ended) == ["/a of_class", "/a static"]
    assert sorted(ran) == ["capturing c", "many (1, 2) {'key': 3}"]


async def test_a_task_of_the_old_behaviour_that_fails_at_its_end_is_told_without_consequence(
    system: ActorSystem,
) -> None:
    async def tidy_up(actor: Actor) -> None:
        try:
            await forever()
        finally:
            actor.send_after(1, "too late")

    async def begin_one(actor: Actor) -> None:
        actor.create_task(tidy_up(actor))

    ref, _ = await spawn_old(system, on_error="stop")
    failed = listen(system, MessageFailed)
    await ref.ask(begin_one)
    await settle()  # it has begun
    await exchange(system)
    await settle()
    assert [(type(event.error), event.directive) for event in failed] == [(Detached, "resume")]
    assert ref.state == "running"


async def test_the_failure_of_a_task_of_the_new_behaviour_is_the_actors(
    system: ActorSystem,
) -> None:
    class Failing(New):
        def __init__(self, seen: list[Any]) -> None:
            super().__init__(seen)
            self.create_task(self._fail())

        async def _fail(self) -> None:
            raise ValueError("boom")

    ref, _ = await spawn_old(system, on_error="stop")
    await exchange(system, Failing)
    await settle()
    assert ref.state == "stopped"


async def test_tasks_of_an_exchanged_behaviour_end_with_the_actor(system: ActorSystem) -> None:
    class NewWorker(Worker):
        word = "new"

    await _swap_worker(system, NewWorker)
    await system.ref("/a").remove()
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("/")] == []
