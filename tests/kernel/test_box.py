"""A mailbox that decides itself what becomes of a message: tried again, dead, or unreadable."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, ClassVar

import pytest

from aplay_host.kernel import (
    FINAL,
    Actor,
    ActorRef,
    ActorSpec,
    ActorSystem,
    Address,
    Again,
    Dead,
    Depth,
    Handled,
    Inlet,
    KernelActor,
    MailboxFull,
    MailboxSpec,
    Outcome,
    Parcel,
    Refuse,
    Released,
    TreeNode,
    TreePlan,
    Unreadable,
    Verdict,
)

from .actors import Runner, begin, behaviour, check_account, counts_of, now, settle


class Store:
    """Keeps messages and gives each of them two tries; ``bad`` cannot be read."""

    def __init__(self, after: float = 1.0, prefetch: int = 64) -> None:
        self.prefetch = prefetch
        self.after = after
        self.line: deque[Parcel] = deque()
        self.left: list[Any] = []
        self.tries: dict[Parcel, int] = {}
        self.credit = self.most = self.held = 0
        self.inlet: Inlet | None = None
        self.closed: list[bool] = []

    async def open(self, inlet: Inlet) -> int:
        self.inlet = inlet
        return 0

    def put(self, parcel: Parcel) -> None:
        if parcel.message == "unencodable":
            raise TypeError("no form for it")
        self.held += not parcel.exempt
        self.line.append(parcel)
        self._deliver()

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

    def settle(self, parcel: Parcel, outcome: Outcome) -> Verdict:
        verdict = self._verdict(parcel, outcome)
        self.held -= not (parcel.exempt or isinstance(verdict, Again))
        return verdict

    def _verdict(self, parcel: Parcel, outcome: Outcome) -> Verdict:
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
        return Depth(self.held)

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


async def spawn(
    system: ActorSystem, store: Store | None = None, **settings: Any
) -> tuple[Tryer, ActorRef, Store]:
    store = store or Store()
    system.make_mailbox = lambda address, spec: store if address == "/a" else None
    ref = await system.spawn(Tryer, "a", **settings)
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


async def test_with_several_tasks_each_retry_has_its_own_time_and_the_box_goes_on(
    system: ActorSystem,
) -> None:
    actor, ref, store = await spawn(system, Store(after=100.0, prefetch=4), max_tasks=2)
    actor.failures = {"slow": 1, "quick": 1}
    ref.tell_nowait("slow")
    await settle()
    store.after = 1.0
    ref.tell_nowait("quick")
    for number in range(20):
        ref.tell_nowait(number)
    await settle(100)
    box = system.look_inside("/a").box
    assert box is not None
    assert (box.is_open, box.durable, box.postponed, box.retry_s) == (True, False, 2, 1.0)
    assert [msg for msg, _ in actor.tries[2:]] == list(range(20))
    await asyncio.sleep(101)
    assert actor.tries[22:] == [("quick", 1.0), ("slow", 100.0)]
    assert counts_of(ref.status()) == (22, 22, 0, 0, 0, 0)


async def test_a_box_keeps_what_it_has_while_a_retry_is_due(system: ActorSystem) -> None:
    actor, ref, store = await spawn(system, Store(after=5.0, prefetch=4))
    actor.failures = {"a": 1}
    ref.tell_nowait("a")
    await settle()
    for number in range(20):
        ref.tell_nowait(number)
    await settle(100)
    assert len(store.line) >= 16
    await asyncio.sleep(6)
    assert counts_of(ref.status()) == (21, 21, 0, 0, 0, 0)


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1)])
async def test_nothing_is_left_behind_when_max_tasks_changes_while_a_retry_is_due(
    system: ActorSystem, before: int, after: int
) -> None:
    actor, ref, _ = await spawn(system, Store(after=5.0), max_tasks=before)
    actor.failures = {"a": 1, "b": 1}
    ref.tell_nowait("a")
    await settle()
    actor._max_tasks = after
    for msg in "bc":
        ref.tell_nowait(msg)
    await asyncio.sleep(11)
    assert sorted(msg for msg, _ in actor.tries) == ["a", "a", "b", "b", "c"]
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


async def test_a_shutdown_closes_the_mailbox_of_the_root_too() -> None:
    class Kernel(KernelActor):
        async def msg_handler(self, msg: Any) -> None:
            self.stop()

    kernel, store = Kernel(), Store()
    kernel.system.make_mailbox = lambda address, spec: store if address == "/" else None
    kernel.tell_nowait("first")
    kernel.tell_nowait("second")
    await kernel.run()
    assert (store.left, store.closed) == (["second"], [False])
    assert kernel.ref().state == "removed"
    check_account(kernel.system)


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


# which mailbox, and what is wrong with it


async def test_a_kind_that_the_system_does_not_know_leaves_nothing(system: ActorSystem) -> None:
    with pytest.raises(ValueError, match='got "ring", want "memory"; other kinds are made'):
        await system.spawn(Tryer, "a", mailbox={"kind": "ring"})
    assert system.tree() == []


async def test_the_system_makes_the_mailbox_of_address_and_settings() -> None:
    asked: list[tuple[Address, MailboxSpec]] = []

    def make(address: Address, spec: MailboxSpec) -> Store | None:
        asked.append((address, spec))
        return Store() if spec.kind == "store" else None

    async with ActorSystem(mailboxes=make) as system:
        settings = {"kind": "store", "size": 3}
        ref = await system.spawn(Tryer, "a", mailbox=settings)
        await ref.restart()
        assert await ref.ask("hello") == "hello"
    assert asked[1:] == [(Address("/a"), MailboxSpec("store", options={"size": 3}))]


async def test_a_class_may_state_a_kind_and_its_own_keys() -> None:
    class Listed(Actor):
        mailbox: ClassVar = {"kind": "store", "hosts": ["a", "b"]}

    specs: list[MailboxSpec] = []
    async with ActorSystem(mailboxes=lambda address, spec: specs.append(spec)) as system:
        await system.spawn(Listed, "a")
        await system.spawn(Listed, "b", mailbox={"kind": "other"})
    assert specs[1:] == [
        MailboxSpec("store", options={"hosts": ["a", "b"]}),
        MailboxSpec("other"),
    ]


async def test_what_is_no_mailbox_is_told_with_what_it_misses(system: ActorSystem) -> None:
    make: Any = lambda address, spec: object()  # noqa: E731
    system.make_mailbox = make
    with pytest.raises(TypeError, match=r'mailbox kind "x" of /a: .* which has no open\(\)'):
        await system.spawn(Tryer, "a", mailbox={"kind": "x"})


async def test_the_mailbox_of_a_planned_actor_that_cannot_be_made_is_a_failed_start(
    system: ActorSystem,
) -> None:
    def make(address: Address, spec: MailboxSpec) -> None:
        raise OSError("no disk")

    system.make_mailbox = make
    spec = ActorSpec.of(Tryer, settings={"budget": {"max": 0}})
    await system.plant(TreePlan((TreeNode(Address("/a"), spec),)))
    await asyncio.sleep(60)
    status = system.ref("/a").status()
    assert (status.state, str(status.last_error and status.last_error.text)) == (
        "failed",
        "no disk",
    )


async def test_a_message_that_the_box_refuses_reaches_its_sender_and_has_no_place(
    system: ActorSystem,
) -> None:
    _, ref, _ = await spawn(system)
    with pytest.raises(TypeError, match="no form for it"):
        await ref.tell("unencodable")
    assert counts_of(ref.status()) == (0, 0, 0, 0, 0, 0)


async def test_waiting_mail_that_the_box_refuses_is_a_dead_letter(system: ActorSystem) -> None:
    store = Store()
    system.make_mailbox = lambda address, spec: store if address == "/a" else None
    planting = system.plant(TreePlan((TreeNode(Address("/a"), ActorSpec.of(Tryer)),)))
    ref = system.ref("/a")
    for msg in ("a", "unencodable", "b"):
        ref.tell_nowait(msg)
    await planting
    await settle()
    assert [msg for msg, _ in behaviour(system, "/a", Tryer).tries] == ["a", "b"]
    letters = [(one.message, one.reason, one.error) for one in system.dead_letters]
    assert letters == [("unencodable", "store_failed", "TypeError: no form for it")]
    assert counts_of(ref.status()) == (3, 2, 0, 1, 0, 0)


async def test_the_cell_holds_the_capacity_against_what_is_not_settled(
    system: ActorSystem,
) -> None:
    tryer, ref, _ = await spawn(system, mailbox={"capacity": 2})
    tryer.gate.clear()
    tryer.send_after(1.0, "tick")
    ref.tell_nowait(1)
    ref.tell_nowait(2)
    with pytest.raises(MailboxFull, match="/a is full: 2 of 2 not handled"):
        ref.tell_nowait(3)
    with pytest.raises(MailboxFull):
        await ref.ask(3)
    await asyncio.sleep(2)
    tryer.gate.set()
    await settle()
    assert [msg for msg, _ in tryer.tries] == [1, 2, "tick"]


async def test_without_prefetch_a_message_comes_when_a_handler_is_free_for_it(
    system: ActorSystem,
) -> None:
    tryer, ref, store = await spawn(system, Store(prefetch=0), max_tasks=2)
    tryer.gate.clear()
    for number in range(5):
        ref.tell_nowait(number)
    await settle()
    assert [parcel.message for parcel in store.line] == [2, 3, 4]
    assert store.credit == 0
    stopping = ref.stop()
    tryer.gate.set()
    await stopping
    store.line.reverse()
    ref.tell_nowait(5)
    await ref.human_start()
    await settle()
    assert [msg for msg, _ in tryer.tries] == [0, 1, 4, 3, 2, 5]
