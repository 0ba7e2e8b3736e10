"""The first messages of new code: set aside when they fail, until somebody knows better."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from aplay_host.kernel import (
    Actor,
    ActorRef,
    ActorSystem,
    MessageFailed,
    Refuse,
    Terminated,
)

from .actors import EVEN, begin, check_account, counts_of, listen, settle, states
from .exchanges import New, Old, exchange, plain, spawn_old


class Broken(New):
    """Fails on everything, and cannot even be asked."""

    word = "broken"

    async def msg_handler(self, msg: Any) -> Any:
        self.seen.append((self.word, msg))
        if isinstance(msg, Exception):
            raise msg
        if msg != "fine":
            raise ValueError(f"no {msg}")
        return self.word


async def break_it(system: ActorSystem, **settings: Any) -> tuple[ActorRef, list[Any]]:
    """Spawn an `Old` and put `Broken` in its place."""
    ref, seen = await spawn_old(system, **settings)
    await exchange(system, Broken)
    return ref, seen


async def fail(ref: ActorRef, *messages: Any) -> None:
    for message in messages:
        ref.tell_nowait(message)
    await settle()


async def test_the_third_message_that_is_set_aside_closes_the_gate(system: ActorSystem) -> None:
    ref, seen = await break_it(system, on_error="stop")
    told = listen(system, MessageFailed)
    for number in (1, 2, 3):
        await fail(ref, number)
        assert counts_of(ref.status()) == (number, 0, 0, 0, number, 0)
        check_account(system)
        assert ref.state == ("running" if number < 3 else "paused")
    await fail(ref, 4, 5)
    assert [message for _, message in seen] == [1, 2, 3]
    assert [event.directive for event in told] == ["set aside"] * 3
    assert counts_of(ref.status()) == (5, 0, 0, 0, 5, 0)
    check_account(system)


async def test_the_same_message_sent_twice_comes_back_in_its_places(system: ActorSystem) -> None:
    ref, seen = await break_it(system)
    await fail(ref, 1, 2, 1, 2)
    await exchange(system, Old, give_back=True)
    await settle()
    assert [number for word, number in seen if word == "old"] == [1, 2, 1, 2]


async def test_without_a_verdict_the_gate_opens_by_itself_after_half_a_minute(
    system: ActorSystem,
) -> None:
    ref, seen = await break_it(system)
    await fail(ref, 1, 2, 3, "fine")
    await asyncio.sleep(29.9)
    assert counts_of(ref.status()) == (4, 0, 0, 0, 4, 0)
    await asyncio.sleep(0.2)
    assert counts_of(ref.status()) == (4, 1, 3, 0, 0, 0)
    assert (ref.state, seen[-1][1]) == ("running", "fine")


@pytest.mark.parametrize("on_error", ["resume", "stop"])
async def test_to_settle_opens_the_gate_after_what_on_error_says(
    system: ActorSystem, on_error: str
) -> None:
    ref, _ = await spawn_old(system, on_error=on_error)
    quiet = await exchange(system, Broken)
    await fail(ref, 1, 2, 3, "fine")
    quiet.settle()
    assert counts_of(ref.status()) == (4, 0, 3, 0, 1, 0)
    check_account(system)
    await settle()
    handled = int(on_error == "resume")
    assert counts_of(ref.status()) == (4, handled, 3, 0, 1 - handled, 0)
    assert ref.state == ("running" if handled else "stopped")


async def test_who_held_it_and_changed_nothing_leaves_the_gate_closed(system: ActorSystem) -> None:
    ref, seen = await break_it(system)
    await fail(ref, 1, 2, 3, 4)
    async with system.quiesce(["/a"]):
        pass
    await settle()
    assert (ref.state, len(seen)) == ("paused", 3)
    await ref.stop()
    await ref.human_start()
    await settle()
    assert (ref.state, len(seen)) == ("paused", 3), "nor does a person open it by a stop"
    await ref.restart()
    await settle()
    assert counts_of(ref.status()) == (4, 0, 4, 0, 0, 0), "but by a new instance"
    assert ref.state == "running"


async def test_an_actor_at_the_closed_gate_can_be_removed(system: ActorSystem) -> None:
    ref, _ = await break_it(system)
    await fail(ref, 1, 2, 3, 4)
    await ref.remove()
    assert counts_of(system.status()) == (4, 0, 3, 1, 0, 0)
    check_account(system)


async def test_five_messages_run_on_the_old_code_in_order_and_none_has_failed(
    either: ActorSystem,
) -> None:
    ref, seen = await break_it(either, on_error="stop")
    ref.tell_nowait(1)
    await fail(ref, 2, 3, 4, 5)
    asked = await begin(ref.ask(6))
    seen.clear()
    await exchange(either, Old, give_back=True)
    assert await asked == "old"
    assert seen == [("old", number) for number in range(1, 7)]
    assert counts_of(ref.status()) == (6, 6, 0, 0, 0, 0)
    check_account(either)


async def test_the_first_handled_message_settles_what_was_set_aside(system: ActorSystem) -> None:
    ref, _ = await break_it(system)
    await fail(ref, 1, 2, "fine")
    assert counts_of(ref.status()) == (3, 1, 2, 0, 0, 0)
    await fail(ref, 3)
    assert counts_of(ref.status()) == (4, 1, 3, 0, 0, 0), "and ends the probation"


async def test_a_handled_request_and_a_refusal_settle_it_too(either: ActorSystem) -> None:
    for message in ("fine", Refuse("not now")):
        ref, _ = await break_it(either)
        await fail(ref, 1)
        if message == "fine":
            assert await ref.ask(message) == "broken"
        else:
            with pytest.raises(Refuse):
                await ref.ask(message)
        assert counts_of(ref.status()) == (2, 1, 1, 0, 0, 0)
        check_account(either)
        await ref.remove()


async def test_a_told_message_that_is_refused_settles_it(system: ActorSystem) -> None:
    ref, _ = await break_it(system)
    await fail(ref, 1, Refuse("not now"))
    assert counts_of(ref.status()) == (2, 1, 1, 0, 0, 0)


async def test_a_request_gets_its_error_at_once_and_has_failed(either: ActorSystem) -> None:
    ref, _ = await break_it(either)
    for number in range(5):
        with pytest.raises(ValueError, match=f"no {number}"):
            await ref.ask(number)
        assert counts_of(ref.status()) == (number + 1, 0, number + 1, 0, 0, 0)
    await fail(ref, "told")
    assert counts_of(ref.status()) == (6, 0, 5, 0, 1, 0)


async def test_on_error_is_asked_about_each_when_they_settle(system: ActorSystem) -> None:
    ref, _ = await spawn_old(system, on_error="stop")
    quiet = await exchange(system, Broken)
    await fail(ref, 1, 2)
    assert ref.state == "running"
    quiet.settle()
    assert counts_of(ref.status()) == (2, 0, 2, 0, 0, 0)
    await settle()
    assert states(system) == {"/a": "stopped"}
    quiet.settle()
    assert counts_of(ref.status()) == (2, 0, 2, 0, 0, 0), "once"


@pytest.mark.parametrize("on_error", ["restart", "stop", "escalate", "resume"])
async def test_a_directive_that_comes_with_the_first_success_is_done(
    system: ActorSystem, on_error: str
) -> None:
    parent, _ = await spawn_old(system, "p", backoff=EVEN)
    seen: list[Any] = []
    await parent.ask(_spawn(on_error, seen))
    child = system.ref("/p/c")
    await exchange(system, Broken, "/p/c")
    await fail(child, 1, 2, "fine", "next")
    after = {"restart": "restarting", "stop": "stopped", "escalate": "removed", "resume": "running"}
    await settle()
    pending = 0 if on_error == "resume" else 1
    if on_error == "escalate":
        await asyncio.sleep(1)
    else:
        assert counts_of(child.status()) == (4, 1, 3 - pending, 0, pending, 0)
    assert child.state == after[on_error]
    check_account(system)


def _spawn(on_error: str, seen: list[Any]) -> Any:
    async def spawn(actor: Actor) -> None:
        await actor.spawn(Old, "c", kwargs={"seen": seen}, on_error=on_error, backoff=EVEN)

    return spawn


@pytest.mark.parametrize("verb", ["restart", "remove"])
async def test_the_end_of_the_instance_settles_them(system: ActorSystem, verb: str) -> None:
    ref, _ = await break_it(system)
    await fail(ref, 1, 2)
    await getattr(ref, verb)()
    status = system.status()
    assert counts_of(status) == (2, 0, 2, 0, 0, 0)
    check_account(system)


async def test_a_stop_keeps_them_and_a_start_goes_on_with_the_probation(
    system: ActorSystem,
) -> None:
    ref, _ = await break_it(system)
    await fail(ref, 1)
    await ref.stop()
    assert counts_of(ref.status()) == (1, 0, 0, 0, 1, 0)
    await ref.human_start()
    await fail(ref, 2)
    assert counts_of(ref.status()) == (2, 0, 0, 0, 2, 0)
    await fail(ref, "fine")
    assert counts_of(ref.status()) == (3, 1, 2, 0, 0, 0)


@pytest.mark.parametrize("end", ["shutdown", "abort", "leave behind"])
async def test_the_end_of_the_system_settles_them(end: str) -> None:
    may_end = asyncio.Event()

    class Stubborn(Broken):
        async def on_stop(self, reason: str) -> None:
            while end == "leave behind" and not may_end.is_set():
                try:
                    await may_end.wait()
                except asyncio.CancelledError:
                    continue

    async with ActorSystem() as system:
        ref, _ = await spawn_old(system, stop_timeout=100.0)
        await exchange(system, Stubborn)
        await fail(ref, 1, 2)
        if end != "shutdown":
            system.abort()
        await system.shutdown(5.0)
        assert counts_of(system.status()) == (2, 0, 2, 0, 0, 0)
        may_end.set()
        await settle()


async def test_they_return_to_the_head_of_the_line_in_order_when_the_old_code_does(
    either: ActorSystem,
) -> None:
    ref, seen = await break_it(either, on_error="stop")
    await fail(ref, 1, 2, 3)
    seen.clear()
    async with either.quiesce(["/a"]) as quiet:
        ref.tell_nowait(4)
        asked = await begin(ref.ask(5))
        assert quiet.cells[0].waiting == (1, 2, 3, 4, 5)
        staged = quiet.stage("/a", spec=_as_old(quiet.cells[0].spec))
        quiet.swap([staged], give_back=True, remap=lambda number: number * 10)
        assert counts_of(ref.status()) == (5, 0, 0, 0, 5, 0)
        check_account(either)
    assert await asked == "old"
    assert seen == [("old", number) for number in (10, 20, 30, 40, 50)]
    assert counts_of(ref.status()) == (5, 5, 0, 0, 0, 0)


def _as_old(spec: Any) -> Any:
    return replace(spec, cls=Old)


async def test_a_swap_that_does_not_give_them_back_settles_them_first(system: ActorSystem) -> None:
    ref, seen = await break_it(system, on_error="stop")
    await fail(ref, 1, 2)
    seen.clear()
    await exchange(system, Old)
    await settle()
    assert (ref.state, seen) == ("running", []), "the code that failed has gone already"
    assert counts_of(ref.status()) == (2, 0, 2, 0, 0, 0)
    check_account(system)


async def test_given_back_more_than_the_mailbox_holds_nothing_is_lost(system: ActorSystem) -> None:
    ref, seen = await break_it(system, mailbox={"capacity": 2, "overflow": "reject"})
    for number in (1, 2, 3):
        await fail(ref, number)
    await ref.stop()
    ref.tell_nowait(4)
    ref.tell_nowait(5)
    await exchange(system, Old, give_back=True)
    seen.clear()
    await ref.human_start()
    await settle()
    assert seen == [("old", number) for number in (1, 2, 3, 4, 5)]
    check_account(system)


async def test_ticks_and_notices_are_set_aside_and_given_back_as_plain_messages(
    system: ActorSystem,
) -> None:
    async def prepare(actor: Actor) -> None:
        actor.send_every(1.0, "tick")
        actor.watch("/b")

    ref, seen = await spawn_old(system)
    other, _ = await spawn_old(system, "b")
    await ref.ask(prepare)
    await exchange(system, Broken)
    await other.remove()
    await asyncio.sleep(1.5)
    notice = Terminated(other.address, "removed")
    assert plain(seen) == [("broken", notice), ("broken", "tick")]
    assert counts_of(ref.status()) == (3, 1, 0, 0, 2, 0)
    seen.clear()
    await exchange(system, Old, give_back=True)
    await asyncio.sleep(1)
    assert seen == [("old", notice), ("old", "tick"), ("old", "tick")]
    assert await ref.ask("hello") == "old"
    check_account(system)


async def test_a_cancelled_handler_is_not_set_aside(system: ActorSystem) -> None:
    async def cancel(_: Actor) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(1)

    ref, _ = await spawn_old(system)
    await exchange(system, New)
    await fail(ref, cancel)
    assert counts_of(ref.status()) == (1, 0, 1, 0, 0, 0)


async def test_with_several_slots_what_is_in_hand_at_the_third_is_set_aside_too(
    system: ActorSystem,
) -> None:
    class Slow(Broken):
        async def msg_handler(self, msg: Any) -> Any:
            await asyncio.sleep(msg)
            await super().msg_handler(msg)

    ref, seen = await spawn_old(system, max_tasks=5)
    await exchange(system, Slow)
    await fail(ref, 5, 4, 3, 2, 1, 0, 0, 0)
    await asyncio.sleep(3.5)
    assert counts_of(ref.status()) == (8, 0, 0, 0, 6, 2)
    assert ref.state == "paused"
    check_account(system)
    await asyncio.sleep(2)
    assert counts_of(ref.status()) == (8, 0, 0, 0, 8, 0)
    seen.clear()
    await exchange(system, Old, give_back=True)
    await settle()
    assert [message for _, message in seen] == [5, 4, 3, 2, 1, 0, 0, 0], "as they were begun"
    assert counts_of(ref.status()) == (8, 8, 0, 0, 0, 0)


async def test_a_late_success_does_not_open_the_gate(system: ActorSystem) -> None:
    class Late(Broken):
        async def msg_handler(self, msg: Any) -> Any:
            await asyncio.sleep(1 if msg == "fine" else 0)
            await super().msg_handler(msg)

    ref, _ = await spawn_old(system, max_tasks=4)
    await exchange(system, Late)
    await fail(ref, "fine", 1, 2, 3, 4)
    await asyncio.sleep(2)
    assert counts_of(ref.status()) == (5, 1, 0, 0, 4, 0)
    await exchange(system, Old, give_back=True)
    await settle()
    assert counts_of(ref.status()) == (5, 5, 0, 0, 0, 0)


async def test_an_actor_that_started_with_the_new_code_is_on_no_probation(
    system: ActorSystem,
) -> None:
    ref, _ = await spawn_old(system, on_error="restart", budget={"max": 0})
    await fail(ref, "boom")
    assert ref.state == "failed"
    await exchange(system, Broken)
    await settle()
    await fail(ref, 1)
    assert ref.state == "failed"
    assert counts_of(ref.status()) == (2, 0, 2, 0, 0, 0)
