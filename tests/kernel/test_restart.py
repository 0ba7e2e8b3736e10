"""A restart: the old instance ends, a pause, a new one starts; address, mail and settings stay."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aplay_host.kernel import (
    Abandoned,
    Actor,
    ActorStopped,
    ActorSystem,
    MessageFailed,
    Restarting,
    Started,
    StartFailed,
    Stopped,
)
from aplay_host.kernel.steering import bring_down

from .actors import (
    EVEN,
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
    spawn_diarist,
    states,
)


@pytest.fixture
def diary() -> list[str]:
    return []


# The order of things


async def test_the_old_instance_ends_before_the_pause_and_the_new_one_begins_after_it(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await spawn_diarist(system, diary)
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
    ref = await spawn_diarist(system, diary)
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
    ref = await spawn_diarist(system, diary)
    ref.tell_nowait("boom")
    with pytest.raises(TimeoutError, match=r"actor is restarting, request of type str not begun"):
        await ref.ask("asked", timeout=0.1)
    await asyncio.sleep(1)
    assert "a asked" not in diary
    check_account(system)


async def test_who_asked_for_the_message_that_failed_gets_its_error(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await spawn_diarist(system, diary)
    with pytest.raises(ValueError, match="boom"):
        await ref.ask("boom")
    assert ref.state == "restarting"


async def test_an_operators_restart_lets_the_message_in_hand_finish(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await spawn_diarist(system, diary)

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
    ref = await spawn_diarist(system, diary)
    asking = await begin(ref.ask(forever, timeout=60))
    op = ref.restart()
    with pytest.raises(ActorStopped):
        await asking
    assert now() == 4.0  # 80 % of the stop time-out
    await op
    assert counts_of(ref.status()) == (1, 0, 1, 0, 0, 0)
    assert cell(system, "/a").stamps == ()


async def test_with_several_tasks_the_others_finish_before_the_instance_ends(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await spawn_diarist(system, diary, max_tasks=3)

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
    ref = await spawn_diarist(system, diary, max_tasks=2)

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
    ref = await spawn_diarist(system, diary)

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
    assert not list(cell(system, "/a").tasks)


async def test_an_owned_task_that_fails_restarts_its_actor(
    system: ActorSystem, diary: list[str]
) -> None:
    ref = await spawn_diarist(system, diary)

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


# Verbs in the middle


async def test_an_operators_restart_is_uncounted_and_immediate(
    system: ActorSystem, diary: list[str]
) -> None:
    heard = listen(system, Restarting)
    ref = await spawn_diarist(system, diary)
    for _ in range(20):
        await ref.restart()
    assert (now(), ref.state, ref.status().restarts) == (0.0, "running", 20)
    assert (heard, cell(system, "/a").stamps) == ([], ())


async def test_an_actor_may_restart_itself(system: ActorSystem, diary: list[str]) -> None:
    ref = await spawn_diarist(system, diary)

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
    ref = await spawn_diarist(system, diary)
    system.events.subscribe((Restarting,), lambda event: ref.stop())
    ref.tell_nowait("boom")
    await asyncio.sleep(100)
    assert (ref.state, ref.held) == ("stopped", True)


@pytest.mark.parametrize("verb", ["stop", "remove"])
async def test_a_verb_right_after_the_order_to_go_down_keeps_nobody_waiting(
    system: ActorSystem, verb: str
) -> None:
    ref = await system.spawn(Recorder, "a")
    down = asyncio.create_task(bring_down(cell(system, "/a")))
    await asyncio.sleep(0)
    assert ref.state == "restarting"
    getattr(ref, verb)()
    await settle()
    assert down.done()
    assert states(system) == ({"/a": "stopped"} if verb == "stop" else {})


@pytest.mark.parametrize("verb", ["stop", "remove", "restart", "start"])
async def test_a_parent_waits_for_a_child_that_goes_down_whatever_is_said_to_it_meanwhile(
    system: ActorSystem, verb: str
) -> None:
    log: list[str] = []

    async def slowly(reason: str) -> None:
        await asyncio.sleep(1)
        log.append("child")

    async def at_once(reason: str) -> None:
        log.append("parent")

    parent = await system.spawn(Hooked, "p", kwargs={"ending": at_once})
    child = await system.spawn(Hooked, "c", parent=parent, kwargs={"ending": slowly})
    restarting = parent.restart()
    await settle()
    assert (child.state, log) == ("restarting", [])
    getattr(child, verb)()
    await restarting
    assert log[:2] == ["child", "parent"]


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
