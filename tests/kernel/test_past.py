"""What a status tells of an actor's failures, its last stop, and the restart under way."""

from __future__ import annotations

import asyncio
from typing import Any

from aplay_host.kernel import Actor, ActorStatus, ActorSystem

from .actors import EVEN, Recorder, settle
from .stage import Stage


def past(status: ActorStatus) -> tuple[Any, ...]:
    return status.history, status.restarted_at, status.pause, status.fails


class Crasher(Actor):
    """Fails with each message, saying which."""

    async def msg_handler(self, msg: Any) -> None:
        raise ValueError(f"number {msg}")


async def test_an_actor_that_never_failed_has_no_past(system: ActorSystem) -> None:
    ref = await system.spawn(Recorder, "a")
    assert past(ref.status()) == ((), (), None, False)


async def test_the_newest_ten_failures_are_kept_the_oldest_first(system: ActorSystem) -> None:
    ref = await system.spawn(Crasher, "a")
    for number in range(12):
        ref.tell_nowait(number)
    await settle()
    status = ref.status()
    assert [failure.text for failure in status.history] == [
        f"number {number}" for number in range(2, 12)
    ]
    assert status.last_error == status.history[-1]


async def test_the_reason_of_a_stop_is_what_on_stop_is_told(system: ActorSystem) -> None:
    ref = await system.spawn(Crasher, "a", on_error="stop")
    ref.tell_nowait(1)
    await settle()
    assert (ref.held, ref.status().reason) == (True, "error")
    await ref.human_start()
    await ref.stop()
    assert (ref.held, ref.status().reason) == (True, "stop")


async def test_a_restart_tells_its_pause_and_those_that_count(system: ActorSystem) -> None:
    ref = await system.spawn(Crasher, "a", on_error="restart", backoff=EVEN | {"initial": 9.0})
    began = system.now()
    ref.tell_nowait(1)
    await settle()
    assert past(ref.status())[1:] == ((began,), 9.0, False)
    await asyncio.sleep(9.1)
    assert ref.state == "running"
    assert ref.status().pause is None


async def test_a_child_that_restarts_with_its_parent_has_no_pause_of_its_own(
    system: ActorSystem,
) -> None:
    top = await system.spawn(Crasher, "top", on_error="restart", backoff=EVEN | {"initial": 9.0})
    child = await system.spawn(Crasher, "child", parent=top)
    top.tell_nowait(1)
    await settle()
    assert (child.state, past(child.status())) == ("restarting", ((), (), None, False))


async def test_an_actor_that_is_about_to_be_failed_says_so_while_its_instance_ends(
    system: ActorSystem,
) -> None:
    stage = Stage(system)
    await stage.spawn(on_error="restart", budget={"max": 0})
    stage.may_stop.clear()
    stage.ref.tell_nowait("raise")
    await settle()
    assert (stage.ref.state, stage.ref.status().fails) == ("restarting", True)
    await stage.finish()
    assert (stage.ref.state, stage.ref.status().fails) == ("failed", False)
