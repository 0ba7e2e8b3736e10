"""An exchange is whole or has not happened, whatever fails before it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any

import pytest

from aplay_host.kernel import (
    Actor,
    ActorRef,
    ActorSpec,
    ActorSystem,
    Busy,
    Detached,
    Quiesce,
    Replaced,
    StartFailed,
)
from aplay_host.kernel.exchange import put_in
from aplay_host.kernel.exchange import stage as stage_

from .actors import (
    Recorder,
    begin,
    behaviour,
    check_account,
    forever,
    settle,
    states,
)
from .exchanges import New, Old, exchange, picture, plain, spawn_old, spec_of, stage

# ---- remap


@dataclass(frozen=True)
class Note:
    text: str
    generation: int = 1


def _renew(note: Any) -> Any:
    return replace(note, generation=note.generation + 1) if isinstance(note, Note) else note


async def test_each_waiting_message_is_mapped_once_wherever_it_waits(either: ActorSystem) -> None:
    async def prepare(actor: Actor) -> None:
        actor.send_every(1.0, Note("tick"), key="waiting")
        actor.send_every(10.0, Note("tock"), key="set")
        actor.watch("/b")

    ref, seen = await spawn_old(either, mailbox={"capacity": 3, "overflow": "wait"})
    other, _ = await spawn_old(either, "b")
    await ref.ask(prepare)
    asked_about: list[Any] = []

    def remap(message: Any) -> Any:
        asked_about.append(message)
        return _renew(message)

    async with either.quiesce(["/a"]) as quiet:
        ref.tell_nowait(Note("told"))
        await asyncio.sleep(1.5)
        await other.remove()
        asked = await begin(ref.ask(Note("asked")))
        ref.tell_nowait(Note("last"))
        sending = await begin(ref.tell(Note("no room")))
        asking = await begin(ref.ask(Note("no room to ask")))
        waiting = quiet.cells[0].waiting
        quiet.swap(stage(either, quiet), remap=remap)
        assert sorted(map(repr, asked_about)) == sorted(map(repr, waiting))
    assert await asked == await asking == "new"
    await sending
    await asyncio.sleep(10)
    notes = [msg for _, msg in plain(seen) if isinstance(msg, Note)]
    assert {note.generation for note in notes} == {2}
    assert [note.text for note in notes[:6]] == [
        *("told", "tick", "asked", "last", "no room", "no room to ask"),
    ]
    assert {note.text for note in notes[6:]} == {"tick", "tock"}
    check_account(either)


async def test_a_remap_that_raises_leaves_every_message_as_it_was(system: ActorSystem) -> None:
    first, seen_first = await spawn_old(system, "a")
    second, _ = await spawn_old(system, "b")
    async with system.quiesce(["/a", "/b"]) as quiet:
        note, other = Note("told"), Note("asked")
        first.tell_nowait(note)
        asked = await begin(first.ask(other))
        second.tell_nowait("bad")

        def remap(message: Any) -> Any:
            if message == "bad":
                raise ValueError("no target for it")
            return _renew(message)

        with pytest.raises(ValueError, match="no target"):
            quiet.swap(stage(system, quiet, New, "/a", "/b"), remap=remap)
    await asked
    assert [(word, id(msg)) for word, msg in seen_first] == [("old", id(note)), ("old", id(other))]


# ---- all or nothing


def _faults() -> Iterator[Any]:
    """Name each thing of a user's that runs before the first cell is changed, and let it raise."""

    class Making(New):
        def __new__(cls, *args: Any, **kwargs: Any) -> Making:
            raise RuntimeError("fault")

    class Filling(New):
        def __init__(self, seen: list[Any]) -> None:
            super().__init__(seen)
            self.ref("/a").tell_nowait("said")
            self.send_after(0.1, "said")
            self.create_task(forever())
            raise RuntimeError("fault")

    class Preparing(New):
        async def prepare_children(self) -> None:
            await self.spawn(Recorder, "x")
            raise RuntimeError("fault")

    class Exiting(New):
        def __init__(self, seen: list[Any]) -> None:
            raise SystemExit("fault")

    class Waiting(New):
        async def prepare_children(self) -> None:
            await self.spawn(Recorder, "x")
            await forever()

    for cls in (Making, Filling, Preparing, Exiting, Waiting):
        yield pytest.param(cls, id=cls.__name__)


