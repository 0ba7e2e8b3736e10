"""What is put around handlers: interceptors from outside, and a class's own callback."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aplay_host.kernel import (
    Actor,
    ActorRef,
    ActorSpec,
    ActorStopped,
    ActorSystem,
    HookFailed,
    Refuse,
    StartFailed,
)

from .actors import (
    EVEN,
    Recorder,
    Runner,
    begin,
    check_account,
    counts_of,
    fail_with,
    forever,
    listen,
    settle,
)

Handler = Callable[[Any], Awaitable[Any]]


def wrapping(log: list[Any], *names: str) -> Callable[[ActorRef, ActorSpec], tuple[Any, ...]]:
    """Return interceptors that note whom they are asked for, and each message on its way."""

    def make(name: str) -> Callable[[Handler], Handler]:
        def wrap(handler: Handler) -> Handler:
            async def wrapped(msg: Any) -> Any:
                log.append(f"{name} in")
                try:
                    return await handler(msg)
                finally:
                    log.append(f"{name} out")

            return wrapped

        return wrap

    def ask(ref: ActorRef, spec: ActorSpec) -> tuple[Any, ...]:
        log.append((ref.address, spec.cls))
        return tuple(make(name) for name in names)

    return ask


async def test_the_first_is_the_outermost(system: ActorSystem) -> None:
    log: list[Any] = []
    system.interceptors = wrapping(log, "outer", "inner")
    ref = await system.spawn(Recorder, "a")
    assert log == [("/a", Recorder)]
    log.clear()
    assert await ref.ask("question") == "question"
    assert log == ["outer in", "inner in", "inner out", "outer out"]
    log.clear()
    ref.tell_nowait("told")
    await settle()
    assert log == ["outer in", "inner in", "inner out", "outer out"]
    assert counts_of(ref.status()) == (2, 2, 0, 0, 0, 0)


async def test_they_are_asked_for_at_each_start(system: ActorSystem) -> None:
    log: list[Any] = []
    system.interceptors = wrapping(log)
    ref = await system.spawn(Recorder, "a")
    for _ in range(5):
        await ref.ask(1)
    await ref.stop()
    assert len(log) == 1
    await ref.human_start()
    assert len(log) == 2
    await ref.restart()
    assert log == [("/a", Recorder)] * 3


async def test_an_interceptor_that_is_gone_by_the_next_start_of_an_instance_is_not_called(
    system: ActorSystem,
) -> None:
    log: list[Any] = []
    system.interceptors = wrapping(log, "outer")
    ref = await system.spawn(Recorder, "a")
    await ref.stop()
    system.interceptors = None
    log.clear()
    await ref.human_start()
    assert await ref.ask("question") == "question"
    assert log == []


async def test_what_they_answer_may_change_from_one_instance_to_the_next(
    system: ActorSystem,
) -> None:
    log: list[Any] = []
    system.interceptors = wrapping(log, "first")
    ref = await system.spawn(Recorder, "a")
    system.interceptors = None
    await ref.restart()
    log.clear()
    await ref.ask(1)
    assert log == []
    system.interceptors = wrapping(log, "later")
    await ref.restart()
    await ref.ask(1)
    assert log == [("/a", Recorder), "later in", "later out"]


async def test_one_may_answer_in_place_of_the_handler(system: ActorSystem) -> None:
    async def answer(msg: Any) -> str:
        return "not at home"

    system.interceptors = lambda ref, spec: (lambda handler: answer,)
    ref = await system.spawn(Runner, "a")
    assert await ref.ask(fail_with(ValueError())) == "not at home"
    assert counts_of(ref.status()) == (1, 1, 0, 0, 0, 0)


async def test_one_may_hand_on_another_message(system: ActorSystem) -> None:
    system.interceptors = lambda ref, spec: (lambda handler: lambda msg: handler(msg * 2),)
    ref = await system.spawn(Recorder, "a")
    assert await ref.ask(21) == 42


@pytest.mark.parametrize("error", [ValueError("no"), Refuse("no")])
async def test_an_error_of_one_is_the_handlers(system: ActorSystem, error: Exception) -> None:
    async def fail(msg: Any) -> None:
        raise error

    system.interceptors = lambda ref, spec: (lambda handler: fail,)
    ref = await system.spawn(Recorder, "a")
    with pytest.raises(type(error), match="no"):
        await ref.ask(1)
    refused = isinstance(error, Refuse)
    assert counts_of(ref.status()) == (1, int(refused), int(not refused), 0, 0, 0)


@pytest.mark.parametrize("where", ["asking", "wrapping"])
async def test_an_error_in_making_them_leaves_nothing_of_a_spawn(
    system: ActorSystem, where: str
) -> None:
    def fail(*_: object) -> Any:
        raise ValueError("no wrap")

    system.interceptors = fail if where == "asking" else lambda ref, spec: (fail,)
    with pytest.raises(ValueError, match="no wrap"):
        await system.spawn(Recorder, "a")
    assert system.tree() == []


async def test_an_error_in_making_them_is_a_failed_start_of_a_restart(
    system: ActorSystem,
) -> None:
    ref = await system.spawn(Recorder, "a", backoff=EVEN)

    def fail(*_: object) -> Any:
        raise ValueError("no wrap")

    system.interceptors = fail
    with pytest.raises(StartFailed, match="ValueError: no wrap"):
        await ref.restart()
    ref.tell_nowait("kept")
    system.interceptors = None
    await asyncio.sleep(1)
    assert ref.state == "running"
    assert counts_of(ref.status()) == (1, 1, 0, 0, 0, 0)


# user_task_callback


class CalledBack(Runner):
    """Notes what became of each of its messages."""

    def __init__(self, heard: list[Any], fails: BaseException | None = None) -> None:
        self.heard, self.fails = heard, fails

    def user_task_callback(self, outcome: Any, msg: Any = None) -> None:
        error = outcome.exception()
        result = type(error).__name__ if error is not None else outcome.result()
        self.heard.append((msg, result, outcome.cancelled()))
        if self.fails is not None:
            raise self.fails


async def reply(_: object) -> str:
    return "reply"


async def cancelled(_: object) -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize("verb", ["tell", "ask"])
async def test_the_callback_hears_what_became_of_each_message(
    system: ActorSystem, verb: str
) -> None:
    heard: list[Any] = []
    ref = await system.spawn(CalledBack, "a", kwargs={"heard": heard})
    jobs = [reply, fail_with(ValueError("no")), fail_with(Refuse("no")), cancelled]
    for job in jobs:
        sending = await begin(getattr(ref, verb)(job))
        await asyncio.gather(sending, return_exceptions=True)
        await settle()
    results = [("reply", False), ("ValueError", False), ("Refuse", False), ("CancelledError", True)]
    assert heard == [(job, *result) for job, result in zip(jobs, results, strict=True)]
    assert counts_of(ref.status()) == (4, 2, 2, 0, 0, 0)


async def test_the_outcome_raises_what_the_handler_raised(system: ActorSystem) -> None:
    raised: list[BaseException] = []

    class Asking(Runner):
        def user_task_callback(self, outcome: Any, msg: Any = None) -> None:
            try:
                outcome.result()
            except ValueError as error:
                raised.append(error)

    ref = await system.spawn(Asking, "a")
    error = ValueError("no")
    with pytest.raises(ValueError, match="no"):
        await ref.ask(fail_with(error))
    assert raised == [error]


async def test_it_is_called_before_the_asker_has_its_reply(system: ActorSystem) -> None:
    heard: list[Any] = []
    ref = await system.spawn(CalledBack, "a", kwargs={"heard": heard})
    assert await ref.ask(reply) == "reply"
    assert len(heard) == 1


@pytest.mark.parametrize("job", [reply, fail_with(ValueError("no"))])
async def test_an_error_in_the_callback_changes_nothing_for_the_message(
    system: ActorSystem, job: Any
) -> None:
    failures = listen(system, HookFailed)
    error = KeyError("callback")
    ref = await system.spawn(CalledBack, "a", kwargs={"heard": [], "fails": error})
    if job is reply:
        assert await ref.ask(job) == "reply"
    else:
        with pytest.raises(ValueError, match="no"):
            await ref.ask(job)
    assert [(event.hook, event.error) for event in failures] == [("user_task_callback", error)]
    assert counts_of(ref.status())[1:3] == ((1, 0) if job is reply else (0, 1))


async def test_a_callback_that_ends_the_program_ends_the_system_in_order(
    system: ActorSystem,
) -> None:
    kwargs: dict[str, Any] = {"heard": [], "fails": SystemExit(3)}
    ref = await system.spawn(CalledBack, "a", kwargs=kwargs)
    assert await ref.ask(reply) == "reply"
    assert (await system.shutdown()).clean
    assert isinstance(system.fatal, SystemExit)
    system.ending.fatal = None  # it has been seen; the fixture's system ends quietly


async def test_it_hears_of_a_handler_that_was_cut_off(system: ActorSystem) -> None:
    heard: list[Any] = []
    ref = await system.spawn(CalledBack, "a", kwargs={"heard": heard})
    asking = await begin(ref.ask(forever, timeout=60))
    await ref.stop()
    with pytest.raises(ActorStopped):
        await asking
    assert heard == [(forever, "CancelledError", True)]
    check_account(system)


async def test_it_hears_the_handler_and_not_what_is_around_it(system: ActorSystem) -> None:
    heard: list[Any] = []

    def doubled(handler: Handler) -> Handler:
        async def wrapped(msg: Any) -> Any:
            return 2 * str(await handler(msg))

        return wrapped

    system.interceptors = lambda ref, spec: (doubled,)
    ref = await system.spawn(CalledBack, "a", kwargs={"heard": heard})
    assert await ref.ask(reply) == "replyreply"
    assert heard == [(reply, "reply", False)]


async def test_a_message_that_is_not_handled_is_not_heard_of(system: ActorSystem) -> None:
    heard: list[Any] = []
    ref = await system.spawn(CalledBack, "a", kwargs={"heard": heard})
    await ref.stop()
    ref.tell_nowait(reply)
    await ref.remove()
    assert heard == []
    assert system.dead_letters.counts == {"removed": 1}


def test_a_callback_that_could_wait_is_refused_when_its_class_is_defined() -> None:
    async def user_task_callback(self: Actor, outcome: Any, msg: Any = None) -> None: ...

    with pytest.raises(TypeError, match=r"Wrong\.user_task_callback must be written with 'def'"):
        type("Wrong", (Actor,), {"user_task_callback": user_task_callback})
