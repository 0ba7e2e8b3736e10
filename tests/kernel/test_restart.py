"""A restart: the old instance ends, a pause, a new one starts; address, mail and settings stay."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aplay_host.kernel import (
    Abandoned,
    Actor,
    ActorRef,
    ActorSpec,
    ActorStopped,
    ActorSystem,
    Address,
    MessageFailed,
    NameTaken,
    Removed,
    Restarting,
    Started,
    StartFailed,
    Stopped,
    TreeNode,
    TreePlan,
)

from .actors import (
    Diarist,
    Gate,
    Hooked,
    Recorder,
    Runner,
    begin,
    behaviour,
    cell,
    check_account,
    counts_of,
    forever,
    ignore_cancels,
    listen,
    now,
    settle,
    states,
)

EVEN = {"jitter": 0.0}


async def spawn(
    system: ActorSystem, diary: list[str], name: str = "a", **settings: Any
) -> ActorRef:
    """Spawn a diarist that is restarted by its errors, after 0.2 s the first time."""
    kwargs = {"diary": diary, **settings.pop("kwargs", {})}
    settings = {"on_error": "restart", "backoff": EVEN, **settings}
    ref = await system.spawn(Diarist, name, kwargs=kwargs, **settings)
    diary.clear()
    return ref


@pytest.fixture
def diary() -> list[str]:
    return []


# The order of things


async def test_the_old_instance_ends_before_the_pause_and_the_new_one_begins_after_it(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await spawn(system, diary)
    old = behaviour(system, "/a", Diarist)
    heard = listen(system, MessageFailed, Restarting, Started, Stopped)
    ref.tell_nowait("boom")
    await settle()
    assert diary == ["a boom", "a stop: restart"]
    assert (ref.state, now()) == ("restarting", 0.0)
    assert cell(system, "/a").behaviour is None
    await asyncio.sleep(0.19)
    assert ref.state == "restarting"
    await asyncio.sleep(0.02)
    assert diary == ["a boom", "a stop: restart", "a made", "a start"]
    assert behaviour(system, "/a", Diarist) is not old
    assert (ref.state, ref.status().restarts, ref.status().since) == ("running", 1, 0.2)
    failed, restarting, started = heard
    assert (failed.directive, failed.incarnation, failed.message_type) == ("restart", 1, "str")
    assert (restarting.restarts, restarting.delay, restarting.error.text) == (1, 0.2, "boom")
    assert (started.cause, started.time) == ("restart", 0.2)
    assert counts_of(ref.status()) == (1, 0, 1, 0, 0, 0)


async def test_the_new_instance_gets_the_same_kwargs_and_options(system: ActorSystem) -> None:
    seen: list[Any] = []
    options = {"n": 1}
    ref = await system.spawn(Recorder, "a", kwargs={"seen": seen}, options=options)
    await ref.restart()
    await ref.ask("hello")
    assert seen == ["hello"]
    assert behaviour(system, "/a", Recorder).options is options


async def test_mail_and_requests_are_kept_and_handled_in_order_by_the_new_instance(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await spawn(system, diary)
    ref.tell_nowait("boom")
    ref.tell_nowait("one")
    asking = await begin(ref.ask("two"))
    ref.tell_nowait("three")
    late = await begin(ref.ask("four"))
    assert ref.state == "restarting"
    assert counts_of(ref.status()) == (5, 0, 1, 0, 4, 0)
    assert (await asking, await late) == ("two", "four")
    assert diary[4:] == ["a one", "a two", "a three", "a four"]
    assert now() == 0.2
    check_account(system)


async def test_the_time_of_a_request_runs_during_a_pause(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await spawn(system, diary)
    ref.tell_nowait("boom")
    with pytest.raises(TimeoutError, match=r"actor is restarting, request of type str not begun"):
        await ref.ask("asked", timeout=0.1)
    await asyncio.sleep(1)
    assert "a asked" not in diary
    check_account(system)


async def test_who_asked_for_the_message_that_failed_gets_its_error(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await spawn(system, diary)
    with pytest.raises(ValueError, match="boom"):
        await ref.ask("boom")
    assert ref.state == "restarting"


async def test_an_operators_restart_lets_the_message_in_hand_finish(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await spawn(system, diary)

    async def work(actor: Diarist) -> None:
        await asyncio.sleep(2)
        actor.note("worked")

    ref.tell_nowait(work)
    await settle()
    await ref.restart()
    assert diary == ["a worked", "a stop: restart", "a made", "a start"]
    assert now() == 2.0


async def test_a_request_whose_handler_is_cut_by_a_restart_is_answered(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await spawn(system, diary)
    asking = await begin(ref.ask(forever, timeout=60))
    op = ref.restart()
    with pytest.raises(ActorStopped):
        await asking
    assert now() == 4.0  # 80 % of the stop time-out
    await op
    assert counts_of(ref.status()) == (1, 0, 1, 0, 0, 0)
    assert cell(system, "/a").rare.stamps == ()


async def test_with_several_tasks_the_others_finish_before_the_instance_ends(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await spawn(system, diary, max_tasks=3)

    async def work(actor: Diarist) -> None:
        await asyncio.sleep(1)
        actor.note("worked")

    for message in (work, forever, "boom", forever, "later"):
        ref.tell_nowait(message)
    await asyncio.sleep(5)
    assert diary == [
        *("a boom", "a worked", "a stop: restart"),
        *("a made", "a start", "a later"),  # beside the endless one: all slots are used again
    ]
    assert counts_of(ref.status()) == (5, 2, 2, 0, 0, 1)
    assert ref.status().since == 4.2


async def test_two_failures_at_once_are_one_restart(system: ActorSystem, diary: list[str]) -> None:
    ref = await spawn(system, diary, max_tasks=2)

    async def fail(_: Actor) -> None:
        await asyncio.sleep(1)
        raise ValueError("both")

    heard = listen(system, Restarting)
    ref.tell_nowait(fail)
    ref.tell_nowait(fail)
    await asyncio.sleep(3)
    assert [event.restarts for event in heard] == [1]
    assert counts_of(ref.status()) == (2, 0, 2, 0, 0, 0)


async def test_what_waits_in_the_same_batch_is_for_the_new_instance(system: ActorSystem) -> None:
    by: list[int] = []

    async def note(actor: Actor) -> None:
        by.append(actor.ref().status().restarts)

    async def again(actor: Actor) -> None:
        actor.ref().restart()

    ref = await system.spawn(Runner, "a")
    for number in range(20):
        ref.tell_nowait(again if number == 9 else note)
    await settle()
    assert by == [0] * 9 + [1] * 10


async def test_owned_tasks_end_with_the_instance(system: ActorSystem, diary: list[str]) -> None:
    ref = await spawn(system, diary)

    async def task(actor: Diarist) -> None:
        try:
            await forever()
        finally:
            actor.note(f"task ends, {actor.state}")

    async def work(actor: Diarist) -> None:
        actor.create_task(task(actor))

    ref.tell_nowait(work)
    ref.tell_nowait("boom")
    await settle()
    assert diary == ["a boom", "a task ends, restarting", "a stop: restart"]
    assert not list(cell(system, "/a").owned_tasks)


async def test_an_owned_task_that_fails_restarts_its_actor(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await spawn(system, diary)

    async def fail() -> None:
        raise ValueError("task")

    async def work(actor: Diarist) -> None:
        actor.create_task(fail())

    ref.tell_nowait(work)
    await settle()
    assert diary == ["a stop: restart"]
    assert ref.state == "restarting"


async def test_an_owned_task_that_fails_during_the_start_is_under_on_error(
    system: ActorSystem,
) -> None:
    """It is no failed start: that is one whose hook fails."""

    class Starting(Actor):
        async def on_start(self) -> None:
            self.create_task(self.fail())
            await asyncio.sleep(1)

        async def fail(self) -> None:
            raise ValueError("task")

    ref = await system.spawn(Starting, "a")
    assert (ref.state, ref.status().restarts) == ("running", 0)
    with pytest.raises(StartFailed, match="ValueError: task"):
        await system.spawn(Starting, "b", on_error="restart")
    assert system.ref("/b").state == "restarting"


async def test_what_an_abandoned_instance_does_is_not_its_successors_doing(
    system: ActorSystem,
) -> None:
    end = asyncio.Event()
    heard = listen(system, Abandoned)

    async def stubborn(actor: Actor) -> None:
        await ignore_cancels(end)
        actor.exit(ValueError("of old"))
        actor.exit()
        raise ValueError("late")

    ref = await system.spawn(Runner, "a", on_error="restart", restart="transient")
    ref.tell_nowait(stubborn)
    await settle()
    await ref.restart()
    assert len(heard) == 1
    end.set()
    await settle()
    assert (ref.state, ref.status().restarts, ref.status().last_error) == ("running", 1, None)
    assert counts_of(ref.status()) == (1, 0, 1, 0, 0, 0)


async def test_an_on_stop_that_fails_does_not_keep_the_new_instance_away(
    system: ActorSystem,
) -> None:
    class Bad(Recorder):
        async def on_stop(self, reason: str) -> None:
            raise ValueError("no end")

    ref = await system.spawn(Bad, "a")
    await ref.restart()
    assert await ref.ask("alive") == "alive"


# Starts that fail


async def test_a_start_that_fails_is_tried_again_and_on_stop_does_not_run(
    system: ActorSystem, diary: list[str]
) -> None:
    heard = listen(system, Restarting, Started)
    kwargs = {"diary": diary, "fails": [1, 1]}
    with pytest.raises(StartFailed, match="ValueError: no start"):
        await system.spawn(Diarist, "a", kwargs=kwargs, backoff=EVEN)
    ref = system.ref("/a")
    assert (now(), ref.state) == (0.0, "restarting")
    with pytest.raises(StartFailed):
        await ref.start()  # at once, and it fails again
    assert now() == 0.0
    await asyncio.sleep(1)
    assert diary == ["a made", "a start"] * 3
    assert ref.state == "running"
    assert [(type(event), event.time) for event in heard] == [
        *((Restarting, 0.0), (Restarting, 0.0)),
        (Started, 0.4),
    ]


async def test_an_init_that_fails_at_a_restart_is_a_failed_start(system: ActorSystem) -> None:
    fails: list[int] = []

    class Unmade(Runner):
        def __init__(self) -> None:
            if fails:
                fails.pop()
                raise ValueError("not made")

    ref = await system.spawn(Unmade, "a", backoff=EVEN)
    fails.extend([1, 1])
    with pytest.raises(StartFailed, match="not made"):
        await ref.restart()
    await asyncio.sleep(0.7)
    assert (ref.state, ref.status().restarts) == ("running", 3)


async def test_the_awaited_start_of_a_temporary_actor_says_why_it_is_gone(
    system: ActorSystem, diary: list[str]
) -> None:
    kwargs = {"diary": diary, "fails": [1]}
    with pytest.raises(StartFailed, match="/a did not start: ValueError: no start"):
        await system.spawn(Diarist, "a", kwargs=kwargs, restart="temporary")
    await settle()
    assert system.tree() == []
    assert diary == ["a made", "a start"]


# Children


async def with_children(
    system: ActorSystem, diary: list[str], children: dict[str, dict[str, Any]] | None = None
) -> ActorRef:
    made = {"x": {}, "y": {}} if children is None else children
    return await spawn(system, diary, "p", kwargs={"children": made})


async def test_children_stop_before_their_parent_in_reverse_order_and_are_adopted(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await with_children(system, diary)
    x, removed = system.ref("/p/x"), listen(system, Removed)
    old = behaviour(system, "/p/x", Diarist)
    ref.tell_nowait("boom")
    await settle()
    assert diary == ["p boom", "y stop: restart", "x stop: restart", "p stop: restart"]
    assert set(states(system).values()) == {"restarting"}
    x.tell_nowait("kept")
    asking = await begin(x.ask("asked"))
    assert await asking == "asked"
    await settle()
    assert diary[4:] == [
        *("p made", "p start", "x made", "x start", "x kept", "x asked"),
        *("y made", "y start"),
    ]
    assert set(states(system).values()) == {"running"}
    assert removed == []
    assert behaviour(system, "/p/x", Diarist) is not old
    assert (x.status().restarts, ref.status().children) == (1, ("/p/x", "/p/y"))
    assert cell(system, "/p/x").rare.stamps == ()  # nothing is charged to the children
    check_account(system)


async def test_an_adopted_child_has_the_settings_of_its_new_life(
    system: ActorSystem, diary: list[str]
) -> None:
    children: dict[str, dict[str, Any]] = {
        "x": {"mailbox": {"capacity": 1, "overflow": "wait"}, "stop_timeout": 1.0},
        "y": {},
    }
    ref = await with_children(system, diary, children)
    x = system.ref("/p/x")
    ref.tell_nowait("boom")
    await settle()
    x.tell_nowait("one")
    waiting = await begin(x.tell("two"))
    assert not waiting.done()
    children["x"] = {"mailbox": {"capacity": 10}, "max_tasks": 2}
    children["y"] = {"mailbox": {"capacity": 5}}
    await ref.start()
    await waiting
    spec = cell(system, "/p/x").spec
    assert (spec.max_tasks, spec.mailbox.capacity, spec.stop_timeout) == (2, 10, 5.0)
    await settle()
    assert [line for line in diary if line in ("x one", "x two")] == ["x one", "x two"]
    assert (cell(system, "/p/x").limit, cell(system, "/p/y").limit) == (0, 5)
    check_account(system)


async def test_children_not_made_again_are_removed(system: ActorSystem, diary: list[str]) -> None:
    children: dict[str, dict[str, Any]] = {"x": {}, "y": {}}
    ref = await with_children(system, diary, children)
    del children["x"]
    system.ref("/p/x").tell_nowait("boom")
    await ref.restart()
    system.ref("/p/y").tell_nowait("kept")
    await settle()
    assert states(system) == {"/p": "running", "/p/y": "running"}
    assert "y kept" in diary
    check_account(system)


async def test_a_child_of_another_class_is_name_taken(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await with_children(system, diary)

    class Rival(Runner):
        async def on_start(self) -> None:
            await self.spawn(Recorder, "x")

    cell(system, "/p").spec = ActorSpec.of("p", Rival)
    with pytest.raises(StartFailed, match="NameTaken: /p/x exists already"):
        await ref.restart()
    assert states(system) == {"/p": "restarting", "/p/x": "restarting", "/p/y": "restarting"}


async def test_a_child_of_the_same_life_is_name_taken(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await with_children(system, diary)
    await ref.restart()
    with pytest.raises(NameTaken):
        await system.spawn(Diarist, "x", parent="/p", kwargs={"diary": diary})


async def test_a_child_that_is_being_removed_is_not_adopted(
    system: ActorSystem, diary: list[str]
) -> None:
    end = asyncio.Event()

    async def busy(_: Actor) -> None:
        await end.wait()

    ref = await with_children(system, diary)
    system.ref("/p/x").tell_nowait(busy)
    await settle()
    system.ref("/p/x").remove()
    with pytest.raises(StartFailed, match="NameTaken"):
        await ref.restart()
    end.set()
    await asyncio.sleep(1)
    assert states(system) == {"/p": "running", "/p/x": "running", "/p/y": "running"}


async def test_planned_children_come_back_of_themselves(
    system: ActorSystem, diary: list[str]
) -> None:
    nodes = []
    for address in ("/p", "/p/x", "/p/x/deep", "/p/y"):
        place = Address(address)
        spec = ActorSpec.of(place.name, Diarist, kwargs={"diary": diary})
        nodes.append(TreeNode(place, spec))
    await system.plant(TreePlan(tuple(nodes)))
    await system.spawn(Recorder, "guest", parent="/p")
    diary.clear()
    await system.ref("/p").restart()
    assert [line for line in diary if "start" in line or "stop" in line] == [
        *("y stop: restart", "deep stop: restart", "x stop: restart", "p stop: restart"),
        *("p start", "x start", "deep start", "y start"),
    ]
    assert set(states(system)) == {"/p", "/p/x", "/p/x/deep", "/p/y"}
    assert set(states(system).values()) == {"running"}


async def test_a_planned_child_that_failed_by_itself_is_left_alone(system: ActorSystem) -> None:
    nodes = []
    for address in ("/p", "/p/x"):
        place = Address(address)
        settings = {"on_error": "restart", "budget": {"max": 0}}
        spec = ActorSpec.of(place.name, Diarist, kwargs={"diary": []}, settings=settings)
        nodes.append(TreeNode(place, spec))
    await system.plant(TreePlan(tuple(nodes)))
    system.ref("/p/x").tell_nowait("boom")
    await settle()
    await system.ref("/p").restart()
    assert states(system) == {"/p": "running", "/p/x": "failed"}
    await system.ref("/p/x").start()
    system.ref("/p").tell_nowait("boom")  # but with its parent it fails and comes back
    await settle()
    assert states(system) == {"/p": "failed", "/p/x": "failed"}
    await system.ref("/p").start()
    assert states(system) == {"/p": "running", "/p/x": "running"}


async def test_a_child_that_was_started_before_its_parent_is_restarted_when_made_again(
    system: ActorSystem, diary: list[str]
) -> None:
    children: dict[str, dict[str, Any]] = {"x": {}}
    ref = await with_children(system, diary, children)
    ref.tell_nowait("boom")
    await settle()
    await system.ref("/p/x").start()
    children["x"] = {"stop_timeout": 1.0}
    diary.clear()
    await ref.start()
    assert diary == ["p made", "p start", "x stop: restart", "x made", "x start"]


@pytest.mark.parametrize("revived", [False, True])
async def test_a_child_on_its_way_to_be_failed_does_not_come_back_with_its_parent(
    system: ActorSystem, revived: bool
) -> None:
    async def slowly(_: object) -> None:
        await asyncio.sleep(1)

    ref = await system.spawn(Runner, "p")
    x = await system.spawn(Hooked, "x", parent=ref, kwargs={"ending": slowly})
    cell(system, "/p/x").planned = True
    cell(system, "/p/x").fail(ValueError("no"), None, "restart")
    restarted = ref.restart()
    await asyncio.sleep(0.5)
    if revived:
        x.start()
    await restarted
    await settle()
    assert now() == 1.0
    assert states(system) == {"/p": "running", "/p/x": "running" if revived else "failed"}


async def test_a_child_made_from_outside_between_two_instances_belongs_to_the_next(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await with_children(system, diary, {})
    ref.tell_nowait("boom")
    await settle()
    await system.spawn(Recorder, "guest", parent=ref)
    await ref.start()
    assert states(system) == {"/p": "running", "/p/guest": "running"}
    await ref.restart()
    assert states(system) == {"/p": "running"}


async def test_a_child_that_a_person_holds_stays_held_and_the_parent_starts(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await with_children(system, diary)
    held = system.ref("/p/x")
    await held.stop()
    held.tell_nowait("kept")
    diary.clear()
    await ref.restart()
    assert states(system) == {"/p": "running", "/p/x": "stopped", "/p/y": "running"}
    assert held.held
    assert not [line for line in diary if line.startswith("x")]
    await held.human_start()
    await settle()
    assert diary[-1] == "x kept"


async def test_a_child_in_its_own_pause_goes_down_and_up_with_its_parent(
    system: ActorSystem, diary: list[str]
) -> None:
    slow = {"on_error": "restart", "backoff": {"initial": 50.0}, "budget": {"max": 1}}
    ref = await with_children(system, diary, {"x": slow})
    system.ref("/p/x").tell_nowait("boom")
    await settle()
    await ref.restart()
    assert states(system) == {"/p": "running", "/p/x": "running"}
    assert now() == 0.0
    await asyncio.sleep(100)  # the old pause has no say any more
    assert diary.count("x made") == 1


async def test_a_child_that_is_starting_when_its_parent_restarts_is_cut(
    system: ActorSystem,
) -> None:
    tries: list[int] = []

    class Slow(Recorder):
        async def on_start(self) -> None:
            tries.append(1)
            await asyncio.sleep(10)

    class Parent(Runner):
        async def on_start(self) -> None:
            if tries:
                await self.spawn(Slow, "x")

    ref = await system.spawn(Parent, "p")
    spawning = await begin(system.spawn(Slow, "x", parent=ref))
    op = ref.restart()
    with pytest.raises(StartFailed):
        await spawning
    assert now() == 0.0
    await op
    assert (now(), len(tries)) == (10.0, 2)
    assert states(system) == {"/p": "running", "/p/x": "running"}


async def test_a_stop_between_two_instances_lets_the_children_wait_for_the_next(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await with_children(system, diary)
    ref.tell_nowait("boom")
    await settle()
    await ref.stop()
    assert states(system) == {"/p": "stopped", "/p/x": "restarting", "/p/y": "restarting"}
    await ref.human_start()
    assert set(states(system).values()) == {"running"}
    assert (ref.status().restarts, ref.status().children) == (1, ("/p/x", "/p/y"))


# Verbs in the middle


async def test_an_operators_restart_is_uncounted_and_immediate(
    system: ActorSystem, diary: list[str]
) -> None:
    heard = listen(system, Restarting)
    ref = await spawn(system, diary)
    for _ in range(20):
        await ref.restart()
    assert (now(), ref.state, ref.status().restarts) == (0.0, "running", 20)
    assert (heard, cell(system, "/a").rare.stamps) == ([], ())


async def test_an_actor_may_restart_itself(system: ActorSystem, diary: list[str]) -> None:
    ref = await spawn(system, diary)

    async def again(actor: Diarist) -> None:
        actor.ref().restart()
        await asyncio.sleep(1)
        actor.note("the rest")

    ref.tell_nowait(again)
    ref.tell_nowait("later")
    await asyncio.sleep(2)
    assert diary == ["a the rest", "a stop: restart", "a made", "a start", "a later"]


class Slow(Recorder):
    """Waits in each of its hooks until the test lets it go on."""

    def __init__(self, diary: list[str], may_stop: asyncio.Event, may_start: asyncio.Event) -> None:
        super().__init__()
        self.diary, self.may_stop, self.may_start = diary, may_stop, may_start

    async def on_start(self) -> None:
        self.diary.append("start")
        await self.may_start.wait()

    async def on_stop(self, reason: str) -> None:
        self.diary.append(f"stop: {reason}")
        await self.may_stop.wait()


@pytest.mark.parametrize("moment", ["take-down", "pause", "new start"])
@pytest.mark.parametrize("verb", ["stop", "remove", "shutdown"])
async def test_a_restart_may_be_ended_at_any_moment(
    system: ActorSystem, diary: list[str], verb: str, moment: str
) -> None:
    events = {name: asyncio.Event() for name in ("may_stop", "may_start")}
    events["may_start"].set()
    ref = await system.spawn(Slow, "a", kwargs={"diary": diary, **events})
    diary.clear()
    cell(system, "/a").fail(ValueError("no"), None, "restart")
    ref.tell_nowait("mail")
    asking = await begin(ref.ask("asked"))
    if moment != "take-down":
        events["may_stop"].set()
        events["may_start"].clear()
        await settle()
    if moment == "new start":
        await asyncio.sleep(0.3)
    assert ref.state == ("starting" if moment == "new start" else "restarting")
    began = now()
    op = system.shutdown() if verb == "shutdown" else getattr(ref, verb)()
    waiting = asyncio.ensure_future(op) if verb == "shutdown" else op
    await settle()
    with pytest.raises(ActorStopped):
        await asking
    events["may_stop"].set()
    await waiting
    assert now() == began
    assert states(system) == ({"/a": "stopped"} if verb == "stop" else {})
    assert diary == ["stop: restart", "start"][: 1 + (moment == "new start")]
    if verb == "stop":
        events["may_start"].set()
        assert ref.held
        assert ref.status().pending == 1
        await ref.human_start()
        assert diary[-1] == "start"
        await settle()
        assert behaviour(system, "/a", Slow).seen == ["mail"]
    await asyncio.sleep(100)
    assert states(system) == ({"/a": "running"} if verb == "stop" else {})
    check_account(system)


async def test_a_stop_said_by_a_listener_to_the_restart_holds(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await spawn(system, diary)
    system.events.subscribe((Restarting,), lambda event: ref.stop())
    ref.tell_nowait("boom")
    await asyncio.sleep(100)
    assert (ref.state, ref.held) == ("stopped", True)


async def test_a_removal_of_the_parent_in_the_pause_removes_the_children(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await with_children(system, diary)
    removed = listen(system, Removed)
    ref.tell_nowait("boom")
    await settle()
    system.ref("/p/x").tell_nowait("lost")
    await ref.remove()
    assert system.tree() == []
    assert [event.address for event in removed] == ["/p/y", "/p/x", "/p"]
    assert [letter.reason for letter in system.dead_letters] == ["removed"]
    check_account(system)


async def test_a_stop_of_a_child_that_is_being_cut_does_not_hold_up_its_parent(
    system: ActorSystem,
) -> None:
    class Clinging(Recorder):
        async def on_start(self) -> None:
            try:
                await forever()
            finally:
                await asyncio.sleep(1)

    ref = await system.spawn(Runner, "p")
    spawning = await begin(system.spawn(Clinging, "x", parent=ref))
    op = ref.restart()
    await settle()
    system.ref("/p/x").stop()
    async with asyncio.timeout(50):
        await op
    with pytest.raises(StartFailed):
        await spawning
    assert ref.state == "running"


async def test_senders_that_wait_for_room_go_on_waiting_over_a_restart(
    system: ActorSystem,
) -> None:
    mailbox = {"capacity": 1, "overflow": "wait"}
    ref = await system.spawn(Gate, "a", mailbox=mailbox, kwargs={"opened": True})
    ref.restart()
    ref.tell_nowait(1)
    telling = await begin(ref.tell(2))
    assert not telling.done() or ref.state == "running"
    await telling
    await settle()
    assert behaviour(system, "/a", Gate).ended == [1, 2]
    check_account(system)
