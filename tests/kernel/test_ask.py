"""Asking: replies, errors, deadlines, and the answer of the dead."""

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
    AplayError,
    AskTimeout,
    MessageFailed,
    NotBound,
    Refuse,
    StartFailed,
    TreeNode,
    TreePlan,
)

from .actors import (
    Gate,
    Hooked,
    Recorder,
    Runner,
    begin,
    behaviour,
    check_account,
    counts_of,
    fail_with,
    forever,
    ignore_cancels,
    listen,
    now,
    settle,
    timers,
)


async def test_the_handlers_return_value_is_the_reply(system: ActorSystem) -> None:
    ref = await system.spawn(Recorder, "a")
    for message in (3, "text", {"a": [1]}, None):
        assert await ref.ask(message) == message
    assert counts_of(ref.status()) == (4, 4, 0, 0, 0, 0)


async def test_asks_and_tells_keep_one_order(system: ActorSystem) -> None:
    seen: list[Any] = []
    ref = await system.spawn(Recorder, "a", kwargs={"seen": seen})
    ref.tell_nowait(1)
    asking = asyncio.create_task(ref.ask(2))
    await asyncio.sleep(0)
    ref.tell_nowait(3)
    assert await asking == 2
    await settle()
    assert seen == [1, 2, 3]


async def test_the_asker_gets_the_handlers_own_error_with_a_note(system: ActorSystem) -> None:
    error = ValueError("no good")
    ref = await system.spawn(Runner, "a")
    with pytest.raises(ValueError, match="no good") as caught:
        await ref.ask(fail_with(error))
    assert caught.value is error
    (note,) = caught.value.__notes__
    assert "/a" in note
    assert "function" in note  # the type of the message
    assert counts_of(ref.status()) == (1, 0, 1, 0, 0, 0)


async def test_refuse_answers_with_an_error_and_does_not_fail_the_actor(
    system: ActorSystem,
) -> None:
    failures = listen(system, MessageFailed)
    ref = await system.spawn(Runner, "a")
    with pytest.raises(Refuse, match="not today"):
        await ref.ask(fail_with(Refuse("not today")))
    ref.tell_nowait(fail_with(Refuse("told")))
    await settle()
    assert counts_of(ref.status()) == (2, 2, 0, 0, 0, 0)
    assert ref.status().last_error is None
    assert failures == []


async def test_an_ask_times_out_exactly_and_says_where_the_request_was(
    system: ActorSystem,
) -> None:
    ref = await system.spawn(Gate, "gate")
    ref.tell_nowait(0)
    ref.tell_nowait(1)
    await settle()
    with pytest.raises(AskTimeout, match=r"/gate within 2 s.*running.*str not begun, 2 messages"):
        await ref.ask("late", timeout=2.0)
    assert now() == 2.0


async def test_an_ask_whose_handler_is_slow_says_since_when_it_runs(system: ActorSystem) -> None:
    ref = await system.spawn(Gate, "gate")
    with pytest.raises(AskTimeout, match=r"its handler began 2 s ago") as caught:
        await ref.ask(0, timeout=2.0)
    assert isinstance(caught.value, TimeoutError)
    assert isinstance(caught.value, AplayError)


async def test_five_seconds_is_the_time_of_an_ask_that_says_none(system: ActorSystem) -> None:
    ref = await system.spawn(Gate, "gate")
    with pytest.raises(AskTimeout):
        await ref.ask(0)
    assert now() == 5.0


async def test_an_expired_request_is_not_run(system: ActorSystem) -> None:
    ref = await system.spawn(Gate, "gate")
    ref.tell_nowait(0)
    with pytest.raises(AskTimeout):
        await ref.ask("expired", timeout=1.0)
    gate = behaviour(system, "/gate", Gate)
    gate.opened.set()
    ref.tell_nowait(1)
    await settle()
    assert gate.begun == [0, 1]
    assert counts_of(ref.status()) == (3, 2, 0, 1, 0, 0)
    assert system.dead_letters.counts == {"expired": 1}
    assert list(system.dead_letters) == []  # a quiet letter: the asker knows


async def test_the_request_of_a_cancelled_asker_is_skipped(system: ActorSystem) -> None:
    ref = await system.spawn(Gate, "gate")
    ref.tell_nowait(0)
    asking = await begin(ref.ask("gone"))
    asking.cancel()
    await settle()
    gate = behaviour(system, "/gate", Gate)
    gate.opened.set()
    await settle()
    assert gate.begun == [0]
    assert counts_of(ref.status()) == (2, 1, 0, 1, 0, 0)
    assert system.dead_letters.counts == {"asker_gone": 1}
    assert list(system.dead_letters) == []


