"""Removing: whole families, in order, and the address is free again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aplay_host.kernel import (
    Actor,
    ActorStopped,
    ActorSystem,
    BadAddress,
    NameTaken,
    Removed,
)

from .actors import (
    Hooked,
    Recorder,
    Runner,
    begin,
    counts_of,
    fail_with,
    forever,
    listen,
    settle,
)


async def family(system: ActorSystem, log: list[str]) -> None:
    def note(name: str) -> Any:
        async def ending(reason: str) -> None:
            log.append(f"{name} {reason}")

        return ending

    for parent, name in (("/", "p"), ("/p", "a"), ("/p", "b"), ("/p/a", "x"), ("/p", "c")):
        await system.spawn(Hooked, name, parent=parent, kwargs={"ending": note(name)})


async def test_a_removal_goes_children_first_and_last_made_first(system: ActorSystem) -> None:
    log: list[str] = []
    await family(system, log)
    heard = listen(system, Removed)
    await system.ref("/p").remove()
    assert log == ["c remove", "b remove", "x remove", "a remove", "p remove"]
    assert [event.address for event in heard] == ["/p/c", "/p/b", "/p/a/x", "/p/a", "/p"]
    assert system.tree() == []


async def test_a_parents_message_in_hand_ends_before_its_children_go(system: ActorSystem) -> None:
    log: list[str] = []
    await family(system, log)
    ref = system.ref("/p")

    async def work(actor: Actor) -> None:
        await asyncio.sleep(1)
        log.append(f"children at work: {sorted(actor.children)}")

    ref.tell_nowait(work)
    await settle()
    await ref.remove()
    assert log[0] == "children at work: ['a', 'b', 'c']"


async def test_a_stop_leaves_the_children_running(system: ActorSystem) -> None:
    log: list[str] = []
    await family(system, log)
    await system.ref("/p").stop()
    assert log == ["p stop"]
    assert {ref.address: ref.state for ref in system.select("/p/**")} == {
        "/p": "stopped",
        "/p/a": "running",
        "/p/a/x": "running",
        "/p/b": "running",
        "/p/c": "running",
    }


async def test_nobody_is_born_below_an_actor_that_goes(system: ActorSystem) -> None:
    outcome: list[object] = []

    async def have_a_child(actor: Actor) -> None:
        actor.ref().remove()
        try:
            await actor.spawn(Recorder, "child")
        except BadAddress as error:
            outcome.append(str(error))

    ref = await system.spawn(Runner, "a")
    ref.tell_nowait(have_a_child)
    await settle()
    assert outcome == ["cannot make /a/child: /a is being removed"]
    assert system.tree() == []


async def test_an_address_is_free_again_after_a_removal_and_refs_follow(
    system: ActorSystem,
) -> None:
    seen: list[Any] = []
    old = await system.spawn(Recorder, "a")
    with pytest.raises(NameTaken, match="/a exists already"):
        await system.spawn(Recorder, "a")
    removing = old.remove()
    with pytest.raises(NameTaken):
        await system.spawn(Recorder, "a")
    await removing
    new = await system.spawn(Recorder, "a", kwargs={"seen": seen})
    assert old == new
    assert hash(old) == hash(new)
    old.tell_nowait("through the old ref")
    await settle()
    assert seen == ["through the old ref"]
    assert old.state == "running"
    assert old.status() == new.status()
    await old.remove()
    assert new.state == "removed"
    assert system.tree() == []


async def test_refs_of_two_addresses_differ(system: ActorSystem) -> None:
    assert system.ref("/a") == system.ref("/a")
    assert system.ref("/a") != system.ref("/b")
    assert system.ref("/a") != "/a"
    assert len({system.ref("/a"), system.ref("/a"), system.ref("/b")}) == 2


async def test_status_is_asked_of_the_living(system: ActorSystem) -> None:
    with pytest.raises(ActorStopped, match="/a cannot answer: no actor lives there"):
        system.ref("/a").status()


@pytest.mark.parametrize("verb", ["stop", "remove"])
async def test_a_verb_through_an_old_ref_reaches_who_lives_there_now(
    system: ActorSystem, verb: str
) -> None:
    old = await system.spawn(Recorder, "a")
    await old.remove()
    new = await system.spawn(Recorder, "a")
    await getattr(old, verb)()
    assert new.state == ("stopped" if verb == "stop" else "removed")


async def test_the_first_reason_of_a_removal_holds(system: ActorSystem) -> None:
    heard = listen(system, Removed)
    ref = await system.spawn(Hooked, "a", kwargs={"ending": forever})
    removing = ref.remove()
    stopping = await begin(system.shutdown())
    ref.tell_nowait("late")
    await removing
    await stopping
    assert [event.reason for event in heard] == ["removed"]
    assert system.dead_letters.counts == {"removed": 1}


async def test_mail_for_one_that_goes_is_dead_at_once_and_what_waited_at_the_end(
    system: ActorSystem,
) -> None:
    ref = await system.spawn(Runner, "a")
    ref.tell_nowait(forever)
    await settle()
    ref.tell_nowait("waiting")
    removing = ref.remove()
    ref.tell_nowait("late")
    assert [letter.message for letter in system.dead_letters] == ["late"]
    await removing
    assert [letter.message for letter in system.dead_letters] == ["late", "waiting"]


async def test_removing_the_root_ends_the_whole_tree_and_the_sums_stay_true() -> None:
    log: list[str] = []
    async with ActorSystem() as system:
        await family(system, log)
        system.ref("/p/b").tell_nowait(fail_with(ValueError("no")))
        system.ref("/").tell_nowait("nobody knows this message")
        await settle()
        before = counts_of(system.status())
        await system.ref("/").remove()
        assert len(log) == 5
        assert system.tree() == []
        assert counts_of(system.status()) == before == (2, 0, 2, 0, 0, 0)
        with pytest.raises(BadAddress, match="parent /: no actor lives there"):
            await system.spawn(Recorder, "late")


async def test_stopping_the_root_stops_nothing_else(system: ActorSystem) -> None:
    await system.ref("/").stop()
    ref = await system.spawn(Recorder, "a")
    assert await ref.ask(1) == 1
