"""An actor that decides for itself when it begins with its mail."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aplay_host.kernel import (
    Actor,
    ActorRef,
    ActorSpec,
    ActorSystem,
    HookFailed,
    Refuse,
    StartRefused,
    TreeNode,
    TreePlan,
)

from .actors import begin, cell, check_account, counts_of, listen, settle


class Choosy(Actor):
    """Begins when `ready`; a callable there is asked in its place. Notes each question."""

    def __init__(self, ready: Any = False) -> None:
        self.ready = ready
        self.asked: list[int] = []
        self.seen: list[Any] = []
        self.gate = asyncio.Event()
        self.gate.set()

    def decide_to_start(self) -> bool:
        self.asked.append(self.ref().status().pending)
        return bool(self.ready() if callable(self.ready) else self.ready)

    async def msg_handler(self, msg: Any) -> Any:
        self.seen.append(msg)
        await self.gate.wait()
        if isinstance(msg, Exception):
            raise msg
        return msg


async def spawn_choosy(
    system: ActorSystem, ready: Any = False, **settings: Any
) -> tuple[ActorRef, Choosy]:
    ref = await system.spawn(Choosy, "a", kwargs={"ready": ready}, **settings)
    found = cell(system, "/a").behaviour
    assert isinstance(found, Choosy)
    return ref, found


async def test_mail_is_kept_until_it_says_yes(system: ActorSystem) -> None:
    ref, choosy = await spawn_choosy(system)
    for n in range(3):
        await ref.tell(n)
    await settle()
    assert choosy.seen == []
    assert counts_of(ref.status()) == (3, 0, 0, 0, 3, 0)
    choosy.ready = True
    ref.tell_nowait(3)
    await settle()
    assert choosy.seen == [0, 1, 2, 3]
    assert choosy.asked == [1, 2, 3, 4]  # each message was an occasion


async def test_without_mail_nobody_asks(system: ActorSystem) -> None:
    ref, choosy = await spawn_choosy(system, ready=True)
    await ref.start()
    await ref.stop()
    await ref.human_start()
    assert choosy.asked == []


async def test_while_it_is_at_work_nobody_asks(system: ActorSystem) -> None:
    ref, choosy = await spawn_choosy(system, ready=True)
    choosy.gate.clear()
    for n in range(5):
        ref.tell_nowait(n)
        await settle()
    choosy.gate.set()
    await settle()
    assert choosy.seen == [0, 1, 2, 3, 4]
    assert choosy.asked == [1]
    ref.tell_nowait(5)
    await settle()
    assert choosy.asked == [1, 1]


async def test_start_is_no_question(system: ActorSystem) -> None:
    ref, choosy = await spawn_choosy(system)
    ref.tell_nowait("mail")
    choosy.asked.clear()
    await ref.start()
    await settle()
    assert choosy.seen == ["mail"]
    assert choosy.asked == []


async def test_a_request_waits_for_the_decision_and_its_time_runs(system: ActorSystem) -> None:
    ref, choosy = await spawn_choosy(system)
    with pytest.raises(TimeoutError, match="actor is running, request of type str not begun"):
        await ref.ask("never", timeout=2.0)
    asking = await begin(ref.ask("later", timeout=60))
    choosy.ready = True
    ref.tell_nowait("occasion")
    assert await asking == "later"
    assert choosy.seen == ["later", "occasion"]


async def test_one_yes_fills_all_slots(system: ActorSystem) -> None:
    ref, choosy = await spawn_choosy(system, max_tasks=3)
    choosy.gate.clear()
    for n in range(5):
        ref.tell_nowait(n)
    choosy.asked.clear()
    choosy.ready = True
    ref.tell_nowait(5)
    await settle()
    assert choosy.seen == [0, 1, 2]
    assert choosy.asked == [6]
    assert counts_of(ref.status()) == (6, 0, 0, 0, 3, 3)
    choosy.gate.set()
    await settle()
    assert choosy.seen == [0, 1, 2, 3, 4, 5]


async def test_a_start_by_name_fills_all_slots(system: ActorSystem) -> None:
    ref, choosy = await spawn_choosy(system, max_tasks=3)
    choosy.gate.clear()
    for n in range(5):
        ref.tell_nowait(n)
    await ref.start()
    await settle()
    assert choosy.seen == [0, 1, 2]
    choosy.gate.set()
    await settle()


@pytest.mark.parametrize("slots", [1, 3])
@pytest.mark.parametrize("ready", [False, True])
async def test_it_is_asked_once_when_it_starts_with_mail(
    system: ActorSystem, ready: bool, slots: int
) -> None:
    settings = {"max_tasks": slots}
    spec = ActorSpec.of(Choosy, kwargs={"ready": ready}, settings=settings)
    planting = system.plant(TreePlan((TreeNode(system.ref("/a").address, spec),)))
    for n in range(5):
        system.ref("/a").tell_nowait(n)
    await planting
    await settle()
    choosy = cell(system, "/a").behaviour
    assert choosy.asked == [5]
    assert choosy.seen == ([0, 1, 2, 3, 4] if ready else [])


async def test_who_lets_a_held_actor_go_asks_it_like_a_first_message(system: ActorSystem) -> None:
    ref, choosy = await spawn_choosy(system, ready=True)
    await ref.stop()
    ref.tell_nowait("mail")
    assert choosy.asked == []  # a hold wins
    choosy.ready = False
    await ref.human_start()
    await settle()
    assert (choosy.asked, choosy.seen) == ([1], [])
    await ref.start()
    await settle()
    assert choosy.seen == ["mail"]


async def test_a_hold_wins_over_the_decision_and_over_start(system: ActorSystem) -> None:
    heard = listen(system, StartRefused)
    ref, choosy = await spawn_choosy(system, ready=True)
    await ref.stop()
    ref.tell_nowait("mail")
    ref.start()
    await settle()
    assert (ref.state, choosy.seen, choosy.asked) == ("stopped", [], [])
    assert len(heard) == 1


@pytest.mark.parametrize("ending", [ValueError("no"), Refuse("no"), asyncio.CancelledError()])
async def test_an_error_does_not_make_it_idle(system: ActorSystem, ending: BaseException) -> None:
    """A handler that is cancelled ends its task, and the next one begins from idle."""
    ref, choosy = await spawn_choosy(system, ready=True)

    class Raising(Choosy):
        async def msg_handler(self, msg: Any) -> Any:
            self.seen.append(msg)
            if msg == 0:
                raise ending

    other = await system.spawn(Raising, "b", kwargs={"ready": True})
    raising = cell(system, "/b").behaviour
    for n in range(3):
        other.tell_nowait(n)
    await settle()
    assert raising.seen == [0, 1, 2]
    assert raising.asked[0] == 1
    assert len(raising.asked) == 1
    check_account(system)
    assert ref.status().accepted == 0
    assert choosy.asked == []


async def test_a_restart_asks_again(system: ActorSystem) -> None:
    asked: list[str] = []

    def ready() -> bool:
        asked.append("asked")
        return False

    ref, _ = await spawn_choosy(system, ready=ready)
    ref.tell_nowait("mail")
    asked.clear()
    await ref.restart()
    await settle()
    assert asked == ["asked"]
    assert ref.status().pending == 1


async def test_an_error_in_the_decision_means_no_and_is_told(system: ActorSystem) -> None:
    heard = listen(system, HookFailed)
    error = ValueError("undecided")

    def ready() -> bool:
        raise error

    ref, choosy = await spawn_choosy(system, ready=ready)
    ref.tell_nowait("mail")
    await settle()
    assert choosy.seen == []
    assert [(event.hook, event.error) for event in heard] == [("decide_to_start", error)]
    assert counts_of(ref.status()) == (1, 0, 0, 0, 1, 0)
    await ref.start()
    await settle()
    assert choosy.seen == ["mail"]


async def test_a_decision_that_ends_the_program_ends_the_system_in_order(
    system: ActorSystem,
) -> None:
    def ready() -> bool:
        raise SystemExit(3)

    ref, _ = await spawn_choosy(system, ready=ready)
    ref.tell_nowait("mail")
    assert (await system.shutdown()).clean
    assert isinstance(system.fatal, SystemExit)
    assert system.dead_letters.counts == {"shutdown": 1}
    system.ending.fatal = None  # it has been seen; the fixture's system ends quietly


@pytest.mark.parametrize("slots", [1, 2])
@pytest.mark.parametrize(
    ("verb", "state", "seen"),
    [("start", "running", ["mail"]), ("stop", "stopped", []), ("remove", "removed", [])],
)
async def test_a_verb_in_the_decision_itself_is_obeyed(
    system: ActorSystem, verb: str, state: str, seen: list[str], slots: int
) -> None:
    ref, choosy = await spawn_choosy(system, max_tasks=slots)

    def ready() -> bool:
        getattr(ref, verb)()
        return True

    choosy.ready = ready
    ref.tell_nowait("mail")
    assert len(cell(system, "/a").hands) <= slots
    await settle()
    assert (ref.state, choosy.seen) == (state, seen)
    check_account(system)


async def test_ticks_and_notices_are_occasions_too(system: ActorSystem) -> None:
    ref, choosy = await spawn_choosy(system)
    choosy.send_after(1, "tick")
    await asyncio.sleep(2)
    choosy.watch("/nobody")
    await settle()
    assert choosy.asked == [1, 2]
    choosy.ready = True
    await ref.start()
    await settle()
    assert len(choosy.seen) == 2
    assert choosy.seen[1] == "tick"


async def test_a_class_that_does_not_decide_is_not_asked(system: ActorSystem) -> None:
    asked: list[str] = []

    class Plain(Actor):
        async def msg_handler(self, msg: Any) -> Any:
            return msg

    ref = await system.spawn(Plain, "a")

    def decide_to_start() -> bool:
        asked.append("asked")
        return False

    # Only the class counts: who wants to be asked says so there.
    cell(system, "/a").behaviour.decide_to_start = decide_to_start
    assert await ref.ask("question") == "question"
    assert asked == []


def test_a_decision_that_could_wait_is_refused_when_its_class_is_defined() -> None:
    async def decide_to_start(self: Actor) -> bool:
        return True

    with pytest.raises(TypeError, match=r"Wrong\.decide_to_start must be written with 'def'"):
        type("Wrong", (Actor,), {"decide_to_start": decide_to_start})