async def test_a_request_that_runs_is_not_disturbed_by_its_asker_leaving(
    system: ActorSystem,
) -> None:
    ref = await system.spawn(Gate, "gate")
    asking = await begin(ref.ask("runs"))
    asking.cancel()
    await settle()
    gate = behaviour(system, "/gate", Gate)
    gate.opened.set()
    await settle()
    assert gate.ended == ["runs"]
    assert counts_of(ref.status()) == (1, 1, 0, 0, 0, 0)


async def test_an_actor_may_ask_another_from_its_handler(system: ActorSystem) -> None:
    await system.spawn(Recorder, "b")
    ref = await system.spawn(Runner, "a")

    async def ask_b(actor: Actor) -> Any:
        return await actor.ref("/b").ask("question")

    assert await ref.ask(ask_b) == "question"


async def test_no_timer_is_left_behind_by_an_ask_that_was_answered(system: ActorSystem) -> None:
    ref = await system.spawn(Recorder, "a")
    await ref.ask(1, timeout=1000.0)
    await system.shutdown()
    await asyncio.sleep(0)
    assert timers() == []


# The answer of the dead


async def stopped(system: ActorSystem) -> ActorRef:
    ref = await system.spawn(Recorder, "a")
    await ref.stop()
    return ref


async def failed(system: ActorSystem) -> ActorRef:
    with pytest.raises(StartFailed):
        await system.spawn(Hooked, "a", kwargs={"starting": fail_with(ValueError("no"))})
    return system.ref("/a")


async def removed(system: ActorSystem) -> ActorRef:
    ref = await system.spawn(Recorder, "a")
    await ref.remove()
    return ref


async def never_lived(system: ActorSystem) -> ActorRef:
    return system.ref("/a")


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (stopped, "stopped"),
        (failed, "failed"),
        (removed, "no actor"),
        (never_lived, "no actor"),
    ],
)
async def test_who_cannot_answer_says_so_at_once(
    system: ActorSystem, end: Callable[[ActorSystem], Awaitable[ActorRef]], reason: str
) -> None:
    ref = await end(system)
    with pytest.raises(ActorStopped, match=f"/a cannot answer: .*{reason}"):
        ref.ask("now").send(None)  # at once: it does not wait even for one turn of the loop
    assert system.status().accepted == 0


async def test_a_stop_answers_the_requests_that_wait(system: ActorSystem) -> None:
    ref = await system.spawn(Gate, "gate")
    ref.tell_nowait(0)
    asking = [await begin(ref.ask(n, timeout=60)) for n in range(3)]
    ref.tell_nowait("mail")
    ref.stop()
    for ask in asking:
        with pytest.raises(ActorStopped) as caught:
            await ask
        assert caught.value.reason == "stopped"
    assert now() == 0.0
    assert ref.state == "stopping"
    assert counts_of(ref.status()) == (5, 0, 0, 3, 1, 1)  # other mail keeps its place


async def test_a_removal_answers_the_requests_that_wait(system: ActorSystem) -> None:
    ref = await system.spawn(Gate, "gate")
    ref.tell_nowait(0)
    asking = await begin(ref.ask(1, timeout=60))
    ref.remove()
    with pytest.raises(ActorStopped) as caught:
        await asking
    assert caught.value.reason == "removed"
    assert now() == 0.0


async def test_a_failed_start_answers_the_requests_that_wait(system: ActorSystem) -> None:
    async def fail_later(_: Actor) -> None:
        await asyncio.sleep(2)
        raise ValueError("no")

    spawning = await begin(system.spawn(Hooked, "a", kwargs={"starting": fail_later}))
    asking = await begin(system.ref("/a").ask(1, timeout=60))
    with pytest.raises(ActorStopped) as caught:
        await asking
    assert caught.value.reason == "failed"
    assert now() == 2.0
    with pytest.raises(StartFailed):
        await spawning


