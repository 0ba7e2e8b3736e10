"""Nothing leaks: between systems, from senders into handlers, from actors into the loop."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextvars import ContextVar
from typing import Any

import pytest

from aplay_host.kernel import Actor, ActorSystem

from .actors import Hooked, Recorder, Runner, check_account, counts_of, fail_with, listen, settle

COLOUR: ContextVar[str] = ContextVar("COLOUR", default="none")


async def test_two_systems_live_side_by_side_and_know_nothing_of_each_other() -> None:
    async with ActorSystem("one") as one, ActorSystem("two") as two:
        heard = listen(two)
        seen: dict[str, list[Any]] = {"one": [], "two": []}
        refs = {
            system.name: await system.spawn(Recorder, "a", kwargs={"seen": seen[system.name]})
            for system in (one, two)
        }
        assert refs["one"] != refs["two"]
        refs["one"].tell_nowait(1)
        refs["two"].tell_nowait(2)
        await settle()
        assert seen == {"one": [1], "two": [2]}
        one.ref("/nobody").tell_nowait("letter")
        await one.shutdown()
        assert len(two.dead_letters) == 0
        assert refs["two"].state == "running"
        assert await refs["two"].ask(3) == 3
        assert [event.address for event in heard] == ["/a"]
        assert counts_of(two.status()) == (2, 2, 0, 0, 0, 0)


async def test_actors_of_two_systems_may_talk() -> None:
    async with ActorSystem("one") as one, ActorSystem("two") as two:
        other = await two.spawn(Recorder, "a")

        async def ask_over(_: Actor) -> Any:
            return await other.ask("over there")

        ref = await one.spawn(Runner, "a")
        assert await ref.ask(ask_over) == "over there"
        check_account(one)
        check_account(two)


async def test_a_system_ends_with_the_error_of_its_own_actor_only() -> None:
    async def exit_from(system: ActorSystem) -> None:
        async with system:
            ref = await system.spawn(Runner, "a")
            ref.tell_nowait(fail_with(SystemExit(1)))
            await settle()

    async with ActorSystem("two") as two:
        with pytest.raises(SystemExit):
            await exit_from(ActorSystem("one"))
        assert two.fatal is None
        assert not two.stopping


async def test_the_senders_context_variables_reach_no_handler(system: ActorSystem) -> None:
    async def look(_: Actor) -> str:
        return COLOUR.get()

    seen: list[str] = []

    async def note(_: object) -> None:
        seen.append(COLOUR.get())

    COLOUR.set("red")
    ref = await system.spawn(Hooked, "a", kwargs={"starting": note, "ending": note})
    assert await ref.ask(look) == "none"
    ref.tell_nowait(note)
    await ref.tell(note)
    await settle()
    await ref.stop()
    assert seen == ["none"] * 4


async def test_an_owned_task_sees_the_systems_context_not_that_of_the_handler(
    system: ActorSystem,
) -> None:
    seen: list[str] = []

    async def note() -> None:
        seen.append(COLOUR.get())

    async def work(actor: Actor) -> None:
        COLOUR.set("green")
        await actor.create_task(note())

    ref = await system.spawn(Runner, "a")
    await ref.ask(work)
    assert seen == ["none"]
    assert COLOUR.get() == "none"


async def test_handlers_see_the_context_in_which_the_system_was_opened() -> None:
    async def look(_: Actor) -> str:
        return COLOUR.get()

    COLOUR.set("blue")
    async with ActorSystem() as system:
        COLOUR.set("red")
        ref = await system.spawn(Runner, "a")
        assert await ref.ask(look) == "blue"


async def test_variables_of_one_actor_reach_no_other(system: ActorSystem) -> None:
    async def look(_: Actor) -> str:
        return COLOUR.get()

    async def set_and_ask(actor: Actor) -> str:
        COLOUR.set("green")
        return str(await actor.ref("/b").ask(look))

    await system.spawn(Runner, "b")
    ref = await system.spawn(Runner, "a")
    assert await ref.ask(set_and_ask) == "none"


async def test_a_handlers_time_out_and_task_group_work_as_everywhere(
    system: ActorSystem,
) -> None:
    async def work(_: Actor) -> list[int]:
        done: list[int] = []

        async def part(n: int) -> None:
            await asyncio.sleep(n)
            done.append(n)

        async with asyncio.TaskGroup() as group:
            for n in (2, 1):
                group.create_task(part(n))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await asyncio.sleep(2)
        return done

    ref = await system.spawn(Runner, "a")
    assert await ref.ask(work) == [1, 2]
    ref.tell_nowait(work)
    await asyncio.sleep(5)
    assert counts_of(ref.status()) == (2, 2, 0, 0, 0, 0)


def test_the_kernel_loads_no_third_party_module() -> None:
    code = """
import sys
before = set(sys.modules)
import aplay_host.kernel
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(loaded - sys.stdlib_module_names - {"aplay_host"}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
