"""A handed-off handler is a handler like any other; each test runs with hand-off and without."""

from __future__ import annotations

import asyncio
import gc
import types
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextvars import ContextVar
from typing import Any

import pytest

from aplay_host.kernel import (
    Actor,
    ActorStopped,
    ActorSystem,
    MessageFailed,
    Refuse,
    Started,
)

from .actors import (
    Gate,
    Job,
    Recorder,
    Runner,
    begin,
    behaviour,
    check_account,
    counts_of,
    fail_with,
    listen,
    now,
    park_drivers,
    settle,
)

COLOR: ContextVar[str] = ContextVar("color", default="none")


@pytest.fixture
async def handing() -> AsyncIterator[ActorSystem]:
    """A system that does hand off, with tasks parked from the first ask on."""
    async with ActorSystem("handing") as system:
        await park_drivers(system)
        yield system


def is_handed_off(actor: Actor) -> bool:
    """Tell whether the running handler was handed its message within the asker's step."""
    return asyncio.current_task() in actor.system.drivers._all


async def nothing(_: object) -> None: ...


def current() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task


# The first step


async def test_an_idle_actor_answers_within_the_askers_own_step(handing: ActorSystem) -> None:
    ref = await handing.spawn(Recorder, "a")
    with pytest.raises(StopIteration) as end:
        ref.ask("question").send(None)  # it never yields to the loop
    assert end.value.value == "question"
    assert counts_of(ref.status()) == (1, 1, 0, 0, 0, 0)


async def test_the_tests_of_this_folder_hand_off_where_they_say_so(
    system: ActorSystem, handoff: bool
) -> None:
    ref = await system.spawn(Runner, "a")

    async def look(actor: Actor) -> bool:
        return is_handed_off(actor)

    assert await ref.ask(look) == handoff


async def test_a_system_of_its_own_makes_a_task_at_the_first_ask_and_hands_off_the_second() -> None:
    async with ActorSystem() as system:
        ref = await system.spawn(Runner, "a")

        async def look(actor: Actor) -> bool:
            return is_handed_off(actor)

        assert [await ref.ask(look) for _ in range(3)] == [False, True, True]


async def test_handler_and_asker_have_tasks_of_their_own(system: ActorSystem) -> None:
    ref = await system.spawn(Runner, "a")
    tasks: list[object] = []

    async def note_task(_: object) -> None:
        tasks.append(asyncio.current_task())

    async def note_task_and_raise(_: object) -> None:
        tasks.append(asyncio.current_task())
        raise ValueError("no")

    me = asyncio.current_task()
    await ref.ask(note_task)
    assert asyncio.current_task() is me
    with pytest.raises(ValueError, match="no"):
        await ref.ask(note_task_and_raise)
    assert asyncio.current_task() is me
    assert len(tasks) == 2
    assert me not in tasks
    assert None not in tasks


async def test_context_variables_stay_on_their_side(system: ActorSystem) -> None:
    ref = await system.spawn(Runner, "a")
    seen: list[str] = []

    async def in_a_task() -> None:
        seen.append(f"task {COLOR.get()}")

    async def paint(_: object) -> None:
        seen.append(f"first step {COLOR.get()}")
        COLOR.set("red")
        began = asyncio.create_task(in_a_task())
        await asyncio.sleep(1)
        seen.append(f"later {COLOR.get()}")
        await began

    COLOR.set("blue")
    await ref.ask(paint)
    assert COLOR.get() == "blue"
    await settle()
    await ref.ask(paint)
    assert seen == ["first step none", "task red", "later red"] * 2


async def test_mail_told_to_oneself_in_the_first_step_comes_after_it(system: ActorSystem) -> None:
    ref = await system.spawn(Runner, "a")
    order: list[str] = []

    async def second(_: object) -> None:
        order.append("second")

    async def first(actor: Actor) -> str:
        await actor.ref().tell(second)
        actor.ref().tell_nowait(second)
        assert counts_of(actor.ref().status()) == (3, 0, 0, 0, 2, 1)
        order.append("first")
        return "done"

    assert await ref.ask(first) == "done"
    await settle()
    assert order == ["first", "second", "second"]
    assert counts_of(ref.status()) == (3, 3, 0, 0, 0, 0)


async def test_mail_that_comes_while_the_handler_waits_is_handled_after_it(
    system: ActorSystem,
) -> None:
    ref = await system.spawn(Gate, "gate")
    gate = behaviour(system, "/gate", Gate)
    asking = await begin(ref.ask(0))
    for n in range(1, 20):
        ref.tell_nowait(n)
    assert counts_of(ref.status()) == (20, 0, 0, 0, 19, 1)
    gate.opened.set()
    assert await asking == 0
    await settle()
    assert gate.ended == list(range(20))
    assert counts_of(ref.status()) == (20, 20, 0, 0, 0, 0)


async def test_several_slots_take_several_requests_at_once(system: ActorSystem) -> None:
    ref = await system.spawn(Gate, "gate", max_tasks=2)
    gate = behaviour(system, "/gate", Gate)
    asking = [await begin(ref.ask(n)) for n in range(4)]
    assert gate.begun == [0, 1]
    assert counts_of(ref.status()) == (4, 0, 0, 0, 2, 2)
    gate.opened.set()
    assert await asyncio.gather(*asking) == [0, 1, 2, 3]
    assert counts_of(ref.status()) == (4, 4, 0, 0, 0, 0)


# Errors


ERRORS = [
    pytest.param(lambda: ValueError("no"), ValueError, id="error"),
    pytest.param(lambda: Refuse("no"), Refuse, id="refuse"),
    pytest.param(lambda: asyncio.CancelledError(), ActorStopped, id="cancelled"),
    pytest.param(lambda: TimeoutError("no"), TimeoutError, id="timeout"),
]


