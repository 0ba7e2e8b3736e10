"""`prepare_children` and `prepare_mailbox`: before `on_start`, once for each instance."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aplay_host.kernel import (
    Abandoned,
    Actor,
    ActorRef,
    ActorSystem,
    MessageFailed,
    Quarantined,
    Started,
    StartFailed,
)

from .actors import (
    EVEN,
    Recorder,
    begin,
    cell,
    check_account,
    forever,
    ignore_cancels,
    listen,
    now,
    settle,
    states,
    timers,
)

HOOKS = ("prepare_children", "prepare_mailbox", "on_start")


class Prepared(Actor):
    """Notes its hooks; each may `fail` or take its `time`, by name, once."""

    def __init__(
        self,
        log: list[str],
        fails: set[str] | None = None,
        times: dict[str, float] | None = None,
    ) -> None:
        self.diary, self.fails, self.times = log, fails or set(), times or {}
        log.append("init")

    async def prepare_children(self) -> None:
        await self._step("prepare_children")
        await self.spawn(Recorder, "child")

    async def prepare_mailbox(self) -> None:
        await self._step("prepare_mailbox")

    async def on_start(self) -> None:
        await self._step("on_start")

    async def msg_handler(self, msg: Any) -> Any:
        self.diary.append(f"msg {msg}")

    async def on_stop(self, reason: str) -> None:
        self.diary.append(f"on_stop {reason}")

    async def _step(self, name: str) -> None:
        self.diary.append(f"{name} {self.state}")
        await asyncio.sleep(self.times.get(name, 0))
        if name in self.fails:
            self.fails.discard(name)
            raise ValueError(name)


STARTED = [f"{hook} starting" for hook in HOOKS]


async def spawn_prepared(system: ActorSystem, log: list[str], **settings: Any) -> ActorRef:
    kwargs = {"log": log, **settings.pop("kwargs", {})}
    return await system.spawn(Prepared, "a", kwargs=kwargs, backoff=EVEN, **settings)


async def test_the_hooks_of_a_start_run_in_order_and_then_the_mail_comes(
    system: ActorSystem,
) -> None:
    log: list[str] = []
    system.events.subscribe((Started,), lambda event: log.append(f"Started {event.address}"))
    spawning = await begin(spawn_prepared(system, log, kwargs={"times": dict.fromkeys(HOOKS, 1)}))
    ref = system.ref("/a")
    ref.tell_nowait("early")
    await spawning
    await settle()
    assert log == [
        "init",
        "prepare_children starting",
        "Started /a/child",
        "prepare_mailbox starting",
        "on_start starting",
        "Started /a",
        "msg early",
    ]
    assert now() == 3.0


async def test_stop_and_start_repeat_only_on_start(system: ActorSystem) -> None:
    log: list[str] = []
    ref = await spawn_prepared(system, log)
    log.clear()
    for _ in range(2):
        await ref.stop()
        await ref.human_start()
    assert log == ["on_stop stop", "on_start starting"] * 2
    assert system.ref("/a/child").state == "running"


async def test_a_new_instance_prepares_again_and_adopts_its_child(system: ActorSystem) -> None:
    log: list[str] = []
    ref = await spawn_prepared(system, log)
    child = system.ref("/a/child")
    await child.ask("before")
    log.clear()
    await ref.restart()
    assert log == ["on_stop restart", "init", *STARTED]
    assert child.status().handled == 1
    assert child.status().restarts == 1


@pytest.mark.parametrize("hook", HOOKS)
async def test_an_error_is_a_failed_start_that_leaves_nothing(
    system: ActorSystem, hook: str
) -> None:
    log: list[str] = []
    heard = listen(system, MessageFailed, Started)
    with pytest.raises(StartFailed, match=f"ValueError: {hook}"):
        await spawn_prepared(system, log, kwargs={"fails": {hook}})
    ref = system.ref("/a")
    assert ref.state == "restarting"
    assert cell(system, "/a").behaviour is None
    assert system.ref("/a/child").state == "removed"
    assert log == ["init", *STARTED[: HOOKS.index(hook) + 1]]  # and no on_stop
    (failure,) = [event for event in heard if isinstance(event, MessageFailed)]
    assert (failure.message_type, failure.directive) == (None, "restart")
    log.clear()
    await asyncio.sleep(0.2)  # the pause before the next try
    await settle()
    assert log == ["init", *STARTED]
    assert states(system) == {"/a": "running", "/a/child": "running"}
    check_account(system)


async def test_a_start_that_fails_for_ever_ends_in_quarantine(system: ActorSystem) -> None:
    class Never(Actor):
        async def prepare_mailbox(self) -> None:
            raise ValueError("never")

    heard = listen(system, Quarantined)
    with pytest.raises(StartFailed):
        await system.spawn(Never, "a", backoff=EVEN)
    await asyncio.sleep(30)
    assert system.ref("/a").state == "failed"
    (event,) = heard
    assert [failure.text for failure in event.history] == ["never"] * 6


async def test_the_hooks_of_a_start_share_its_time(system: ActorSystem) -> None:
    log: list[str] = []
    times = {"prepare_children": 4.0, "prepare_mailbox": 4.0, "on_start": 4.0}
    with pytest.raises(StartFailed, match="TimeoutError: it took longer than 2 s"):
        await spawn_prepared(
            system, log, kwargs={"times": times}, start_timeout=10.0, budget={"max": 0}
        )
    assert now() == pytest.approx(9.8)  # the last tenth of what was left is for ending
    assert system.ref("/a").state == "failed"
    assert system.ref("/a/child").state == "removed"


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("verb", ["stop", "remove"])
async def test_a_verb_cuts_any_of_them_and_that_is_no_failure(
    system: ActorSystem, verb: str, hook: str
) -> None:
    log: list[str] = []
    heard = listen(system, MessageFailed, Started)
    spawning = await begin(spawn_prepared(system, log, kwargs={"times": {hook: 3600.0}}))
    ref = system.ref("/a")
    await getattr(ref, verb)()
    with pytest.raises(StartFailed, match=f"it is {ref.state}"):
        await spawning
    assert now() == 0.0
    assert [event for event in heard if event.address == "/a"] == []
    assert system.ref("/a/child").state == "removed"
    if verb == "stop":
        log.clear()
        starting = await begin(_wait(ref))
        assert log[:2] == ["init", "prepare_children starting"]  # it begins at the beginning
        await ref.remove()
        await asyncio.gather(starting, return_exceptions=True)


@pytest.mark.parametrize("turns", range(12))
@pytest.mark.parametrize("verb", ["stop", "remove", "shutdown"])
async def test_a_verb_between_two_of_them_begins_no_other(
    system: ActorSystem, verb: str, turns: int
) -> None:
    """However many turns of the loop after the end of the first one it comes."""
    log: list[str] = []
    may_go_on = asyncio.Event()

    class Waiting(Prepared):
        async def prepare_children(self) -> None:
            await may_go_on.wait()

    kwargs: dict[str, Any] = {"log": log, "times": {"on_start": 3600.0}}
    spawning = await begin(system.spawn(Waiting, "a", kwargs=kwargs, start_timeout=7200.0))
    may_go_on.set()
    await settle(turns)
    if verb == "shutdown":
        await system.shutdown()
    else:
        await getattr(system.ref("/a"), verb)()
    assert now() == 0.0
    await asyncio.gather(spawning, return_exceptions=True)
    check_account(system)


async def _wait(ref: ActorRef) -> None:
    await ref.human_start()


@pytest.mark.parametrize("hook", HOOKS[:2])
async def test_one_that_ignores_its_end_is_abandoned_and_named(
    system: ActorSystem, hook: str
) -> None:
    end = asyncio.Event()
    heard = listen(system, Abandoned)

    async def stubborn(self: Actor) -> None:
        await ignore_cancels(end)

    cls = type("Stubborn", (Actor,), {hook: stubborn})
    with pytest.raises(StartFailed):
        await system.spawn(cls, "a", start_timeout=2.0, budget={"max": 0})
    assert [event.task for event in heard] == [f"/a {hook}"]
    assert now() == 2.0
    end.set()
    await settle()
    assert system.ref("/a").state == "failed"


async def test_what_a_failed_start_began_is_ended(system: ActorSystem) -> None:
    class Begins(Actor):
        async def prepare_children(self) -> None:
            self.create_task(forever())
            self.send_every(1, "tick")
            self.watch("/other")
            await self.spawn(Recorder, "one")
            await self.spawn(Recorder, "two")

        async def prepare_mailbox(self) -> None:
            raise ValueError("no")

    await system.spawn(Recorder, "other")
    with pytest.raises(StartFailed):
        await system.spawn(Begins, "a", budget={"max": 0})
    await settle()
    assert [status.address for status in system.tree()] == ["/other", "/a"]
    assert cell(system, "/other").watchers == {}
    assert timers() == []
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("/")] == []


async def test_a_class_with_one_of_them_starts_in_a_task(system: ActorSystem) -> None:
    """Whichever it is: none of them is skipped, and none is run where there is none."""
    for hook in HOOKS:
        ran: list[str] = []

        async def note(self: Actor, ran: list[str] = ran, hook: str = hook) -> None:
            ran.append(hook)

        await system.spawn(type("One", (Actor,), {hook: note}), f"with_{hook}")
        assert ran == [hook]
