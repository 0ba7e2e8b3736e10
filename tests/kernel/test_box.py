"""A mailbox that decides itself what becomes of a message: tried again, dead, or unreadable."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable
from typing import Any

from aplay_host.kernel import (
    FINAL,
    Actor,
    ActorRef,
    ActorSystem,
    Again,
    Dead,
    Depth,
    Failed,
    Handled,
    Inlet,
    Parcel,
    Refuse,
    Released,
    Unreadable,
    Verdict,
)
from aplay_host.kernel.boxline import BoxLine

from .actors import Runner, begin, behaviour, cell, check_account, counts_of, now, settle


class Store:
    """Keeps messages and gives each of them two tries; ``bad`` cannot be read."""

    def __init__(self, after: float = 1.0) -> None:
        self.after = after
        self.line: deque[Parcel] = deque()
        self.left: list[Any] = []
        self.tries: dict[Parcel, int] = {}
        self.credit = self.most = 0
        self.inlet: Inlet | None = None
        self.closed: list[bool] = []

    async def open(self, inlet: Inlet) -> int:
        self.inlet = inlet
        return 0

    def put(self, parcel: Parcel) -> Awaitable[None]:
        self.line.append(parcel)
        self._deliver()
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        kept.set_result(None)
        return kept

    def demand(self, count: int) -> None:
        self.credit += count
        self.most = max(self.most, self.credit)
        self._deliver()

    def _deliver(self) -> None:
        assert self.inlet is not None
        while self.credit and self.line:
            self.credit -= 1
            self.inlet.deliver((self.line.popleft(),))

    def begin(self, parcel: Parcel) -> Any:
        return (
            Unreadable("undecodable", "no such type")
            if parcel.message == "bad"
            else (parcel.message)
        )

    def settle(self, parcel: Parcel, outcome: Handled | Failed | Released) -> Verdict:
        if not parcel.kept or isinstance(outcome, Handled):
            return FINAL
        if isinstance(outcome, Released):
            self.left.append(parcel.message)
            return Again()
        if isinstance(outcome.error, Refuse):
            return Dead("rejected")
        if parcel.message == "bad":
            return Dead("undecodable")
        self.tries[parcel] = self.tries.get(parcel, 0) + 1
        return Again(self.after) if self.tries[parcel] < 2 else Dead("max_attempts")

    def depth(self) -> Depth:
        return Depth(len(self.line))

    async def close(self, removed: bool) -> None:
        self.closed.append(removed)
        self.left.extend(parcel.message for parcel in self.line)


class Tryer(Actor):
    """Notes each try with its time; fails as often as it is told for a message."""

    def __init__(self) -> None:
        self.tries: list[tuple[Any, float]] = []
        self.failures: dict[Any, int] = {}
        self.gate = asyncio.Event()
        self.gate.set()

    async def msg_handler(self, msg: Any) -> Any:
        await self.gate.wait()
        self.tries.append((msg, now()))
        if msg == "refuse":
            raise Refuse("no")
        if self.failures.get(msg, 0):
            self.failures[msg] -= 1
            raise ValueError(msg)
        return msg


async def spawn(system: ActorSystem, **settings: Any) -> tuple[Tryer, ActorRef, Store]:
    ref = await system.spawn(Tryer, "a", **settings)
    store, inside = Store(), cell(system, "/a")
    line = BoxLine(inside, store)
    await store.open(line)
    inside.box = line
    inside.open_line()
    return behaviour(system, "/a", Tryer), ref, store


async def test_a_failed_message_is_tried_again_and_nothing_passes_it(system: ActorSystem) -> None:
    actor, ref, _ = await spawn(system)
    actor.failures = {"b": 1}
    for msg in "abc":
        ref.tell_nowait(msg)
    await settle()
    assert counts_of(ref.status()) == (3, 1, 0, 0, 2, 0)
    check_account(system)
    ref.tell_nowait("d")
    await settle()
    await asyncio.sleep(2)
    assert actor.tries == [("a", 0.0), ("b", 0.0), ("b", 1.0), ("c", 1.0), ("d", 1.0)]
    assert counts_of(ref.status()) == (4, 4, 0, 0, 0, 0)


async def test_with_several_tasks_others_pass_what_waits_for_its_retry(
    system: ActorSystem,
) -> None:
    actor, ref, _ = await spawn(system, max_tasks=2)
    actor.failures = {"a": 1}
    for msg in "abc":
        ref.tell_nowait(msg)
    await settle()
    assert [msg for msg, _ in actor.tries] == ["a", "b", "c"]
    assert counts_of(ref.status()) == (3, 2, 0, 0, 1, 0)
    await asyncio.sleep(2)
    assert counts_of(ref.status()) == (3, 3, 0, 0, 0, 0)


async def test_a_message_out_of_tries_is_a_dead_letter_and_not_a_failure(
    system: ActorSystem,
) -> None:
    actor, ref, _ = await spawn(system)
    actor.failures = {"a": 9}
    ref.tell_nowait("a")
    ref.tell_nowait("b")
    await asyncio.sleep(5)
    assert actor.tries == [("a", 0.0), ("a", 1.0), ("b", 1.0)]
    assert [(one.message, one.reason) for one in system.dead_letters] == [("a", "max_attempts")]
    assert counts_of(ref.status()) == (2, 1, 0, 1, 0, 0)
    assert ref.status().last_error is not None


async def test_a_message_that_cannot_be_read_never_reaches_the_handler(
    system: ActorSystem,
) -> None:
    actor, ref, _ = await spawn(system)
    for msg in ("bad", "good"):
        ref.tell_nowait(msg)
    await settle()
    assert [msg for msg, _ in actor.tries] == ["good"]
    assert [(one.message, one.reason) for one in system.dead_letters] == [("bad", "undecodable")]
    assert counts_of(ref.status()) == (2, 1, 0, 1, 0, 0)


async def test_a_refused_message_that_was_told_is_a_dead_letter(system: ActorSystem) -> None:
    _, ref, _ = await spawn(system)
    ref.tell_nowait("refuse")
    await settle()
    assert [one.reason for one in system.dead_letters] == ["rejected"]
    assert counts_of(ref.status()) == (1, 0, 0, 1, 0, 0)
    assert ref.status().last_error is None


async def test_a_request_that_fails_is_answered_and_not_tried_again(system: ActorSystem) -> None:
    actor, ref, _ = await spawn(system)
    actor.failures = {"a": 1}
    asking = await begin(ref.ask("a"))
    assert isinstance(asking.exception(), ValueError)
    assert counts_of(ref.status()) == (1, 0, 1, 0, 0, 0)


async def test_stop_while_a_message_waits_for_its_retry_keeps_it(system: ActorSystem) -> None:
    actor, ref, _ = await spawn(system)
    actor.failures = {"a": 1}
    ref.tell_nowait("a")
    asking = asyncio.create_task(ref.ask("b"))
    await settle()
    await ref.stop()
    assert asking.exception() is not None
    assert counts_of(ref.status()) == (2, 0, 0, 1, 1, 0)
    await ref.human_start()
    await settle()
    assert [msg for msg, _ in actor.tries] == ["a", "a"]
    assert counts_of(ref.status()) == (2, 1, 0, 1, 0, 0)


async def test_a_shutdown_leaves_to_the_store_what_has_not_begun(system: ActorSystem) -> None:
    actor, ref, store = await spawn(system)
    actor.gate.clear()
    for n in range(200):
        ref.tell_nowait(n)
    await settle()
    assert store.most <= 64
    assert counts_of(ref.status()) == (200, 0, 0, 0, 199, 1)
    ending = asyncio.create_task(system.shutdown())
    await settle()
    actor.gate.set()
    await ending
    assert (store.left, store.closed) == (list(range(1, 200)), [False])
    assert list(system.dead_letters) == []
    assert counts_of(system.status()) == (1, 1, 0, 0, 0, 0)


async def test_credit_is_asked_for_before_the_line_is_empty(system: ActorSystem) -> None:
    actor, ref, store = await spawn(system)
    for n in range(500):
        ref.tell_nowait(n)
    await settle(200)
    assert [msg for msg, _ in actor.tries] == list(range(500))
    assert store.credit > 0
    assert store.most <= 64


async def test_a_request_in_the_box_passes_a_gate_that_waits_for_its_asker(
    either: ActorSystem,
) -> None:
    """And what was put before it, and no more; the new code gets the rest."""
    tryer, ref, store = await spawn(either)
    tryer.gate.clear()
    for number in range(100):
        ref.tell_nowait(number)
    await settle()

    async def ask(_: Actor) -> Any:
        return await ref.ask("asked")

    asker = await either.spawn(Runner, "asker")
    asked = await begin(asker.ask(ask))
    entering = await begin(either.quiesce(["/asker", "/a"]).__aenter__())
    ref.tell_nowait("after")
    tryer.gate.set()
    await asked
    quiet = await entering
    assert [message for message, _ in tryer.tries] == [*range(100), "asked"]
    quiet.swap([quiet.stage("/a")])
    await quiet.__aexit__()
    await settle()
    newer = behaviour(either, "/a", Tryer)
    assert [message for message, _ in newer.tries] == ["after"]
    assert list(store.line) == []
    check_account(either)