@pytest.mark.parametrize("later", [False, True], ids=["in the first step", "later"])
@pytest.mark.parametrize(("make", "wanted"), ERRORS)
async def test_an_error_is_the_askers_whenever_it_is_raised(
    system: ActorSystem, make: Callable[[], BaseException], wanted: type[Exception], later: bool
) -> None:
    heard = listen(system, MessageFailed)
    ref = await system.spawn(Runner, "a")

    async def job(_: object) -> None:
        if later:
            await asyncio.sleep(1)
        raise make()

    for _ in range(2):
        with pytest.raises(wanted):
            await ref.ask(job)
    refused = wanted is Refuse
    assert len(heard) == (0 if refused else 2)
    assert counts_of(ref.status()) == ((2, 2, 0, 0, 0, 0) if refused else (2, 0, 2, 0, 0, 0))
    assert await ref.ask(nothing) is None


@pytest.mark.parametrize("later", [False, True], ids=["in the first step", "later"])
@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
async def test_a_handler_that_ends_the_program_ends_the_system_in_order(
    system: ActorSystem, error: type[BaseException], later: bool
) -> None:
    ref = await system.spawn(Runner, "a")

    async def job(_: object) -> None:
        if later:
            await asyncio.sleep(1)
        raise error

    with pytest.raises(ActorStopped, match=error.__name__):
        await ref.ask(job)
    report = await system.shutdown()
    assert report.clean
    assert isinstance(system.fatal, error)
    assert system.status().failed == 1
    system.ending.fatal = None  # it has been seen; the fixture's system ends quietly


@pytest.mark.parametrize("later", [False, True], ids=["in the first step", "later"])
@pytest.mark.parametrize(
    ("directive", "state"), [("restart", "restarting"), ("stop", "stopping"), ("resume", "running")]
)
async def test_what_on_error_says_is_done_whenever_the_error_is_raised(
    system: ActorSystem, directive: str, state: str, later: bool
) -> None:
    ref = await system.spawn(Runner, "a", on_error=directive)
    seen: list[str] = []

    async def job(actor: Actor) -> None:
        actor.ref().tell_nowait(nothing)
        if later:
            await asyncio.sleep(1)
        raise ValueError("no")

    system.events.subscribe((MessageFailed,), lambda _: check_account(system))
    with pytest.raises(ValueError, match="no"):
        await ref.ask(job)
    seen.append(ref.state)
    await asyncio.sleep(2)
    assert ref.state == ("stopped" if directive == "stop" else "running")
    assert seen[0] in (state, ref.state)
    waiting = 1 if directive == "stop" else 0
    assert counts_of(ref.status()) == (2, 1 - waiting, 1, 0, waiting, 0)


# What a handler may return in place of a coroutine: an interceptor's own awaitable


class Wanted:
    """Something that can be awaited and is no coroutine."""

    def __await__(self) -> Generator[Any, None, str]:
        yield from asyncio.sleep(1).__await__()
        return "waited"


@types.coroutine
def old_style() -> Generator[Any, None, str]:
    yield
    return "waited"


def a_future() -> asyncio.Future[str]:
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(1, future.set_result, "waited")
    return future


@pytest.mark.parametrize("make", [Wanted, old_style, a_future])
async def test_a_handler_may_return_any_awaitable(
    system: ActorSystem, make: Callable[[], Awaitable[Any]]
) -> None:
    system.interceptors = lambda ref, spec: (lambda handler: lambda msg: make(),)
    ref = await system.spawn(Recorder, "a")
    for _ in range(3):
        assert await ref.ask(1) == "waited"
    assert counts_of(ref.status()) == (3, 3, 0, 0, 0, 0)


def stop_iteration(_: object) -> Awaitable[Any]:
    raise StopIteration("what would be a result")


@pytest.mark.parametrize(
    ("handler", "wanted"),
    [(lambda msg: 5, TypeError), (stop_iteration, ActorStopped), (fail_with, TypeError)],
    ids=["no awaitable", "StopIteration", "a function"],
)
async def test_what_is_no_handler_fails_its_message(
    system: ActorSystem, handler: Callable[[Any], Any], wanted: type[Exception]
) -> None:
    system.interceptors = lambda ref, spec: (lambda _: handler,)
    ref = await system.spawn(Recorder, "a")
    for _ in range(2):
        with pytest.raises(wanted):
            await ref.ask(ValueError())
    assert now() == 0.0
    assert counts_of(ref.status()) == (2, 0, 2, 0, 0, 0)


# What stays behind


@pytest.mark.parametrize("job", [nothing, asyncio.sleep], ids=["at once", "after a wait"])
async def test_nobody_keeps_a_message_that_is_over(system: ActorSystem, job: Job) -> None:
    class Message:
        pass

    class Handler(Actor):
        async def msg_handler(self, msg: Any) -> None:
            await job(0)

    ref = await system.spawn(Handler, "a")
    message = Message()
    alive = weakref.ref(message)
    await ref.ask(message)
    del message
    await settle()
    gc.collect()
    assert alive() is None


async def test_a_start_during_the_first_step_of_a_restart_is_told_once(
    system: ActorSystem,
) -> None:
    heard = listen(system, Started)
    ref = await system.spawn(Runner, "a")

    async def renew(actor: Actor) -> str:
        actor.ref().restart()
        actor.ref().start()
        return "done"

    assert await ref.ask(renew) == "done"
    await settle()
    assert [event.cause for event in heard] == ["start", "restart"]
    assert ref.state == "running"
