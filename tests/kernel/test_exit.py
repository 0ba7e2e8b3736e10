"""The end that an actor says itself, and the one that ``on_error = "stop"`` brings."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aplay_host.kernel import (
    Actor,
    ActorSystem,
    MessageFailed,
    Removed,
    Restarting,
    StartFailed,
    Stopped,
)

from .actors import (
    Diarist,
    Hooked,
    Recorder,
    begin,
    cell,
    check_account,
    counts_of,
    listen,
    now,
    settle,
    states,
)


def leave(error: Exception | None) -> Any:
    """Return a job that exits, and then finishes its message."""

    async def job(actor: Diarist) -> str:
        actor.exit(error)
        await asyncio.sleep(1)
        actor.note("finished")
        return "bye"

    return job


@pytest.mark.parametrize("on_error", ["resume", "stop", "escalate", "restart"])
@pytest.mark.parametrize(
    ("restart", "error", "restarts"),
    [
        ("permanent", None, True),
        ("permanent", ValueError("bad"), True),
        ("transient", None, False),
        ("transient", ValueError("bad"), True),
        ("temporary", None, False),
        ("temporary", ValueError("bad"), False),
    ],
)
async def test_an_exit_by_restart_type(
    system: ActorSystem, restart: str, error: Exception | None, restarts: bool, on_error: str
) -> None:
    """Whatever `on_error` says: that is for errors that the actor did not see coming."""
    diary: list[str] = []
    heard = listen(system, MessageFailed, Restarting, Removed)
    kwargs = {"diary": diary}
    ref = await system.spawn(Diarist, "a", kwargs=kwargs, restart=restart, on_error=on_error)
    asking = await begin(ref.ask(leave(error)))
    ref.tell_nowait("next")
    assert ref.state == ("restarting" if restarts else "stopping")
    assert await asking == "bye"
    assert now() == 1.0
    await asyncio.sleep(1)
    again = ["a stop: restart", "a made", "a start", "a next"]
    assert diary[2:] == ["a finished", *(again if restarts else ["a stop: remove"])]
    told: list[type[Any]] = [MessageFailed] if error is not None else []
    assert [type(event) for event in heard] == [*told, Restarting if restarts else Removed]
    assert states(system) == ({"/a": "running"} if restarts else {})
    assert system.dead_letters.counts == ({} if restarts else {"removed": 1})
    assert system.status().failed == 0  # no message has failed
    check_account(system)


async def test_an_exit_is_charged_to_the_budget(system: ActorSystem) -> None:
    async def quit_(actor: Actor) -> None:
        actor.exit()

    ref = await system.spawn(Hooked, "a")  # without a restart to spend
    ref.tell_nowait(quit_)
    await settle()
    assert ref.state == "failed"


async def test_two_exits_are_one(system: ActorSystem) -> None:
    async def quit_(actor: Actor) -> None:
        actor.exit()
        actor.exit(ValueError("also"))

    heard = listen(system, Restarting)
    ref = await system.spawn(Recorder, "b")
    ref = await system.spawn(Diarist, "a", kwargs={"diary": []})
    ref.tell_nowait(quit_)
    await asyncio.sleep(1)
    assert [event.restarts for event in heard] == [1]


async def test_an_exit_from_on_start_ends_what_has_just_begun(system: ActorSystem) -> None:
    class Leaves(Recorder):
        async def on_start(self) -> None:
            self.exit()

    with pytest.raises(StartFailed):
        await system.spawn(Leaves, "a", restart="transient")
    await settle()
    assert system.tree() == []


async def test_an_exit_after_a_stop_does_nothing(system: ActorSystem) -> None:
    async def quit_(actor: Actor) -> None:
        await asyncio.sleep(1)
        actor.exit()

    ref = await system.spawn(Diarist, "a", kwargs={"diary": []}, restart="transient")
    ref.tell_nowait(quit_)
    await settle()
    await ref.stop()
    assert (ref.state, ref.held) == ("stopped", True)


async def test_an_owned_task_may_end_its_actor(system: ActorSystem) -> None:
    async def quit_(actor: Actor) -> None:
        async def later() -> None:
            await asyncio.sleep(1)
            actor.exit()

        actor.create_task(later())

    ref = await system.spawn(Diarist, "a", kwargs={"diary": []}, restart="transient")
    ref.tell_nowait(quit_)
    await asyncio.sleep(2)
    assert system.tree() == []


# on_error = "stop"


@pytest.mark.parametrize("restart", ["permanent", "transient"])
async def test_the_directive_stop_holds_the_actor_with_its_instance_and_its_mail(
    system: ActorSystem, restart: str
) -> None:
    diary: list[str] = []
    heard = listen(system, Stopped)
    kwargs = {"diary": diary, "children": {"x": {}}}
    ref = await system.spawn(Diarist, "a", kwargs=kwargs, on_error="stop", restart=restart)
    old = cell(system, "/a").behaviour
    diary.clear()
    for message in ("boom", "kept"):
        ref.tell_nowait(message)
    await settle()
    assert diary == ["a boom", "a stop: error"]
    assert [(event.address, event.reason) for event in heard] == [("/a", "error")]
    assert states(system) == {"/a": "stopped", "/a/x": "running"}
    assert ref.held
    assert counts_of(ref.status()) == (2, 0, 1, 0, 1, 0)
    assert cell(system, "/a").behaviour is old


async def test_the_directive_stop_removes_a_temporary_actor(system: ActorSystem) -> None:
    settings = {"on_error": "stop", "restart": "temporary"}
    ref = await system.spawn(Diarist, "a", kwargs={"diary": []}, **settings)
    ref.tell_nowait("boom")
    await settle()
    assert system.tree() == []


async def test_a_stop_by_a_person_holds_a_temporary_actor(system: ActorSystem) -> None:
    ref = await system.spawn(Recorder, "a", restart="temporary")
    await ref.stop()
    assert (ref.state, ref.held) == ("stopped", True)


async def test_each_error_has_the_directive_of_its_class(system: ActorSystem) -> None:
    async def fail(error: Exception) -> None:
        raise error

    words: dict[type[BaseException], str] = {ValueError: "resume", OSError: "restart"}
    ref = await system.spawn(Diarist, "a", kwargs={"diary": []}, on_error=words)
    heard = listen(system, MessageFailed)
    for error in (ValueError(), FileNotFoundError(), KeyError()):
        ref.tell_nowait(lambda _, error=error: fail(error))
    await asyncio.sleep(1)
    assert [event.directive for event in heard] == ["resume", "restart", "resume"]
    assert ref.status().restarts == 1