async def _two_with_mail(system: ActorSystem) -> list[Any]:
    async def prepare(actor: Actor) -> None:
        actor.create_task(forever())
        actor.send_every(3600, "tick")

    seen: list[Any] = []
    for name in ("a", "b"):
        ref = await system.spawn(Old, name, kwargs={"seen": seen})
        await ref.ask(prepare)
    return seen


@pytest.mark.parametrize("cls", list(_faults()))
async def test_a_fault_while_staging_leaves_everything_as_it_was(
    either: ActorSystem, cls: type[Actor]
) -> None:
    seen = await _two_with_mail(either)
    tasks = asyncio.all_tasks()
    async with either.quiesce(["/a", "/b"]) as quiet:
        either.ref("/a").tell_nowait("waiting")
        asked = await begin(either.ref("/b").ask("asked"))
        tasks.add(asked)
        before = picture(either)
        with pytest.raises((RuntimeError, SystemExit, StartFailed)):
            stage(either, quiet, New, "/a") + stage(either, quiet, cls, "/b")
        await settle()
        assert picture(either) == before
        assert either.outbox is None
    assert await asked == "old"
    assert plain(seen) == [("old", "waiting"), ("old", "asked")]
    assert asyncio.all_tasks() <= tasks
    check_account(either)


@pytest.mark.parametrize("fault", ["build", "interceptors", "remap", "foreign", "twice", "started"])
async def test_a_fault_in_what_the_caller_brings_leaves_everything_as_it_was(fault: str) -> None:
    def interceptors(ref: ActorRef, spec: ActorSpec) -> tuple[Any, ...]:
        if fault == "interceptors" and spec.cls is New and ref.name == "b":
            raise RuntimeError("fault")
        return ()

    def raise_fault(_: Any) -> None:
        raise RuntimeError("fault")

    def remap(message: Any) -> Any:
        return raise_fault(message) if message == "last" else message

    async with ActorSystem(interceptors=interceptors) as system:
        await _two_with_mail(system)
        third = await system.spawn(Old, "c", kwargs={"seen": []})
        await third.stop()
        async with system.quiesce(["/c"]) as quiet:
            foreign = stage(system, quiet, New, "/c")
        async with system.quiesce(["/a", "/b", "/c"]) as quiet:
            asked = await begin(system.ref("/a").ask("asked"))
            system.ref("/b").tell_nowait("last")
            staged = [quiet.stage("/c", spec=spec_of(system, "/c", New))]
            if fault == "started":
                await third.human_start()
            before = picture(system)

            def swap_all() -> None:
                build = raise_fault if fault == "build" else None
                spec = spec_of(system, "/b", New)
                more = [*stage(system, quiet, New, "/a"), quiet.stage("/b", spec=spec, build=build)]
                more += foreign if fault == "foreign" else []
                more += stage(system, quiet, New, "/a") if fault == "twice" else []
                quiet.swap([*more, *staged], remap=remap if fault == "remap" else None)

            with pytest.raises((RuntimeError, ValueError, Busy)):
                swap_all()
            assert picture(system) == before
        assert await asked == "old"
        check_account(system)


FIRST_CHANGE = put_in.__code__
"""From where on nothing can be undone, and nothing need be."""