async def test_a_stop_during_the_start_answers_the_requests_that_wait(
    system: ActorSystem,
) -> None:
    async def start_slowly(_: Actor) -> None:
        try:
            await asyncio.sleep(2)
        except asyncio.CancelledError:
            await asyncio.sleep(0.5)  # it takes its time even when it is cancelled
            raise

    spawning = await begin(system.spawn(Hooked, "a", kwargs={"starting": start_slowly}))
    ref = system.ref("/a")
    asking = await begin(ref.ask(1, timeout=60))
    ref.stop()
    with pytest.raises(ActorStopped):
        await asking
    with pytest.raises(ActorStopped):
        await ref.ask(2, timeout=60)
    assert now() == 0.0
    with pytest.raises(StartFailed):
        await spawning
    assert counts_of(ref.status()) == (1, 0, 0, 1, 0, 0)


async def test_a_stop_before_the_start_answers_the_requests_that_wait(
    system: ActorSystem,
) -> None:
    address = system.ref("/a").address
    planting = system.plant(TreePlan((TreeNode(address, ActorSpec.of(Recorder)),)))
    ref = system.ref("/a")
    asking = await begin(ref.ask(1, timeout=60))
    ref.stop()
    with pytest.raises(ActorStopped):
        await asking
    assert now() == 0.0
    await planting


async def test_a_shutdown_answers_the_requests_that_wait(system: ActorSystem) -> None:
    ref = await system.spawn(Gate, "gate")
    ref.tell_nowait(0)
    asking = await begin(ref.ask(1, timeout=60))
    stopping = await begin(system.shutdown())
    with pytest.raises(ActorStopped) as caught:
        await asking
    assert caught.value.reason == "shutdown"
    assert now() == 0.0
    await stopping


async def test_a_request_whose_handler_is_cut_off_is_answered(system: ActorSystem) -> None:
    ref = await system.spawn(Runner, "a")
    asking = await begin(ref.ask(forever, timeout=60))
    stopping = ref.stop()
    with pytest.raises(ActorStopped, match="/a"):
        await asking
    assert now() == 4.0
    await stopping
    assert counts_of(ref.status()) == (1, 0, 1, 0, 0, 0)


async def test_a_request_whose_handler_is_abandoned_is_answered_and_its_late_reply_ignored(
    system: ActorSystem,
) -> None:
    end = asyncio.Event()

    async def stubborn(_: Actor) -> str:
        await ignore_cancels(end)
        return "too late"

    ref = await system.spawn(Runner, "a")
    asking = await begin(ref.ask(stubborn, timeout=60))
    await ref.stop()
    with pytest.raises(ActorStopped):
        await asking
    assert now() == 4.5
    end.set()
    await settle()
    assert counts_of(ref.status()) == (1, 0, 1, 0, 0, 0)


async def test_mail_handled_after_a_failed_start_and_its_answered_request(
    system: ActorSystem,
) -> None:
    """The answered request leaves an empty line behind; what comes later must wake the actor."""
    seen: list[Any] = []
    tries: list[int] = []

    class SecondTime(Recorder):
        async def on_start(self) -> None:
            tries.append(1)
            await asyncio.sleep(1)
            if len(tries) == 1:
                raise ValueError("not the first time")

    spawning = await begin(system.spawn(SecondTime, "a", kwargs={"seen": seen}, budget={"max": 0}))
    ref = system.ref("/a")
    with pytest.raises(ActorStopped):
        await ref.ask("answered", timeout=60)
    with pytest.raises(StartFailed):
        await spawning
    await ref.start()
    ref.tell_nowait("later")
    await settle()
    assert seen == ["later"]
    check_account(system)


async def test_a_handler_that_ends_the_program_answers_its_asker(system: ActorSystem) -> None:
    ref = await system.spawn(Runner, "a")
    with pytest.raises(ActorStopped, match="SystemExit"):
        await ref.ask(fail_with(SystemExit(3)))
    await system.shutdown()
    assert isinstance(system.fatal, SystemExit)
    system.ending.fatal = None  # it has been seen; the fixture's system ends quietly


async def test_who_asks_without_a_time_waits_as_long_as_the_target_states(
    system: ActorSystem,
) -> None:
    ref = await system.spawn(Gate, "gate", ask_timeout=0.5)
    began = now()
    with pytest.raises(AskTimeout, match=r"within 0\.5 s"):
        await ref.ask(1)
    assert now() == began + 0.5


async def test_an_ask_before_the_system_runs_says_what_to_do() -> None:
    system = ActorSystem("early")
    with pytest.raises(NotBound, match=r"cannot ask /a before its system runs.*async with"):
        await system.ref("/a").ask("question")
