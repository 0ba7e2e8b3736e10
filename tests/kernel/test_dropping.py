"""A full mailbox, continued: every cell of the table, and the rules that drop mail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from aplay_host.kernel import (
    Actor,
    ActorRef,
    ActorSystem,
    AskTimeout,
    DeadLettered,
    MailboxFull,
    MailboxSpec,
)

from .actors import (
    OVERFLOWS,
    Gate,
    Recorder,
    Runner,
    begin,
    behaviour,
    cell,
    check_account,
    counts_of,
    listen,
    now,
    settle,
)
from .test_overflow import full_gate

Send = Callable[[ActorRef], Coroutine[Any, Any, Any]]


async def tell(ref: ActorRef) -> Any:
    return await ref.tell("new")


async def tell_nowait(ref: ActorRef) -> Any:
    return ref.tell_nowait("new")


async def ask(ref: ActorRef) -> Any:
    return await ref.ask("new", timeout=60.0)


# For each rule: what comes of `tell`, `tell_nowait` and `ask`, at once or when there is room.
TABLE = {
    "reject": ("refused", "refused", "refused"),
    "wait": ("waits", "refused", "waits"),
    "drop_oldest": ("accepted", "accepted", "accepted"),
    "drop_newest": ("dropped", "dropped", "dropped, told"),
}
DEAD: dict[str, list[Any]] = {"accepted": [1], "dropped": ["new"], "dropped, told": ["new"]}
ENDED: dict[str, list[Any]] = {"waits": [0, 1, 2, "new"], "accepted": [0, 2, "new"]}
CELLS = [
    pytest.param(rule, send, wanted, id=f"{rule}-{send.__name__}")
    for rule, row in TABLE.items()
    for send, wanted in zip((tell, tell_nowait, ask), row, strict=True)
]


@pytest.mark.parametrize(("rule", "send", "wanted"), CELLS)
async def test_what_a_full_mailbox_does_with_new_mail(
    system: ActorSystem, rule: str, send: Send, wanted: str
) -> None:
    ref = await full_gate(system, rule)
    sending = await begin(send(ref))
    assert now() == 0.0
    if wanted in ("refused", "dropped, told"):
        assert isinstance(sending.exception(), MailboxFull)
        assert f"/gate is full: 2 of 2 waiting, overflow is {rule}" in str(sending.exception())
    else:
        at_once = wanted in ("accepted", "dropped") and send is not ask
        assert sending.done() == at_once
    dead = DEAD.get(wanted, [])
    assert [(letter.message, letter.reason) for letter in system.dead_letters] == [
        (message, "dropped") for message in dead
    ]
    assert ref.status().accepted == 3 + len(dead)
    check_account(system)
    gate = behaviour(system, "/gate", Gate)
    gate.opened.set()
    await asyncio.gather(sending, return_exceptions=True)
    await settle()
    assert gate.ended == ENDED.get(wanted, [0, 1, 2])
    assert now() == 0.0


def test_the_table_has_every_rule() -> None:
    assert set(TABLE) == set(OVERFLOWS)
    for rule in OVERFLOWS:
        MailboxSpec(overflow=rule)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="drop_oldest or drop_newest"):
        MailboxSpec(overflow="drop_all")  # type: ignore[arg-type]


# drop_oldest


async def test_the_newest_mail_stays_in_order(system: ActorSystem) -> None:
    letters = listen(system, DeadLettered)
    ref = await full_gate(system, "drop_oldest", capacity=5)
    for n in range(6, 1000):
        ref.tell_nowait(n)
    assert counts_of(ref.status()) == (1000, 0, 0, 994, 5, 1)
    gate = behaviour(system, "/gate", Gate)
    gate.opened.set()
    await settle()
    assert gate.ended == [0, *range(995, 1000)]
    assert [event.letter.message for event in letters] == list(range(1, 995))


async def test_the_oldest_is_dropped_in_the_middle_of_a_batch_too(system: ActorSystem) -> None:
    seen: list[Any] = []
    looks: list[int] = []

    class Flood(Recorder):
        async def msg_handler(self, msg: Any) -> Any:
            if msg == 9:  # batches of 1, 4, 16: the tenth is in the middle of the third
                for n in range(20, 40):
                    self.ref().tell_nowait(n)
                check_account(self.system)
                looks.append(self.ref().status().pending)
            return await super().msg_handler(msg)

    flood = await system.spawn(
        Flood, "flood", kwargs={"seen": seen}, mailbox={"capacity": 20, "overflow": "drop_oldest"}
    )
    for n in range(20):
        flood.tell_nowait(n)
    await settle()
    assert looks == [20]
    assert seen == [*range(10), *range(20, 40)]
    assert counts_of(flood.status()) == (40, 30, 0, 10, 0, 0)


async def test_requests_that_push_out_told_mail_in_a_batch_are_still_answered(
    system: ActorSystem,
) -> None:
    """A batch of told mail must not run on into requests: those are handled in another way."""
    mailbox = {"capacity": 16, "overflow": "drop_oldest"}
    ref = await system.spawn(Runner, "a", mailbox=mailbox)
    asking: list[asyncio.Task[Any]] = []
    asked = asyncio.Event()

    async def answer(_: object) -> str:
        return "answered"

    async def refill(actor: Any) -> None:
        actor.ref().tell_nowait(answer)

    async def wait_for_requests(actor: Any) -> None:  # the first of a batch of 16
        actor.ref().tell_nowait(answer)
        asked.set()
        await asyncio.sleep(1)

    for n in range(16):  # batches of 1, 4, 16
        ref.tell_nowait(refill if n < 5 else wait_for_requests if n == 5 else answer)
    await asked.wait()
    for _ in range(20):
        asking.append(await begin(ref.ask(answer, timeout=60)))
    results = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(result) for result in results[:4]] == [MailboxFull] * 4
    assert results[4:] == ["answered"] * 16
    assert counts_of(ref.status()) == (42, 22, 0, 20, 0, 0)


@pytest.mark.parametrize("slots", [1, 2, 3])
async def test_what_is_in_hand_is_never_dropped(system: ActorSystem, slots: int) -> None:
    mailbox = {"capacity": 1, "overflow": "drop_oldest"}
    ref = await system.spawn(Gate, "gate", mailbox=mailbox, max_tasks=slots)
    gate = behaviour(system, "/gate", Gate)
    for n in range(slots):
        ref.tell_nowait(n)
        await settle()
    for n in range(slots, 10):
        ref.tell_nowait(n)
    gate.opened.set()
    await settle()
    assert sorted(gate.ended) == [*range(slots), 9]
    assert counts_of(ref.status()) == (10, slots + 1, 0, 9 - slots, 0, 0)


async def test_the_asker_of_a_dropped_request_is_told_at_once(system: ActorSystem) -> None:
    ref = await full_gate(system, "drop_oldest", capacity=1)
    first = await begin(ref.ask("first", timeout=60))
    second = await begin(ref.ask("second", timeout=60))
    with pytest.raises(MailboxFull, match="overflow is drop_oldest"):
        await first
    assert now() == 0.0
    behaviour(system, "/gate", Gate).opened.set()
    assert await second == "second"
    assert [letter.message for letter in system.dead_letters] == [1, "first"]
    assert cell(system, "/gate").enclosed == 0


async def test_a_request_that_nobody_waits_for_any_more_dies_of_that(
    system: ActorSystem,
) -> None:
    ref = await full_gate(system, "drop_oldest", capacity=2)
    with pytest.raises(AskTimeout):
        await ref.ask("expired", timeout=1.0)
    asking = await begin(ref.ask("left", timeout=60.0))
    asking.cancel()
    await settle()
    ref.tell_nowait("new")
    ref.tell_nowait("newer")
    behaviour(system, "/gate", Gate).opened.set()
    await settle()
    assert behaviour(system, "/gate", Gate).ended == [0, "new", "newer"]
    assert system.dead_letters.counts == {"dropped": 2, "expired": 1, "asker_gone": 1}
    check_account(system)


async def test_an_actor_that_is_stopped_keeps_the_newest(system: ActorSystem) -> None:
    mailbox = {"capacity": 2, "overflow": "drop_oldest"}
    ref = await system.spawn(Recorder, "a", mailbox=mailbox)
    await ref.stop()
    for n in range(5):
        await ref.tell(n)
    await ref.human_start()
    await settle()
    assert behaviour(system, "/a", Recorder).seen == [3, 4]
    assert counts_of(ref.status()) == (5, 2, 0, 3, 0, 0)


async def test_a_subscriber_that_stops_the_actor_finds_the_account_true(
    system: ActorSystem,
) -> None:
    ref = await full_gate(system, "drop_oldest", capacity=2)
    asking = await begin(ref.ask("asked", timeout=60))  # 2 and this one wait

    def stop_it(event: object) -> None:
        check_account(system)
        ref.stop()
        check_account(system)

    system.events.subscribe((DeadLettered,), stop_it)
    ref.tell_nowait("new")
    check_account(system)
    assert asking.done() or ref.state == "stopping"
    behaviour(system, "/gate", Gate).opened.set()
    await settle()
    assert ref.state == "stopped"
    await asyncio.gather(asking, return_exceptions=True)
    check_account(system)


# drop_newest


async def test_the_oldest_mail_stays_and_the_rest_is_accounted_for(system: ActorSystem) -> None:
    ref = await full_gate(system, "drop_newest", capacity=5)
    for n in range(6, 100):
        await ref.tell(n)
    assert counts_of(ref.status()) == (100, 0, 0, 94, 5, 1)
    gate = behaviour(system, "/gate", Gate)
    gate.opened.set()
    await settle()
    assert gate.ended == [0, 1, 2, 3, 4, 5]
    assert system.dead_letters.counts == {"dropped": 94}


async def test_a_dropped_request_leaves_nothing_in_line(system: ActorSystem) -> None:
    ref = await full_gate(system, "drop_newest", capacity=1)
    with pytest.raises(MailboxFull):
        await ref.ask("asked")
    assert cell(system, "/gate").enclosed == 0
    behaviour(system, "/gate", Gate).opened.set()
    await settle()
    assert await ref.ask("asked again") == "asked again"


# A child that is made again with another mailbox


class Parent(Runner):
    """Makes ``child`` with one mailbox after the other."""

    def __init__(self, mailboxes: list[dict[str, Any]]) -> None:
        self.mailboxes = mailboxes

    async def on_start(self) -> None:
        await self.spawn(Gate, "child", mailbox=self.mailboxes.pop(0))


async def make_child(
    system: ActorSystem, first: dict[str, Any], second: dict[str, Any]
) -> tuple[ActorRef, ActorRef]:
    parent = await system.spawn(Parent, "p", kwargs={"mailboxes": [first, second]})
    return parent, system.ref("/p/child")


@pytest.mark.parametrize("rule", OVERFLOWS)
async def test_a_smaller_mailbox_takes_nothing_until_there_is_room(
    system: ActorSystem, rule: str
) -> None:
    parent, child = await make_child(system, {"capacity": 5}, {"capacity": 2, "overflow": rule})
    await child.stop()
    for n in range(5):
        child.tell_nowait(n)
    await parent.restart()
    assert child.status().spec.mailbox.capacity == 2
    for n in range(5, 9):
        if rule in ("reject", "wait"):
            with pytest.raises(MailboxFull, match="5 of 2 waiting"):
                child.tell_nowait(n)
        else:
            child.tell_nowait(n)
    assert child.status().pending == 5
    await child.human_start()
    behaviour(system, "/p/child", Gate).opened.set()
    await settle()
    ended = [4, 5, 6, 7, 8] if rule == "drop_oldest" else [0, 1, 2, 3, 4]
    assert behaviour(system, "/p/child", Gate).ended == ended
    check_account(system)


async def test_a_held_childs_new_capacity_holds_at_once(system: ActorSystem) -> None:
    parent, child = await make_child(system, {"capacity": 5}, {"capacity": 1})
    await child.stop()
    await parent.restart()
    assert (child.state, child.status().pending) == ("stopped", 0)
    child.tell_nowait(0)
    with pytest.raises(MailboxFull, match="1 of 1 waiting"):
        child.tell_nowait(1)
    with pytest.raises(MailboxFull):
        await child.tell(1)


@pytest.mark.parametrize("rule", OVERFLOWS)
async def test_a_larger_mailbox_lets_those_in_who_wait(system: ActorSystem, rule: str) -> None:
    parent, child = await make_child(
        system, {"capacity": 1, "overflow": "wait"}, {"capacity": 3, "overflow": rule}
    )
    await child.stop()
    child.tell_nowait(0)
    tells = [await begin(child.tell(n)) for n in range(1, 5)]
    await parent.restart()
    await settle()
    assert [telling.done() for telling in tells] == [True, True, False, False]
    assert child.status().pending == 3
    await child.human_start()
    behaviour(system, "/p/child", Gate).opened.set()
    await asyncio.gather(*tells)
    await settle()
    assert behaviour(system, "/p/child", Gate).ended == [0, 1, 2, 3, 4]
    assert now() == 0.0


class Switch(Actor):
    """Goes on sending to itself from within its handler, whatever its mailbox does."""

    async def msg_handler(self, msg: int) -> int:
        self.ref().tell_nowait(msg + 1)
        return msg


async def test_an_actor_that_always_tells_itself_leaves_the_loop_to_others(
    system: ActorSystem,
) -> None:
    ref = await system.spawn(Switch, "a", mailbox={"capacity": 1, "overflow": "drop_newest"})
    ref.tell_nowait(0)
    for _ in range(10):
        await asyncio.sleep(0)  # the test goes on, so the loop has its turns
    assert ref.status().handled > 10
    check_account(system)
    await ref.stop()


@pytest.mark.parametrize("overflow", ["drop_oldest", "drop_newest"])
async def test_who_sends_a_dropped_message_again_makes_no_mailbox_longer_than_it_may_be(
    system: ActorSystem, overflow: str
) -> None:
    ref = await system.spawn(Gate, "a", mailbox={"capacity": 2, "overflow": overflow})
    await ref.stop()
    again = iter(range(3))

    def send_again(event: DeadLettered) -> None:
        if next(again, None) is not None:
            ref.tell_nowait(event.letter.message)
        check_account(system)

    system.events.subscribe((DeadLettered,), send_again)
    for number in range(3):
        ref.tell_nowait(number)
    assert ref.status().pending == 2
    assert ref.status().dead == 4