class Tripwire:
    """Raises at the n-th line that the kernel's exchange runs, up to the first change."""

    def __init__(self, line: int) -> None:
        self.lines_left = line
        self.files = {stage_.__code__.co_filename, Quiesce.swap.__code__.co_filename}
        self.is_over = False

    def __call__(self, frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code is FIRST_CHANGE:
            self.is_over = True
        if self.is_over or frame.f_code.co_filename not in self.files:
            return None
        if event == "line":
            self.lines_left -= 1
            if self.lines_left < 0:
                self.is_over = True
                raise RuntimeError("fault")
        return self


async def test_a_fault_at_any_line_before_the_first_change_leaves_everything_as_it_was() -> None:
    line, is_whole = 0, False
    while not is_whole:
        async with ActorSystem() as system:
            await _two_with_mail(system)
            async with system.quiesce(["/a", "/b"]) as quiet:
                for name in ("a", "b"):
                    system.ref(f"/{name}").tell_nowait("waiting")
                asked = await begin(system.ref("/a").ask("asked"))
                before = picture(system)
                specs = {address: spec_of(system, address, New) for address in ("/a", "/b")}
                tracer, wire = sys.gettrace(), Tripwire(line)
                sys.settrace(wire)
                try:
                    staged = [quiet.stage(one, spec=spec) for one, spec in specs.items()]
                    quiet.swap(staged, remap=_renew)
                    is_whole = True
                except RuntimeError:
                    is_whole = False
                finally:
                    sys.settrace(tracer)
                assert (picture(system) == before) is not is_whole, line
            assert await asked == ("new" if is_whole else "old")
            check_account(system)
        line += 1
    assert line > 80


async def test_a_timer_key_that_cannot_be_one_is_refused_while_staging(
    system: ActorSystem,
) -> None:
    class Keyed(New):
        def __init__(self, seen: list[Any]) -> None:
            super().__init__(seen)
            self.send_after(1, "tick", key=[])  # type: ignore[arg-type]

    await spawn_old(system)
    async with system.quiesce(["/a"]) as quiet:
        with pytest.raises(TypeError, match="unhashable"):
            stage(system, quiet, Keyed)


async def test_a_class_that_forbids_attributes_can_be_exchanged(system: ActorSystem) -> None:
    class Frozen(Old):
        def __setattr__(self, name: str, value: object) -> None:
            if name not in ("_cell", "seen"):
                raise AttributeError(name)
            super().__setattr__(name, value)

    ref = await system.spawn(Frozen, "a", kwargs={"seen": []})
    old = behaviour(system, "/a", Frozen)
    await exchange(system)
    assert await ref.ask("hello") == "new"
    with pytest.raises(Detached):
        old.exit()


async def test_a_subscriber_that_raises_or_removes_cannot_disturb_a_swap(
    system: ActorSystem,
) -> None:
    first, _ = await spawn_old(system, "a")
    second, _ = await spawn_old(system, "b")

    def meddle(event: Any) -> None:
        second.remove()
        raise RuntimeError("broken")

    system.events.subscribe((Replaced,), meddle)
    await exchange(system, New, "/a", "/b")
    await second.remove()
    assert await first.ask("hello") == "new"
    assert list(states(system)) == ["/a"]
    check_account(system)


async def test_an_actor_removed_between_staging_and_swap_is_left_out(system: ActorSystem) -> None:
    class Working(New):
        def __init__(self, seen: list[Any]) -> None:
            super().__init__(seen)
            self.create_task(forever(), name="work")

        async def prepare_children(self) -> None:
            await self.spawn(Recorder, "x")

    first, _ = await spawn_old(system, "a")
    second, _ = await spawn_old(system, "b")
    async with system.quiesce(["/a", "/b"]) as quiet:
        staged = stage(system, quiet, Working, "/b") + stage(system, quiet, New, "/a")
        await second.remove()
        quiet.swap(staged)
    assert await first.ask("hello") == "new"
    assert list(states(system)) == ["/a"]
    assert [task for task in asyncio.all_tasks() if "work" in task.get_name()] == []
