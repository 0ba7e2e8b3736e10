"""Draining, shutting down and aborting: in order, in time, and told honestly."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from aplay_host.kernel import (
    Actor,
    ActorSystem,
    BadAddress,
    Event,
    HookFailed,
    Removed,
    StartFailed,
    SystemStopped,
    SystemStopping,
)

from .actors import (
    Hooked,
    Job,
    Recorder,
    Runner,
    begin,
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


def leftovers() -> set[str]:
    """Return the names of all tasks but the test's own and pytest's."""
    names = {task.get_name() for task in asyncio.all_tasks()}
    return {name for name in names if name.startswith(("/", "shutdown", "removal"))}


async def spawn_busy(system: ActorSystem, job: Job, *names: str, **settings: Any) -> None:
    """Spawn actors that have `job` in hand and two messages waiting."""
    for name in names:
        ref = await system.spawn(Runner, name, **settings)
        for _ in range(3):
            ref.tell_nowait(job)
    await settle()


async def test_a_shutdown_removes_the_last_made_first_and_reports(system: ActorSystem) -> None:
    heard = listen(system, SystemStopping, SystemStopped, Removed)
    for parent, name in (("/", "a"), ("/a", "x"), ("/a", "y"), ("/", "b")):
        await system.spawn(Hooked, name, parent=parent)
    report = await system.shutdown()
    assert [(type(event), event.address) for event in heard] == [
        (SystemStopping, "/"),
        (Removed, "/b"),
        (Removed, "/a/y"),
        (Removed, "/a/x"),
        (Removed, "/a"),
        (SystemStopped, "/"),
    ]
    assert {event.reason for event in heard if isinstance(event, Removed)} == {"shutdown"}
    assert heard[-1].report is report
    assert (report.clean, report.abandoned, report.dead) == (True, (), 0)
    assert system.tree() == []
    assert leftovers() == set()


async def test_a_shutdown_may_be_repeated_and_joined(system: ActorSystem) -> None:
    heard = listen(system, SystemStopped)
    await spawn_busy(system, forever, "a")
    first, second = await asyncio.gather(system.shutdown(), system.shutdown(1.0))
    assert first is second
    assert await system.shutdown() is first
    assert len(heard) == 1
    assert now() == 4.0


async def test_leaving_the_block_shuts_down() -> None:
    async with ActorSystem() as system:
        ref = await system.spawn(Recorder, "a")
    assert ref.state == "removed"
    assert system.stopping


async def test_waiting_mail_is_dead_and_counted_by_a_shutdown(system: ActorSystem) -> None:
    async def second(_: Actor) -> None:
        await asyncio.sleep(1)

    await spawn_busy(system, second, "a", "b")
    stopped = await system.spawn(Recorder, "s")
    await stopped.stop()
    stopped.tell_nowait("waits")
    report = await system.shutdown()
    assert report.clean
    assert report.dead == 4  # /a went on with its second message while /b ended its first
    assert system.dead_letters.counts == {"shutdown": 4}
    assert counts_of(system.status()) == (7, 3, 0, 4, 0, 0)


async def test_nobody_is_born_once_a_shutdown_has_begun(system: ActorSystem) -> None:
    outcome: list[str] = []

    async def have_company(reason: str) -> None:
        try:
            await system.spawn(Recorder, "late")
        except BadAddress as error:
            outcome.append(str(error))

    await system.spawn(Hooked, "a", kwargs={"ending": have_company})
    await system.shutdown()
    assert outcome == ["cannot make /late: / is being removed"]
    with pytest.raises(BadAddress):
        await system.spawn(Recorder, "later")
    assert system.tree() == []


async def test_mail_to_the_root_has_an_end_too(system: ActorSystem) -> None:
    system.ref("/").tell_nowait("nobody reads this")
    await settle()
    assert system.status().failed == 1
    await system.shutdown()
    system.ref("/").tell_nowait("nor this")
    check_account(system)
    assert counts_of(system.status()) == (2, 0, 1, 1, 0, 0)


async def test_what_is_told_after_a_shutdown_is_a_dead_letter(system: ActorSystem) -> None:
    ref = await system.spawn(Recorder, "a")
    await system.shutdown()
    await ref.tell(1)
    assert system.dead_letters.counts == {"no_actor": 1}


# Deadlines


async def test_stop_timeouts_add_up_within_the_deadline(system: ActorSystem) -> None:
    await spawn_busy(system, forever, "a", "b", "c")
    report = await system.shutdown()
    assert now() == 12.0
    assert not report.clean
    assert report.abandoned == ()


async def test_a_deadline_shortens_what_is_left_for_each(system: ActorSystem) -> None:
    await spawn_busy(system, forever, "a", "b", "c")
    await system.shutdown(10.0)
    assert now() == pytest.approx(4.0 + 4.0 + 0.8 * 2.0)
    check_account(system)


async def test_the_stubborn_are_abandoned_named_and_do_not_break_the_deadline(
    system: ActorSystem,
) -> None:
    end = asyncio.Event()

    async def stubborn(_: Actor) -> None:
        await ignore_cancels(end)

    await spawn_busy(system, stubborn, "a", "b", "c")
    report = await system.shutdown(10.0)
    assert now() == pytest.approx(4.5 + 4.5 + 0.9 * 1.0)
    assert not report.clean
    assert [text.split()[0] for text in report.abandoned] == ["/c", "/b", "/a"]
    assert all("actors.py" in text for text in report.abandoned)
    assert counts_of(system.status()) == (9, 0, 3, 6, 0, 0)
    end.set()
    await settle()
    assert counts_of(system.status()) == (9, 0, 3, 6, 0, 0)
    assert leftovers() == set()


async def test_a_shutdown_ends_one_second_past_its_deadline_whatever_happens(
    system: ActorSystem,
) -> None:
    end = asyncio.Event()
    closed: list[str] = []

    async def stubborn(_: object) -> None:
        await ignore_cancels(end)

    async def closing(reason: str) -> None:
        closed.append(reason)

    await system.spawn(Hooked, "a", kwargs={"ending": closing})
    spawning = await begin(system.spawn(Hooked, "b", kwargs={"starting": stubborn}))
    asking = await begin(system.ref("/a").ask(forever, timeout=100))
    report = await system.shutdown(5.0)
    assert now() == 6.0
    assert [text.split(" at ")[0] for text in report.abandoned] == ["/b on_start"]
    assert closed == ["shutdown"]  # the others ended in order in the last second
    assert asking.exception() is not None
    with pytest.raises(StartFailed):
        await spawning
    assert system.tree() == []
    check_account(system)
    end.set()
    await settle()
    assert leftovers() == set()


# Abort


async def test_an_abort_cuts_everything_off_now(system: ActorSystem) -> None:
    heard = listen(system, SystemStopping, SystemStopped)
    closed: list[str] = []

    async def closing(reason: str) -> None:
        closed.append(reason)

    async def task(actor: Actor) -> None:
        actor.create_task(forever())

    await system.spawn(Hooked, "h", kwargs={"starting": task, "ending": closing})
    spawning = await begin(system.spawn(Hooked, "s", kwargs={"starting": forever}))
    await spawn_busy(system, forever, "a", "b")
    system.abort()
    report = await system.shutdown()
    assert now() == 0.0
    assert not report.clean
    assert report.abandoned == ()
    assert closed == ["shutdown"]
    assert [type(event) for event in heard] == [SystemStopping, SystemStopped]
    assert counts_of(system.status()) == (6, 0, 2, 4, 0, 0)
    assert leftovers() == set()
    with pytest.raises(StartFailed):
        await spawning


async def test_an_abort_right_after_mail_came_leaves_nothing_behind(system: ActorSystem) -> None:
    """The activation has not had its first step yet."""
    ref = await system.spawn(Recorder, "a")
    ref.tell_nowait(1)
    system.abort()
    report = await system.shutdown()
    assert report.clean  # nothing was in hand
    assert system.active == 0
    assert counts_of(system.status()) == (1, 0, 0, 1, 0, 0)


async def test_an_abort_ends_within_a_second_even_in_the_middle_of_a_shutdown(
    system: ActorSystem,
) -> None:
    end = asyncio.Event()

    async def stubborn(_: Actor) -> None:
        await ignore_cancels(end)

    await spawn_busy(system, stubborn, "a", "b")
    stopping = await begin(system.shutdown())
    await asyncio.sleep(1)
    system.abort()
    await asyncio.sleep(0.5)
    system.abort()  # once more changes nothing
    report = await stopping
    assert now() == 2.0
    assert sorted(text.split()[0] for text in report.abandoned) == ["/a", "/b"]
    assert system.tree() == []
    assert [timer.when() for timer in timers() if timer.when() < 1000] == []
    check_account(system)
    end.set()
    await settle()
    assert leftovers() == set()


async def test_an_abort_cuts_an_on_stop_that_is_running(system: ActorSystem) -> None:
    heard = listen(system, HookFailed)
    ref = await system.spawn(Hooked, "a", kwargs={"ending": forever})
    ref.stop()
    await settle()
    system.abort()
    await system.shutdown()
    assert now() == 0.0
    assert heard == []  # it was cut and has not failed


async def test_an_abort_cancels_owned_tasks_before_the_handler_has_ended(
    system: ActorSystem,
) -> None:
    ended: list[tuple[str, float]] = []

    def tidy(name: str, seconds: float) -> Job:
        async def job(_: object) -> None:
            try:
                await forever()
            finally:
                await asyncio.sleep(seconds)
                ended.append((name, now()))

        return job

    async def starting(actor: Actor) -> None:
        async def task() -> None:
            await tidy("task", 0.0)(actor)

        actor.create_task(task())

    ref = await system.spawn(Hooked, "a", kwargs={"starting": starting})
    ref.tell_nowait(tidy("handler", 0.7))
    await settle()
    system.abort()
    await system.shutdown()
    assert ended == [("task", 0.0), ("handler", 0.7)]


async def test_an_abort_gives_the_cancelled_a_second_to_end_by_themselves(
    system: ActorSystem,
) -> None:
    ended: list[float] = []

    async def tidy(_: object = None) -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(0.7)
            ended.append(now())

    await spawn_busy(system, tidy, "a", "b")
    system.abort()
    report = await system.shutdown()
    assert ended == [0.7, 0.7]
    assert report.abandoned == ()


async def test_an_abort_after_the_end_or_before_the_beginning_does_nothing() -> None:
    system = ActorSystem()
    system.abort()
    async with system:
        await system.spawn(Recorder, "a")
        report = await system.shutdown()
        system.abort()
        assert report.clean
    await asyncio.sleep(5)


# SystemExit


async def test_a_handlers_system_exit_ends_the_system_in_order_and_is_raised_at_the_end() -> None:
    log: list[str] = []

    async def ending(reason: str) -> None:
        log.append(reason)

    async def block() -> None:
        async with ActorSystem() as system:
            over = asyncio.Event()
            system.events.subscribe((SystemStopped,), lambda _: over.set())
            heard.extend([listen(system), system])
            await system.spawn(Hooked, "a", kwargs={"ending": ending})
            ref = await system.spawn(Runner, "b")
            ref.tell_nowait(fail_with(SystemExit(7)))
            await over.wait()

    heard: list[Any] = []
    with pytest.raises(SystemExit) as caught:
        await block()
    assert caught.value.code == 7
    assert log == ["shutdown"]
    events: list[Event] = heard[0]
    assert type(events[-1]) is SystemStopped
    assert counts_of(heard[1].status()) == (1, 0, 1, 0, 0, 0)


@pytest.mark.parametrize("where", ["on_start", "on_stop", "task"])
@pytest.mark.parametrize("error", [SystemExit(7), KeyboardInterrupt()])
async def test_system_exit_anywhere_in_an_actor_ends_the_system_in_order(
    where: str, error: BaseException
) -> None:
    async def begin_task(actor: Actor) -> None:
        async def task() -> None:
            raise error

        actor.create_task(task())

    choices: dict[str, dict[str, Any]] = {
        "on_start": {"starting": fail_with(error)},
        "on_stop": {"ending": fail_with(error)},
        "task": {"starting": begin_task},
    }
    system = ActorSystem()
    system.open()
    over = asyncio.Event()
    system.events.subscribe((SystemStopped,), lambda _: over.set())
    with suppress(StartFailed):  # the system may end before spawn has returned
        await system.spawn(Hooked, "a", kwargs=choices[where])
        await system.ref("/a").stop()
    await over.wait()
    assert system.fatal is error
    assert system.tree() == []


async def test_an_error_of_the_block_is_not_hidden_by_a_system_exit() -> None:
    system = ActorSystem()

    async def block() -> None:
        async with system:
            ref = await system.spawn(Runner, "a")
            ref.tell_nowait(fail_with(SystemExit(7)))
            await settle()
            raise ValueError("of the block")

    with pytest.raises(ValueError, match="of the block"):
        await block()
    assert isinstance(system.fatal, SystemExit)


async def test_a_handler_that_shuts_its_own_system_down_is_cut_and_all_ends() -> None:
    async with ActorSystem() as system:
        ref = await system.spawn(Runner, "a")

        async def end(_: Actor) -> None:
            await system.shutdown()

        ref.tell_nowait(end)
        await settle()
        report = await system.shutdown()
        assert now() == 4.0
        assert not report.clean


async def test_what_an_earlier_stop_cut_does_not_spoil_a_clean_shutdown() -> None:
    async with ActorSystem() as system:
        ref = await system.spawn(Runner, "a", stop_timeout=0.5)
        ref.tell_nowait(forever)
        await settle()
        await ref.remove()
        assert (await system.shutdown()).clean


async def test_draining_needs_no_time_when_nothing_waits(system: ActorSystem) -> None:
    async def own_task(actor: Any) -> None:
        actor.create_task(forever())

    await system.spawn(Hooked, "a", kwargs={"starting": own_task})
    assert await system.drain(0.0)


async def test_draining_does_not_wait_for_a_task_that_ignores_its_end(system: ActorSystem) -> None:
    end = asyncio.Event()

    async def stubborn(actor: Any) -> None:
        actor.create_task(ignore_cancels(end))
        await settle()

    await system.spawn(Hooked, "a", kwargs={"starting": stubborn})
    began = now()
    assert await system.drain(30.0)
    assert now() - began == pytest.approx(3.0)
    end.set()
    await settle()


async def test_nobody_is_made_during_a_shutdown(system: ActorSystem) -> None:
    await system.spawn(Recorder, "a")
    await system.spawn(Hooked, "b", kwargs={"ending": lambda reason: asyncio.sleep(1)})
    stopping = await begin(system.shutdown())
    with pytest.raises(BadAddress, match="cannot make /a/x: / is being removed"):
        await system.spawn(Recorder, "x", parent="/a")
    assert (await stopping).clean
