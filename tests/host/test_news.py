"""What plugins are told of a system's events."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace
from typing import Any, ClassVar, cast

import pytest

from aplay_host.host.news import NEWS, ActorNews
from aplay_host.kernel import ActorSystem, StartFailed
from aplay_host.plugins import Hooks
from tests.host.actors import Echo

Line = tuple[object, ...]
FIELD = {
    "aplay_actor_started": "cause",
    "aplay_actor_stopped": "reason",
    "aplay_actor_failed": "directive",
}


class Listener:
    """Keeps what is told as short tuples: the hook's last word, the address, the detail."""

    def __init__(self, heard: Collection[str] = NEWS) -> None:
        self.heard = heard
        self.told: list[tuple[str, dict[str, Any]]] = []

    def hears(self, *hooks: str) -> bool:
        return any(hook in self.heard for hook in hooks)

    def tell(self, hook: str, **arguments: Any) -> None:
        self.told.append((hook, arguments))

    def lines(self) -> list[Line]:
        return [
            (hook.rpartition("_")[2], told["ref"].address, told[FIELD[hook]])
            for hook, told in self.told
            if hook in FIELD
        ]


class Restarts(Echo):
    on_error: ClassVar[Any] = "restart"
    budget: ClassVar[Any] = {"max": 1}


class Stops(Echo):
    on_error: ClassVar[Any] = "stop"


class Shy(Echo):
    """Starts at the second attempt."""

    attempts: ClassVar[list[int]] = []

    async def on_start(self) -> None:
        self.attempts.append(1)
        if len(self.attempts) == 1:
            raise OSError("not yet")


def listen(system: ActorSystem, listener: Listener) -> Listener:
    ActorNews(system, lambda: cast(Hooks, listener))
    return listener


@pytest.fixture
def listener() -> Listener:
    return Listener()


async def test_start_stop_start_and_removal_are_told_once_each(listener: Listener) -> None:
    async with ActorSystem("demo") as system:
        listen(system, listener)
        ref = await system.spawn(Echo, "a")
        await ref.stop()
        await ref.human_start()
        await ref.remove()
    assert listener.lines() == [
        ("started", "/a", "start"),
        ("stopped", "/a", "stopped"),
        ("started", "/a", "start"),
        ("stopped", "/a", "removed"),
    ]
    assert {told["spec"].cls for _, told in listener.told} == {Echo}


async def test_new_code_is_told_as_a_start_and_its_class_from_then_on(listener: Listener) -> None:
    async with ActorSystem("demo") as system:
        listen(system, listener)
        ref = await system.spawn(Echo, "a")
        async with system.quiesce([ref.address], deadline=1.0) as quiet:
            spec = replace(ref.status().spec, cls=Stops)
            quiet.swap([quiet.stage(ref.address, spec=spec)], generation=2)
    assert listener.lines() == [
        ("started", "/a", "start"),
        ("started", "/a", "reload"),
        ("stopped", "/a", "shutdown"),
    ]
    assert [told["spec"].cls for _, told in listener.told] == [Echo, Stops, Stops]


async def test_shutdown_of_the_tree_is_told_for_each_actor(listener: Listener) -> None:
    async with ActorSystem("demo") as system:
        listen(system, listener)
        await system.spawn(Echo, "a")
        await system.spawn(Echo, "b")
    assert listener.lines()[2:] == [("stopped", "/b", "shutdown"), ("stopped", "/a", "shutdown")]


async def test_restart_is_a_stop_and_a_start_and_the_budget_ends_it(listener: Listener) -> None:
    async with ActorSystem("demo") as system:
        listen(system, listener)
        ref = await system.spawn(Restarts, "a")
        for _ in range(2):
            ref.tell_nowait({"raise": "ValueError"})
            await asyncio.sleep(10)
    assert listener.lines() == [
        ("started", "/a", "start"),
        ("failed", "/a", "restart"),
        ("stopped", "/a", "restart"),
        ("started", "/a", "restart"),
        ("failed", "/a", "restart"),
        ("stopped", "/a", "failed"),
        ("stopped", "/a", "shutdown"),
    ]


async def test_stop_because_of_an_error_is_a_failed_one(listener: Listener) -> None:
    async with ActorSystem("demo") as system:
        listen(system, listener)
        ref = await system.spawn(Stops, "a")
        ref.tell_nowait({"raise": "ValueError"})
        await asyncio.sleep(1)
        assert listener.lines()[1:] == [("failed", "/a", "stop"), ("stopped", "/a", "failed")]


async def test_an_actor_that_never_ran_has_not_stopped(listener: Listener) -> None:
    Shy.attempts.clear()
    async with ActorSystem("demo") as system:
        listen(system, listener)
        with pytest.raises(StartFailed):
            await system.spawn(Shy, "a")
        await asyncio.sleep(10)
        assert listener.lines() == [("failed", "/a", "restart"), ("started", "/a", "restart")]


async def test_failure_is_told_as_text(listener: Listener) -> None:
    async with ActorSystem("demo") as system:
        listen(system, listener)
        ref = await system.spawn(Echo, "a")
        ref.tell_nowait({"raise": "ValueError"})
        await asyncio.sleep(1)
    failure = next(told["failure"] for _, told in listener.told if "failure" in told)
    assert (failure.error, failure.message) == ("ValueError", "no such thing")
    assert (failure.message_type, failure.count) == ("dict", 1)
    assert "no such thing" in failure.traceback
    assert failure.place.endswith(" in msg_handler")


async def test_dead_letter_is_told_with_nothing_missed(listener: Listener) -> None:
    async with ActorSystem("demo") as system:
        listen(system, listener)
        system.ref("/nobody").tell_nowait("hello")
    ((hook, told),) = listener.told
    assert (hook, told["missed"]) == ("aplay_dead_letter", 0)
    assert (told["letter"].message, told["letter"].reason) == ("hello", "no_actor")


async def test_what_nobody_hears_is_not_made() -> None:
    listener = Listener(heard=())
    async with ActorSystem("demo") as system:
        listen(system, listener)
        ref = await system.spawn(Echo, "a")
        ref.tell_nowait({"raise": "ValueError"})
        await asyncio.sleep(1)
    assert listener.told == []
