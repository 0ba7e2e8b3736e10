"""Dead letters: the other way out of a mailbox, each with its reason."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aplay_host.kernel import (
    ActorStopped,
    ActorSystem,
    AskTimeout,
    DeadLetter,
    DeadLettered,
    StartFailed,
)

from .actors import Gate, Hooked, Recorder, begin, fail_with, listen, settle


async def no_actor(system: ActorSystem) -> None:
    system.ref("/a").tell_nowait("letter")


async def removed(system: ActorSystem) -> None:
    ref = await system.spawn(Recorder, "a")
    await ref.stop()
    await ref.tell("letter")
    await ref.remove()


async def stopped(system: ActorSystem) -> None:
    ref = await system.spawn(Gate, "a")
    ref.tell_nowait("in hand")
    asking = await begin(ref.ask("letter"))
    ref.stop()
    with pytest.raises(ActorStopped):
        await asking


async def failed(system: ActorSystem) -> None:
    async def fail_late(_: object) -> None:
        await asyncio.sleep(1)
        raise ValueError("no")

    spawning = await begin(system.spawn(Hooked, "a", kwargs={"starting": fail_late}))
    with pytest.raises(ActorStopped):
        await system.ref("/a").ask("letter")
    with pytest.raises(StartFailed):
        await spawning


async def shutdown(system: ActorSystem) -> None:
    ref = await system.spawn(Recorder, "a")
    await ref.stop()
    await ref.tell("letter")
    await system.shutdown()


async def expired(system: ActorSystem) -> None:
    ref = await system.spawn(Gate, "a")
    ref.tell_nowait("in hand")
    with pytest.raises(AskTimeout):
        await ref.ask("letter", timeout=1.0)
    await ref.remove()


async def asker_gone(system: ActorSystem) -> None:
    ref = await system.spawn(Gate, "a")
    gate = system.cell_at(ref.address)
    assert gate is not None
    assert isinstance(gate.behaviour, Gate)
    ref.tell_nowait("in hand")
    asking = await begin(ref.ask("letter"))
    asking.cancel()
    await settle()
    gate.behaviour.opened.set()
    await settle()


LOUD = [no_actor, removed, stopped, failed, shutdown]


@pytest.mark.parametrize("way", LOUD, ids=lambda way: way.__name__)
async def test_a_letter_is_kept_counted_and_told_with_its_reason(
    system: ActorSystem, way: Callable[[ActorSystem], Awaitable[None]]
) -> None:
    heard = listen(system, DeadLettered)
    await way(system)
    reason = way.__name__
    (letter,) = system.dead_letters
    assert isinstance(letter, DeadLetter)
    assert (letter.target, letter.message, letter.reason) == ("/a", "letter", reason)
    assert letter.time == asyncio.get_running_loop().time()
    assert system.dead_letters.counts == {reason: 1}
    assert [(event.address, event.letter) for event in heard] == [("/a", letter)]
    assert system.status().dead == 1


async def test_a_quiet_letter_is_only_counted(
    system: ActorSystem, caplog: pytest.LogCaptureFixture
) -> None:
    heard = listen(system, DeadLettered)
    await asker_gone(system)
    assert system.dead_letters.counts == {"asker_gone": 1}
    assert len(system.dead_letters) == 0
    assert heard == []
    assert not [line for line in caplog.messages if "dead letter" in line]
    assert system.status().dead == 1


async def test_an_expired_request_that_is_removed_in_line_is_a_dead_letter_all_the_same(
    system: ActorSystem,
) -> None:
    await expired(system)
    assert system.status().dead == 1


async def test_the_last_thousand_are_kept_and_all_are_counted(system: ActorSystem) -> None:
    ref = system.ref("/nobody")
    for n in range(1500):
        ref.tell_nowait(n)
    assert [letter.message for letter in system.dead_letters] == list(range(500, 1500))
    assert system.dead_letters.counts["no_actor"] == 1500
    assert len(system.dead_letters) == 1000


async def test_letters_may_be_read_while_new_ones_come(system: ActorSystem) -> None:
    ref = system.ref("/nobody")
    ref.tell_nowait(1)
    for letter in system.dead_letters:
        ref.tell_nowait(letter.message + 1)
    assert [letter.message for letter in system.dead_letters] == [1, 2]


async def test_ten_letters_of_a_kind_are_logged_and_then_one_a_minute(
    system: ActorSystem, caplog: pytest.LogCaptureFixture
) -> None:
    for n in range(200):
        system.ref("/nobody").tell_nowait(n)
        await asyncio.sleep(1)
    assert caplog.messages[:2] == ["dead letter to /nobody: no_actor, int"] * 2
    assert (
        caplog.messages[10:]
        == ["dead letter to /nobody: no_actor, int (59 more of these since the last line)"] * 3
    )
    system.ref("/other").tell_nowait(0)
    assert caplog.messages[-1] == "dead letter to /other: no_actor, int"
    assert {vars(record)["actor"] for record in caplog.records} == {"/nobody", "/other"}


async def test_a_subscriber_may_tell_what_it_is_told_of(system: ActorSystem) -> None:
    """A sink that itself meets dead letters ends; the counts stay true."""
    resent: list[Any] = []

    def resend(event: DeadLettered) -> None:
        if len(resent) < 5:
            resent.append(event.letter.message)
            system.ref("/nobody").tell_nowait(event.letter.message)

    system.events.subscribe((DeadLettered,), resend)
    system.ref("/nobody").tell_nowait("ping")
    assert resent == ["ping"] * 5
    assert system.status().dead == 6


async def test_failures_are_logged_ten_times_in_full_and_then_seldom(
    system: ActorSystem, caplog: pytest.LogCaptureFixture
) -> None:
    async def starting(_: object) -> None: ...

    ref = await system.spawn(Hooked, "a", kwargs={"starting": starting})
    for _ in range(100):
        ref.tell_nowait(fail_with(ValueError("boom")))
    await settle()
    assert caplog.messages == ["/a failed on a message of type function: ValueError: boom"] * 10
    assert all(record.exc_info for record in caplog.records)
    assert ref.status().failed == 100


async def test_a_letter_that_is_taken_is_kept_no_more_until_it_is_put_back(
    system: ActorSystem,
) -> None:
    for text in "abc":
        system.ref("/nobody").tell_nowait(text)
    numbers = [letter.number for letter in system.dead_letters]
    assert numbers == [1, 2, 3]
    letter = system.dead_letters.take(1)
    assert letter is not None
    assert system.dead_letters.take(1) is None
    assert [it.message for it in system.dead_letters] == ["b", "c"]
    system.dead_letters.put_back(letter)
    assert [it.message for it in system.dead_letters] == ["a", "b", "c"]
    assert system.dead_letters.counts["no_actor"] == 3


async def test_a_letter_that_is_put_back_makes_no_more_of_them_than_are_kept(
    system: ActorSystem,
) -> None:
    ref = system.ref("/nobody")
    ref.tell_nowait(0)
    letter = system.dead_letters.take(1)
    assert letter is not None
    for number in range(1, 1001):
        ref.tell_nowait(number)
    system.dead_letters.put_back(letter)
    assert [it.message for it in system.dead_letters] == list(range(1, 1001))
