"""A stop takes no longer than it may: every deadline, exactly, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from aplay_host.kernel import (
    Abandoned,
    Actor,
    ActorRef,
    ActorSystem,
)

from .actors import (
    Hooked,
    Runner,
    cell,
    check_account,
    counts_of,
    forever,
    ignore_cancels,
    listen,
    now,
    settle,
)


@dataclass(frozen=True)
class Late:
    """Which parts of an actor take for ever: giving way to a cancellation, or ignoring it."""

    hand: str = ""
    task: str = ""
    hook: str = ""
    seconds: float = 0.0
    abandoned: tuple[str, ...] = ()


LATE = [
    Late(seconds=0.0),
    Late(hand="yields", seconds=4.0),
    Late(hand="ignores", seconds=4.5, abandoned=("/a",)),
    Late(task="yields", seconds=0.0),
    Late(task="ignores", seconds=0.5, abandoned=("/a task",)),
    Late(hook="yields", seconds=4.5),
    Late(hook="ignores", seconds=5.0, abandoned=("/a on_stop",)),
    Late(hand="yields", hook="yields", seconds=4.9),
    Late(hand="yields", task="ignores", seconds=4.1, abandoned=("/a task",)),
    Late(hand="ignores", task="ignores", seconds=4.55, abandoned=("/a", "/a task")),
    Late("ignores", "ignores", "ignores", 5.0, ("/a", "/a task", "/a on_stop")),
]


async def make_late(system: ActorSystem, late: Late, end: asyncio.Event) -> ActorRef:
    """Spawn ``/a`` so that the parts of it named by `late` never end by themselves."""

    def part(kind: str) -> Callable[[object], Awaitable[None]]:
        async def yields(_: object) -> None:
            await forever()

        async def ignores(_: object) -> None:
            await ignore_cancels(end)

        async def quick(_: object) -> None: ...

        return {"yields": yields, "ignores": ignores}.get(kind, quick)

    async def task() -> None:
        await part(late.task)(None)

    async def starting(actor: Actor) -> None:
        actor.create_task(task())

    kwargs = {"starting": starting, "ending": part(late.hook)}
    ref = await system.spawn(Hooked, "a", kwargs=kwargs)
    if late.hand:
        ref.tell_nowait(part(late.hand))
    await settle()
    return ref


@pytest.mark.parametrize("verb", ["stop", "remove"])
@pytest.mark.parametrize("late", LATE, ids=lambda late: f"{late.hand}-{late.task}-{late.hook}")
async def test_a_stop_takes_no_longer_than_its_five_seconds(
    system: ActorSystem, late: Late, verb: str
) -> None:
    end = asyncio.Event()
    heard: list[str] = []
    system.events.subscribe((Abandoned,), lambda event: heard.append(event.task))
    ref = await make_late(system, late, end)
    await getattr(ref, verb)()
    assert now() == pytest.approx(late.seconds, abs=1e-9)
    assert tuple(heard) == late.abandoned
    check_account(system)
    assert system.status().failed == bool(late.hand)
    assert system.status().in_hand == 0
    end.set()
    await settle()
    check_account(system)


async def test_the_deadlines_of_parent_and_child_add_up(system: ActorSystem) -> None:
    end = asyncio.Event()
    late = Late("ignores", "ignores", "ignores")
    ref = await make_late(system, late, end)

    async def ending(_: object) -> None:
        await ignore_cancels(end)

    await system.spawn(Hooked, "b", parent=ref, kwargs={"ending": ending}, stop_timeout=2.0)
    await ref.remove()
    assert now() == pytest.approx(7.0)
    end.set()
    await settle()


async def test_an_actor_may_have_a_stop_timeout_of_its_own(system: ActorSystem) -> None:
    ref = await system.spawn(Runner, "a", stop_timeout=10.0)
    ref.tell_nowait(forever)
    await settle()
    await ref.stop()
    assert now() == 8.0


async def test_a_message_in_hand_that_ends_in_time_is_handled(system: ActorSystem) -> None:
    async def three_seconds(_: Actor) -> None:
        await asyncio.sleep(3)

    ref = await system.spawn(Runner, "a")
    ref.tell_nowait(three_seconds)
    await settle()
    await ref.stop()
    assert now() == 3.0
    assert counts_of(ref.status()) == (1, 1, 0, 0, 0, 0)


async def test_an_abandoned_handler_is_named_with_its_line_and_counts_once(
    system: ActorSystem,
) -> None:
    end = asyncio.Event()
    heard = listen(system, Abandoned)
    ref = await system.spawn(Runner, "a", max_tasks=2)

    async def stubborn(_: Actor) -> None:
        await ignore_cancels(end)
        raise ValueError("its late result")

    ref.tell_nowait(stubborn)
    await settle()
    await ref.stop()
    (event,) = heard
    assert (event.address, event.task) == ("/a", "/a")
    assert "actors.py:" in event.line
    assert event.line.endswith("in ignore_cancels")
    assert counts_of(ref.status()) == (1, 0, 1, 0, 0, 0)
    assert cell(system, "/a").hands == ()
    await ref.human_start()
    assert await ref.ask(recall) == "alive"
    end.set()
    await settle()
    assert counts_of(ref.status()) == (2, 1, 1, 0, 0, 0)


async def recall(_: Actor) -> str:
    return "alive"
