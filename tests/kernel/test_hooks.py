"""The hooks: their order, their deadlines, and what happens when they raise."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aplay_host.kernel import (
    Abandoned,
    Actor,
    ActorSystem,
    Event,
    Group,
    HookFailed,
    MessageFailed,
    NotBound,
    Removed,
    Started,
    StartFailed,
    Stopped,
)

from .actors import (
    Gate,
    Hooked,
    Recorder,
    begin,
    fail_with,
    forever,
    ignore_cancels,
    listen,
    now,
    settle,
)


class Diary(Actor):
    """Writes down which hook runs."""

    def __init__(self, pages: list[str]) -> None:
        self.pages = pages
        pages.append("init")

    async def on_start(self) -> None:
        self.pages.append("on_start")
        await asyncio.sleep(1)
        self.pages.append("started")

    async def msg_handler(self, msg: Any) -> None:
        self.pages.append(f"msg {msg}")
        await asyncio.sleep(1)
        self.pages.append(f"done {msg}")

    async def on_stop(self, reason: str) -> None:
        self.pages.append(f"on_stop {reason}")


async def test_hooks_run_in_order_and_mail_waits_for_the_start(system: ActorSystem) -> None:
    pages: list[str] = []
    spawning = await begin(system.spawn(Diary, "a", kwargs={"pages": pages}))
    ref = system.ref("/a")
    ref.tell_nowait(1)
    ref.tell_nowait(2)
    await spawning
    await settle()
    await ref.stop()
    await ref.human_start()
    await asyncio.sleep(1)
    await ref.remove()
    assert pages == [
        "init",
        "on_start",
        "started",
        "msg 1",
        "done 1",
        "on_stop stop",
        "on_start",
        "started",
        "msg 2",
        "done 2",
        "on_stop remove",
    ]


async def test_on_stop_is_told_of_a_shutdown() -> None:
    pages: list[str] = []
    async with ActorSystem() as system:
        await system.spawn(Diary, "a", kwargs={"pages": pages})
    assert pages[-1] == "on_stop shutdown"


async def test_a_class_without_hooks_starts_before_spawn_waits(system: ActorSystem) -> None:
    heard = listen(system, Started)
    spawning = system.spawn(Recorder, "a")
    with pytest.raises(StopIteration) as caught:
        spawning.send(None)  # it never yields to the loop
    assert caught.value.value == system.ref("/a")
    assert system.ref("/a").state == "running"
    assert [(event.address, event.cause) for event in heard] == [("/a", "start")]


async def test_events_tell_of_a_life_after_each_state_is_set(system: ActorSystem) -> None:
    states: list[tuple[str, str]] = []

    def note(event: Event) -> None:
        states.append((type(event).__name__, system.ref(event.address).state))

    system.events.subscribe((Started, Stopped, Removed), note)
    ref = await system.spawn(Hooked, "a")
    await ref.stop()
    await ref.human_start()
    await ref.remove()
    assert states == [
        ("Started", "running"),
        ("Stopped", "stopped"),
        ("Started", "running"),
        ("Removed", "removed"),
    ]


# on_start


async def test_on_start_past_its_deadline_is_a_failed_start(system: ActorSystem) -> None:
    with pytest.raises(StartFailed, match=r"TimeoutError.*longer than 2 s"):
        await system.spawn(Hooked, "a", kwargs={"starting": forever}, start_timeout=2.0)
    assert now() == pytest.approx(1.8)  # the last tenth is for ending by itself
    assert system.ref("/a").state == "failed"


async def test_on_start_has_thirty_seconds_where_nobody_says_otherwise(
    system: ActorSystem,
) -> None:
    async def starting(_: Actor) -> None:
        await asyncio.sleep(26.9)

    await system.spawn(Hooked, "a", kwargs={"starting": starting})
    with pytest.raises(StartFailed):
        await system.spawn(Hooked, "b", kwargs={"starting": forever})
    assert now() == pytest.approx(26.9 + 27.0)


async def test_on_start_that_ignores_its_deadline_is_abandoned_and_named(
    system: ActorSystem,
) -> None:
    end = asyncio.Event()

    async def starting(_: Actor) -> None:
        await ignore_cancels(end)

    heard = listen(system, Abandoned, Started)
    with pytest.raises(StartFailed):
        await system.spawn(Hooked, "a", kwargs={"starting": starting}, start_timeout=2.0)
    assert now() == pytest.approx(2.0)
    (event,) = heard
    assert event.task == "/a on_start"
    assert event.line.endswith("in ignore_cancels")
    end.set()
    await settle()
    assert system.ref("/a").state == "failed"  # its late success is ignored


async def test_on_start_cut_by_a_stop_is_no_failure(system: ActorSystem) -> None:
    heard = listen(system, MessageFailed, HookFailed, Stopped, Started)
    spawning = await begin(system.spawn(Hooked, "a", kwargs={"starting": forever}))
    ref = system.ref("/a")
    await ref.stop()
    assert now() == 0.0
    assert (ref.state, ref.status().last_error, heard) == ("stopped", None, [])
    with pytest.raises(StartFailed, match="it is stopped"):
        await spawning


@pytest.mark.parametrize("verb", ["stop", "remove"])
async def test_on_start_that_answers_its_cut_with_an_error_is_no_failure(
    system: ActorSystem, verb: str
) -> None:
    async def starting(_: Actor) -> None:
        try:
            await forever()
        except asyncio.CancelledError:
            raise ValueError("cut") from None

    spawning = await begin(system.spawn(Hooked, "a", kwargs={"starting": starting}))
    ref = system.ref("/a")
    await getattr(ref, verb)()
    assert ref.state == ("stopped" if verb == "stop" else "removed")
    with pytest.raises(StartFailed, match=f"it is {ref.state}"):
        await spawning


async def test_on_start_that_succeeds_in_spite_of_a_stop_is_paired_with_on_stop(
    system: ActorSystem,
) -> None:
    log: list[str] = []

    async def starting(_: Actor) -> None:
        try:
            await forever()
        except asyncio.CancelledError:
            log.append("opened all the same")

    async def ending(reason: str) -> None:
        log.append(f"closed: {reason}")

    kwargs = {"starting": starting, "ending": ending}
    spawning = await begin(system.spawn(Hooked, "a", kwargs=kwargs))
    ref = system.ref("/a")
    await ref.stop()
    assert log == ["opened all the same", "closed: stop"]
    assert ref.state == "stopped"
    with pytest.raises(StartFailed):
        await spawning


async def test_a_failed_start_runs_no_on_stop(system: ActorSystem) -> None:
    log: list[str] = []

    async def ending(reason: str) -> None:
        log.append(reason)

    kwargs = {"starting": fail_with(ValueError("no")), "ending": ending}
    with pytest.raises(StartFailed):
        await system.spawn(Hooked, "a", kwargs=kwargs)
    await system.ref("/a").remove()
    assert log == []


# on_stop


@pytest.mark.parametrize("verb", ["stop", "remove"])
async def test_an_on_stop_that_raises_is_told_and_the_operation_goes_on(
    system: ActorSystem, verb: str
) -> None:
    heard = listen(system, HookFailed)
    error = ValueError("cannot close")
    ref = await system.spawn(Hooked, "a", kwargs={"ending": fail_with(error)})
    await getattr(ref, verb)()
    assert ref.state == ("stopped" if verb == "stop" else "removed")
    assert [(event.address, event.hook, event.error) for event in heard] == [
        ("/a", "on_stop", error)
    ]
    assert system.status().failed == 0


async def test_an_on_stop_that_raises_is_told_even_after_a_start_that_was_cut(
    system: ActorSystem,
) -> None:
    heard = listen(system, HookFailed)
    starts = [forever, settle]

    async def starting(_: Actor) -> None:
        await starts.pop(0)()

    kwargs = {"starting": starting, "ending": fail_with(ValueError("cannot close"))}
    spawning = await begin(system.spawn(Hooked, "a", kwargs=kwargs))
    ref = system.ref("/a")
    await ref.stop()
    with pytest.raises(StartFailed):
        await spawning
    await ref.human_start()
    await ref.stop()
    assert [event.hook for event in heard] == ["on_stop"]


async def test_an_on_stop_past_its_deadline_is_told_as_a_time_out(system: ActorSystem) -> None:
    heard = listen(system, HookFailed)
    ref = await system.spawn(Hooked, "a", kwargs={"ending": forever}, stop_timeout=2.0)
    await ref.stop()
    (event,) = heard
    assert isinstance(event.error, TimeoutError)
    assert now() == pytest.approx(1.8)


async def test_on_stop_gets_what_the_message_in_hand_leaves_of_the_time(
    system: ActorSystem,
) -> None:
    """For a removal too, however long the children take in between."""
    times: list[float] = []

    async def ending(_: str) -> None:
        times.append(now())
        try:
            await forever()
        finally:
            times.append(now())

    async def three_seconds(_: object) -> None:
        await asyncio.sleep(3)

    ref = await system.spawn(Hooked, "a", kwargs={"ending": ending})
    await system.spawn(Hooked, "child", parent=ref, kwargs={"ending": forever}, stop_timeout=10.0)
    ref.tell_nowait(three_seconds)
    await settle()
    await ref.remove()
    assert times == pytest.approx([12.0, 13.8])  # 3 + 9 for the child, then 90 % of 5 - 3


# Classes


@pytest.mark.parametrize("hook", ["msg_handler", "on_start", "on_stop"])
def test_a_plain_hook_is_refused_when_its_class_is_defined(hook: str) -> None:
    with pytest.raises(TypeError, match=rf"Wrong\.{hook} must be written with 'async def'"):
        type("Wrong", (Actor,), {hook: lambda self, *args: None})


def test_a_decorated_hook_is_judged_by_what_it_wraps() -> None:
    def twice(function: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        @functools.wraps(function)
        def wrapper(*args: Any) -> Awaitable[None]:
            return function(*args)

        return wrapper

    async def msg_handler(self: Actor, msg: Any) -> None: ...

    assert type("Fine", (Actor,), {"msg_handler": twice(msg_handler)})


def test_an_actor_made_by_hand_says_how_actors_are_made() -> None:
    actor = Recorder()
    for look in (lambda: actor.address, lambda: actor.system, actor.ref, lambda: actor.options):
        with pytest.raises(NotBound, match=r"Recorder\(\) was made by hand.*spawn"):
            look()


def test_an_actor_accepts_what_programs_for_aplay_hand_over_and_nothing_else() -> None:
    Actor(name="a", parent=None, loop=None, kernel=None)
    with pytest.raises(TypeError):
        Actor(color="red")  # type: ignore[call-arg]


async def test_a_group_knows_no_message(system: ActorSystem) -> None:
    ref = await system.spawn(Group, "group")
    with pytest.raises(NotImplementedError, match="Group does not handle messages"):
        await ref.ask("hello")
    assert ref.status().failed == 1


async def test_an_actors_log_names_it(
    system: ActorSystem, caplog: pytest.LogCaptureFixture
) -> None:
    class Talking(Gate):
        async def msg_handler(self, msg: Any) -> None:
            self.log.warning("got %s", msg, extra={"more": 1})

    ref = await system.spawn(Talking, "a")
    await ref.ask(5)
    (record,) = caplog.records
    assert record.getMessage() == "got 5"
    assert record.name == __name__
    assert vars(record)["actor"] == "/a"
    assert vars(record)["more"] == 1
