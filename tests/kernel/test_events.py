"""Events are told synchronously, to who asked for them, and harm nobody."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from aplay_host.kernel import (
    Actor,
    ActorSystem,
    DeadLettered,
    Event,
    MessageFailed,
    Started,
    StartFailed,
    Stopped,
)

from .actors import ALL_EVENTS, Hooked, Recorder, Runner, fail_with, listen, settle


async def test_events_are_numbered_and_dated(system: ActorSystem) -> None:
    heard = listen(system)
    await system.spawn(Recorder, "a")
    await asyncio.sleep(2)
    await system.spawn(Recorder, "b")
    await system.ref("/a").remove()
    assert [(event.number, event.time, event.address) for event in heard] == [
        (1, 0.0, "/a"),
        (2, 2.0, "/b"),
        (3, 2.0, "/a"),
    ]
    with pytest.raises(AttributeError):
        heard[0].number = 5


async def test_a_failed_message_is_told_with_all_there_is_to_know(system: ActorSystem) -> None:
    heard = listen(system, MessageFailed)
    error = ValueError("boom")
    ref = await system.spawn(Runner, "a")
    ref.tell_nowait(fail_with(error))
    await settle()
    (event,) = heard
    assert (event.address, event.error, event.message_type) == ("/a", error, "function")
    assert (event.incarnation, event.directive) == (1, "resume")


async def test_without_a_subscriber_no_event_is_made(system: ActorSystem) -> None:
    heard = listen(system, Stopped)
    ref = await system.spawn(Recorder, "a")
    await system.spawn(Recorder, "b")
    await ref.stop()
    assert [event.number for event in heard] == [1]  # two starts before it made none


async def test_a_subscription_ends_for_its_types_only(system: ActorSystem) -> None:
    heard: list[Event] = []
    end = system.events.subscribe((Started,), heard.append)
    system.events.subscribe((Stopped,), heard.append)
    ref = await system.spawn(Recorder, "a")
    end()
    end()  # twice is once
    await ref.stop()
    await ref.human_start()
    assert [type(event) for event in heard] == [Started, Stopped]


@pytest.mark.parametrize(
    "error",
    [ValueError("broken"), asyncio.CancelledError(), SystemExit(3), KeyboardInterrupt()],
    ids=repr,
)
async def test_a_broken_subscriber_is_logged_once_skipped_and_reaches_no_actor(
    system: ActorSystem, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    calls: list[Event] = []

    def broken(event: Event) -> None:
        calls.append(event)
        raise error

    end_of = system.events.subscribe(ALL_EVENTS, broken)
    heard = listen(system)
    ref = await system.spawn(Hooked, "a")
    ref.tell_nowait(fail_with(ValueError("of the handler")))
    assert await ref.ask(answer) == "alive"
    await ref.stop()
    await ref.human_start()
    assert await ref.ask(answer) == "alive"
    assert len(calls) == 1
    assert [type(event) for event in heard] == [Started, MessageFailed, Stopped, Started]
    (line,) = [text for text in caplog.messages if "subscriber" in text]
    assert "broken" in line
    assert system.fatal is None
    end_of()


async def answer(_: Actor) -> str:
    return "alive"


async def test_a_subscriber_may_use_the_verbs(system: ActorSystem) -> None:
    """Stopping an actor from the event of its own start: the mail is kept."""
    seen: list[Any] = []
    system.events.subscribe((Started,), lambda event: system.ref(event.address).stop())
    for cls in (Recorder, Starting):
        ref = system.ref(f"/{cls.__name__}")
        with suppress(StartFailed):
            await system.spawn(cls, ref.name, kwargs={"seen": seen})
        ref.tell_nowait("kept")
        await settle()
        assert (ref.state, ref.status().pending) == ("stopped", 1)
    assert seen == []


class Starting(Recorder):
    async def on_start(self) -> None: ...


async def test_a_subscriber_sees_the_letter_already_counted(system: ActorSystem) -> None:
    seen: list[int] = []
    system.events.subscribe((DeadLettered,), lambda _: seen.append(system.status().dead))
    ref = await system.spawn(Recorder, "a")
    await ref.stop()
    for n in range(3):
        ref.tell_nowait(n)
    await ref.remove()
    assert seen == [3, 3, 3]
