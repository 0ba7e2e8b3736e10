"""An actor with a mailbox of its author's own: order, room, accounts, stop and end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from aplay_host.aplay import Actor, MailBox, QueueMailBox
from aplay_host.kernel import (
    Actor as KernelsActor,
)
from aplay_host.kernel import (
    ActorRef,
    ActorSpec,
    ActorStopped,
    ActorSystem,
    Address,
    MailboxFull,
    StartFailed,
    TreeNode,
    TreePlan,
)

from .turns import checked, counts, instance, settle


class Stack(QueueMailBox):
    """Gives away the newest message first."""

    async def get(self) -> Any:
        return self._queue.pop()


class Picky(QueueMailBox):
    """Keeps no odd number."""

    async def put(self, msg: Any = None) -> None:
        if msg % 2 == 0:
            await super().put(msg)


class Copying(MailBox):
    """Keeps text, found by the next one who opens `shelf`; each method waits a moment."""

    def __init__(self, shelf: deque[str] | None = None) -> None:
        super().__init__()
        self.shelf = deque[str]() if shelf is None else shelf
        self.prepared = 0
        self.broken: set[str] = set()

    async def prepare(self) -> None:
        await self._moment("prepare")
        self.prepared += 1

    async def put(self, msg: Any = None) -> None:
        await self._moment("put")
        self.shelf.append(repr(msg))

    async def size(self) -> int:
        await self._moment("size")
        return len(self.shelf)

    async def empty(self) -> bool:
        await self._moment("empty")
        return not self.shelf

    async def get(self) -> Any:
        await self._moment("get")
        return eval(self.shelf.popleft())

    async def _moment(self, where: str) -> None:
        await asyncio.sleep(0)
        if where in self.broken:
            raise OSError(f"no {where}")


class Boxed(Actor):
    """Keeps mail in the box it is told of, and what it handled in `seen`; fails on ``boom``."""

    max_tasks = 1

    def __init__(self, box: Any = None, seen: list[Any] | None = None, early: bool = False) -> None:
        self.box = QueueMailBox() if box is None else box
        self.seen: list[Any] = [] if seen is None else seen
        self.gate = asyncio.Event()
        self.gate.set()
        if early:
            self._mailbox = self.box

    async def prepare_mailbox(self) -> None:
        self._mailbox = self.box

    async def msg_handler(self, msg: Any = None) -> Any:
        await self.gate.wait()
        self.seen.append(msg)
        if msg == "boom":
            raise ValueError(msg)
        return msg


async def spawn(
    system: ActorSystem, box: Any = None, cls: type[Any] = Boxed, **settings: Any
) -> tuple[Any, ActorRef]:
    """Return the instance at /b and its ref."""
    kwargs = {"box": box, **settings.pop("kwargs", {})}
    ref = await system.spawn(cls, "b", kwargs=kwargs, **settings)
    return instance(ref, cls), ref


# in and out


async def test_messages_go_through_the_box_in_order(system: ActorSystem) -> None:
    box = Copying()
    actor, ref = await spawn(system, box)
    for n in range(20):
        ref.tell_nowait(n)
    await ref.tell(20)
    await settle(400)
    assert actor.seen == list(range(21))
    assert (box.prepared, len(box.shelf)) == (1, 0)
    assert counts(ref) == (21, 21, 0, 0, 0, 0)


async def test_what_an_authors_object_has_of_its_own_makes_no_durable_box_of_it(
    system: ActorSystem,
) -> None:
    class Talkative(Copying):
        durable = True

        def recall(self, kind: type[Any]) -> Any:
            raise AssertionError("it knows of no turns")

    class Saving(Boxed):
        saved_type = dict

    actor, ref = await spawn(system, Talkative(), Saving)
    assert await ref.ask(1) == 1
    box = system.look_inside("/b").box
    assert box is not None
    assert (box.durable, actor.saved) == (False, {})


async def test_the_boxs_own_order_is_the_order_of_handling(system: ActorSystem) -> None:
    actor, ref = await spawn(system, Stack())
    actor.gate.clear()
    for n in range(4):
        ref.tell_nowait(n)
    await settle()
    actor.gate.set()
    await settle()
    assert actor.seen == [3, 2, 1, 0]


async def test_a_box_set_in_init_is_opened_in_the_first_start(system: ActorSystem) -> None:
    class Simple(KernelsActor):
        def __init__(self, box: Any) -> None:
            self.seen: list[Any] = []
            self._mailbox = box

        async def msg_handler(self, msg: Any) -> None:
            self.seen.append(msg)

    box = Copying()
    actor, ref = await spawn(system, box, Simple)
    await ref.tell(1)
    assert box.prepared == 1
    await settle()
    assert actor.seen == [1]


async def test_mail_that_came_before_the_first_start_is_put_in_in_order(
    system: ActorSystem,
) -> None:
    box = Stack()
    parent, _ = await spawn(system)
    child = parent.create_actor("x", Boxed)
    child.box = box
    child.seen = seen = []  # type: ignore[var-annotated]
    for n in range(3):
        child.send_nowait(n)
    asking = asyncio.create_task(child.ask("asked"))
    await settle()
    assert seen == [2, 1, 0, "asked"]
    assert await asking == "asked"
    assert counts(child) == (4, 4, 0, 0, 0, 0)


async def test_a_planned_actor_with_a_box_gets_the_mail_of_those_before_it(
    system: ActorSystem,
) -> None:
    class First(KernelsActor):
        async def on_start(self) -> None:
            self.ref("/b").tell_nowait("from the first")

    seen: list[Any] = []
    spec = ActorSpec.of(Boxed, kwargs={"seen": seen})
    first = ActorSpec.of(First)
    await system.plant(TreePlan((TreeNode(Address("/a"), first), TreeNode(Address("/b"), spec))))
    await settle()
    assert seen == ["from the first"]


async def test_what_the_box_has_already_is_handled_first(system: ActorSystem) -> None:
    box = Copying(deque(["'old'", "'older'"]))
    actor, ref = await spawn(system, box)
    ref.tell_nowait("new")
    await settle(200)
    assert actor.seen == ["old", "older", "new"]
    assert counts(ref) == (3, 3, 0, 0, 0, 0)


async def test_found_mail_counts_as_pending_while_the_actor_is_busy(system: ActorSystem) -> None:
    box = Copying(deque(["1", "2", "3"]))
    actor, ref = await spawn(system, box)
    actor.gate.clear()
    await settle()
    assert counts(ref) == (3, 0, 0, 0, 2, 1)
    actor.gate.set()
    await settle(200)
    assert counts(ref) == (3, 3, 0, 0, 0, 0)


async def test_a_request_keeps_its_place(system: ActorSystem) -> None:
    actor, ref = await spawn(system, Copying())
    ref.tell_nowait(1)
    asking = asyncio.create_task(ref.ask(2))
    await asyncio.sleep(0)
    ref.tell_nowait(3)
    assert await asking == 2
    await settle(200)
    assert actor.seen == [1, 2, 3]


async def test_timers_and_notices_come_beside_the_box(system: ActorSystem) -> None:
    actor, ref = await spawn(system, Copying(), mailbox={"capacity": 1})
    other = await system.spawn(KernelsActor, "other")
    actor.watch(other)
    actor.send_after(1.0, "tick")
    actor.gate.clear()
    ref.tell_nowait(1)
    await asyncio.sleep(2)
    await other.remove()
    actor.gate.set()
    await settle(200)
    assert [getattr(msg, "address", msg) for msg in actor.seen] == [1, "/other", "tick"]
    assert counts(ref) == (3, 3, 0, 0, 0, 0)


async def test_as_many_are_taken_out_as_there_are_handlers(system: ActorSystem) -> None:
    box = QueueMailBox()
    actor, ref = await spawn(system, box, max_tasks=3)
    actor.gate.clear()
    for n in range(10):
        ref.tell_nowait(n)
    await settle()
    assert (await box.size(), counts(ref)) == (7, (10, 0, 0, 0, 7, 3))
    actor.gate.set()
    await settle()
    assert (actor.seen, await box.size()) == (list(range(10)), 0)


async def test_mailbox_of_such_an_actor_is_a_view_that_knows_the_object(
    system: ActorSystem,
) -> None:
    box = Copying()
    actor, ref = await spawn(system, box)
    actor.gate.clear()
    for n in range(3):
        await actor._mailbox.put(n)
    await settle()
    assert actor._mailbox.shelf is box.shelf
    assert (await actor._mailbox.size(), await actor._mailbox.empty()) == (2, False)
    assert await actor._mailbox.policy()
    with pytest.raises(AttributeError):
        _ = actor._mailbox.nothing
    actor.gate.set()
    await settle(100)
    assert counts(ref) == (3, 3, 0, 0, 0, 0)


async def test_prepare_called_by_the_author_is_not_called_again(system: ActorSystem) -> None:
    class Careful(Boxed):
        async def prepare_mailbox(self) -> None:
            self._mailbox = self.box
            await self._mailbox.prepare()

    box = Copying()
    await spawn(system, box, Careful)
    assert box.prepared == 1


# what is refused, and what is ignored


async def test_later_assignments_are_ignored(system: ActorSystem) -> None:
    first, second = Copying(), Copying()
    actor, ref = await spawn(system, first)
    actor._mailbox = second
    await ref.restart()
    await ref.tell(1)
    await settle()
    assert (first.prepared, second.prepared) == (1, 0)
    plain = await system.spawn(KernelsActor, "plain")
    instance(plain, KernelsActor)._mailbox = second
    await plain.tell(1)
    await settle()
    assert second.prepared == 0


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (None, "got None, want a MailBox, or what makes a Mailbox"),
        (QueueMailBox, "made .*, which has no open"),
    ],
)
async def test_what_is_no_mailbox_is_refused(system: ActorSystem, wrong: Any, told: str) -> None:
    class Wrong(KernelsActor):
        def __init__(self) -> None:
            self._mailbox = wrong

    with pytest.raises(TypeError, match=f"_mailbox of /b: .*{told}"):
        await system.spawn(Wrong, "b")
    assert system.tree() == []


@pytest.mark.parametrize("overflow", ["drop_oldest", "drop_newest"])
async def test_a_box_is_not_for_an_actor_that_drops_mail(
    system: ActorSystem, overflow: str
) -> None:
    settings: Mapping[str, Any] = {"overflow": overflow}
    with pytest.raises(ValueError, match=f"overflow {overflow} is for mail in memory only"):
        await spawn(system, mailbox=settings, kwargs={"early": True})


# room


async def test_a_full_box_refuses_or_lets_wait(system: ActorSystem) -> None:
    actor, ref = await spawn(system, Copying(), mailbox={"capacity": 2})
    actor.gate.clear()
    await ref.tell(1)
    await ref.tell(2)
    with pytest.raises(MailboxFull, match="/b is full: 2 of 2"):
        ref.tell_nowait(3)
    waiting = [asyncio.create_task(ref.tell(n)) for n in (3, 4)]
    asking = asyncio.create_task(ref.ask(5))
    await settle()
    assert not any(task.done() for task in waiting)
    actor.gate.set()
    await asyncio.gather(*waiting)
    assert await asking == 5
    assert actor.seen == [1, 2, 3, 4, 5]
    assert counts(ref) == (5, 5, 0, 0, 0, 0)


async def test_waiting_for_room_in_a_box_ends_after_30_seconds(system: ActorSystem) -> None:
    actor, ref = await spawn(system, Copying(), mailbox={"capacity": 1})
    actor.gate.clear()
    await ref.tell(1)
    with pytest.raises(MailboxFull):
        await ref.tell(2)
    assert asyncio.get_running_loop().time() == 30.0
    actor.gate.set()
    await settle()
    assert actor.seen == [1]


async def test_an_actor_with_reject_does_not_let_wait(system: ActorSystem) -> None:
    actor, ref = await spawn(system, mailbox={"capacity": 1, "overflow": "reject"})
    actor.gate.clear()
    await ref.tell(1)
    with pytest.raises(MailboxFull):
        await ref.tell(2)
    with pytest.raises(MailboxFull):
        await ref.ask(2)
    actor.gate.set()


# what the box loses, and where it breaks


async def test_a_message_that_the_box_has_not_kept_is_a_dead_letter(system: ActorSystem) -> None:
    actor, ref = await spawn(system, Picky())
    for n in range(5):
        ref.tell_nowait(n)
    assert await ref.ask("odd or even") == "odd or even"
    await settle()
    assert actor.seen == [0, 2, 4, "odd or even"]
    letters = [(letter.message, letter.reason) for letter in system.dead_letters]
    assert letters == [(1, "dropped"), (3, "dropped")]
    assert counts(ref) == (6, 4, 0, 2, 0, 0)


async def test_a_policy_that_says_no_makes_dead_letters(system: ActorSystem) -> None:
    class Strict(QueueMailBox):
        async def policy(self) -> bool:
            return await self.size() < 1

    actor, ref = await spawn(system, Strict())
    actor.gate.clear()
    for n in range(3):
        ref.tell_nowait(n)
    await settle()
    actor.gate.set()
    await settle()
    assert checked(ref.status())[3] == 3 - len(actor.seen) > 0


async def test_an_error_of_put_reaches_who_waits_and_makes_a_dead_letter(
    system: ActorSystem,
) -> None:
    box = Copying()
    actor, ref = await spawn(system, box)
    box.broken = {"put"}
    with pytest.raises(OSError, match="no put"):
        await ref.tell(1)
    ref.tell_nowait(2)
    await settle()
    box.broken = set()
    await ref.tell(3)
    await settle()
    letters = [(one.message, one.reason, one.error) for one in system.dead_letters]
    assert letters == [(n, "store_failed", "OSError: no put") for n in (1, 2)]
    assert actor.seen == [3]
    assert counts(ref) == (3, 1, 0, 2, 0, 0)


@pytest.mark.parametrize("where", ["prepare", "size"])
async def test_a_box_that_does_not_open_is_a_failed_start(system: ActorSystem, where: str) -> None:
    box = Copying()
    box.broken = {where}
    with pytest.raises(StartFailed, match=f"OSError: no {where}"):
        await spawn(system, box, backoff={"initial": 1.0, "jitter": 0.0})
    ref = system.ref("/b")
    ref.tell_nowait(1)
    assert (ref.state, counts(ref)) == ("restarting", (1, 0, 0, 0, 1, 0))
    box.broken = set()
    await asyncio.sleep(2)
    assert (ref.state, instance(ref, Boxed).seen) == ("running", [1])


@pytest.mark.parametrize("where", ["empty", "get"])
async def test_a_box_that_breaks_restarts_its_actor_and_is_asked_again(
    system: ActorSystem, where: str
) -> None:
    box = Copying()
    seen: list[Any] = []
    _, ref = await spawn(
        system, box, kwargs={"seen": seen}, backoff={"initial": 1.0, "jitter": 0.0}
    )
    box.broken = {where}
    await ref.tell(1)
    await settle()
    assert (ref.state, counts(ref)) == ("restarting", (1, 0, 0, 0, 1, 0))
    box.broken = set()
    await asyncio.sleep(2)
    await settle()
    assert (ref.state, seen, box.prepared) == ("running", [1], 1)


async def test_a_box_that_stays_broken_makes_its_actor_failed(system: ActorSystem) -> None:
    box = Copying()
    _, ref = await spawn(system, box, budget={"max": 2})
    box.broken = {"get"}
    await ref.tell(1)
    await asyncio.sleep(10)
    assert (ref.state, counts(ref)) == ("failed", (1, 0, 0, 0, 1, 0))
    box.broken = set()
    await ref.start()
    await settle()
    assert counts(ref) == (1, 1, 0, 0, 0, 0)


# failing, stopping, ending


async def test_a_message_that_fails_has_failed(system: ActorSystem) -> None:
    actor, ref = await spawn(system, Copying())
    for msg in (1, "boom", 2):
        ref.tell_nowait(msg)
    with pytest.raises(ValueError, match="boom"):
        await ref.ask("boom")
    assert actor.seen == [1, "boom", 2, "boom"]
    assert counts(ref) == (4, 2, 2, 0, 0, 0)


async def test_mail_waits_through_stop_and_restart(system: ActorSystem) -> None:
    box = Copying()
    seen: list[Any] = []
    _, ref = await spawn(system, box, kwargs={"seen": seen})
    await ref.stop()
    for n in range(3):
        await ref.tell(n)
    await settle()
    assert (seen, counts(ref)) == ([], (3, 0, 0, 0, 3, 0))
    await ref.human_start()
    await settle(200)
    assert seen == [0, 1, 2]
    for n in range(3, 6):
        ref.tell_nowait(n)
    await ref.restart()
    await settle(200)
    assert (seen, box.prepared) == ([0, 1, 2, 3, 4, 5], 1)
    assert counts(ref) == (6, 6, 0, 0, 0, 0)


async def test_stop_answers_the_requests_in_the_box_at_once(system: ActorSystem) -> None:
    actor, ref = await spawn(system, Copying())
    actor.gate.clear()
    for n in range(3):
        ref.tell_nowait(n)
    asks = [asyncio.create_task(ref.ask(n)) for n in (3, 4)]
    await settle()
    stopping = ref.stop()
    await settle()
    for ask in asks:
        with pytest.raises(ActorStopped):
            await ask
    assert counts(ref) == (5, 0, 0, 2, 2, 1)
    actor.gate.set()
    await stopping
    await ref.human_start()
    await settle(200)
    assert actor.seen == [0, 1, 2]
    assert counts(ref) == (5, 3, 0, 2, 0, 0)


async def test_a_request_whose_time_is_up_is_not_run(system: ActorSystem) -> None:
    actor, ref = await spawn(system, Copying())
    actor.gate.clear()
    ref.tell_nowait(1)
    with pytest.raises(TimeoutError):
        await ref.ask(2, timeout=1.0)
    actor.gate.set()
    await settle(100)
    assert actor.seen == [1]
    assert counts(ref) == (2, 1, 0, 1, 0, 0)


@pytest.mark.parametrize("reason", ["removed", "shutdown"])
async def test_what_waits_at_the_end_is_a_dead_letter(system: ActorSystem, reason: str) -> None:
    box = Copying()
    actor, ref = await spawn(system, box)
    actor.gate.clear()
    for n in range(4):
        await ref.tell(n)
    asking = asyncio.create_task(ref.ask(4, timeout=60.0))
    await settle()
    ending = asyncio.ensure_future(ref.remove() if reason == "removed" else system.shutdown())
    await settle()
    actor.gate.set()
    await ending
    with pytest.raises(ActorStopped):
        await asking
    letters = {(letter.message, letter.reason) for letter in system.dead_letters}
    assert letters == {(n, reason) for n in range(1, 5)}
    assert checked(system.status()) == (5, 1, 0, 4, 0, 0)
    assert len(box.shelf) == 3  # the object is left alone


async def test_a_box_that_does_not_end_is_left_behind_in_time(system: ActorSystem) -> None:
    class Endless(QueueMailBox):
        async def get(self) -> Any:
            until = asyncio.Event()
            asyncio.get_running_loop().call_later(10_000, until.set)
            while not until.is_set():
                try:
                    await until.wait()
                except asyncio.CancelledError:
                    continue
            return await super().get()

    _, ref = await spawn(system, Endless())
    ref.tell_nowait(1)
    await settle()
    began = asyncio.get_running_loop().time()
    await ref.remove()
    assert asyncio.get_running_loop().time() - began <= 5.5
    assert checked(system.status())[4:] == (0, 0)
    await asyncio.sleep(20_000)


async def test_draining_waits_for_what_is_in_the_box(system: ActorSystem) -> None:
    actor, ref = await spawn(system, Copying())
    for n in range(30):
        ref.tell_nowait(n)
    assert await system.drain(5.0)
    assert actor.seen == list(range(30))


async def test_an_exchange_keeps_the_box_and_its_mail(system: ActorSystem) -> None:
    seen: list[Any] = []
    actor, ref = await spawn(system, Copying(), kwargs={"seen": seen})
    for n in range(4):
        ref.tell_nowait(n)
    async with system.quiesce(["/b"]) as quiet:
        for n in range(4, 8):
            ref.tell_nowait(n)
        await settle(200)
        handled = len(seen)
        quiet.swap([quiet.stage("/b")])
    await settle(400)
    assert handled <= 4
    assert seen == list(range(8))
    assert instance(ref, Boxed) is not actor
    assert counts(ref) == (8, 8, 0, 0, 0, 0)


class Choosy(Boxed):
    open: ClassVar[bool] = False

    def decide_to_start(self) -> bool:
        return self.open


async def test_an_actor_that_decides_asks_again_with_each_message(
    system: ActorSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor, ref = await spawn(system, Copying(), Choosy)
    await ref.tell(1)
    await ref.tell(2)
    await settle(100)
    assert actor.seen == []
    monkeypatch.setattr(Choosy, "open", True)
    await ref.tell(3)
    await settle(200)
    assert actor.seen == [1, 2, 3]
