"""Watching: one notice of the end of another actor, before all other mail."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aplay_host.kernel import (
    Actor,
    ActorRef,
    ActorSystem,
    DeadLettered,
    NotBound,
    Removed,
    StartFailed,
    Terminated,
)

from .actors import (
    Hooked,
    Recorder,
    Runner,
    begin,
    behaviour,
    cell,
    check_account,
    counts_of,
    fail_with,
    listen,
    settle,
)


class Watcher(Actor):
    """Runs jobs and notes every other message."""

    def __init__(self, seen: list[Any] | None = None) -> None:
        self.seen: list[Any] = [] if seen is None else seen

    async def msg_handler(self, msg: Any) -> Any:
        if callable(msg):
            return await msg(self)
        self.seen.append(msg)
        return None


async def make(system: ActorSystem, **settings: Any) -> tuple[Watcher, ActorRef, ActorRef]:
    """Return a watcher at ``/w``, its ref, and the ref of an actor at ``/b``."""
    watching = await system.spawn(Watcher, "w", **settings)
    return behaviour(system, "/w", Watcher), watching, await system.spawn(Runner, "b")


def terminated(system: ActorSystem, address: str = "/b", reason: str = "removed") -> Terminated:
    return Terminated(system.ref(address).address, reason)


async def test_a_watcher_is_told_once_when_the_actor_was_removed(system: ActorSystem) -> None:
    watcher, ref, b = await make(system)
    watcher.watch(b)
    await b.remove()
    await settle()
    assert watcher.seen == [terminated(system)]
    await system.spawn(Runner, "b")
    await b.remove()
    await settle()
    assert len(watcher.seen) == 1
    assert counts_of(ref.status()) == (1, 1, 0, 0, 0, 0)


@pytest.mark.parametrize("named", ["by ref", "by address"])
async def test_twice_is_once(system: ActorSystem, named: str) -> None:
    watcher, _, b = await make(system)
    watcher.watch(b)
    watcher.watch(b if named == "by ref" else "/b")
    await b.remove()
    await settle()
    assert watcher.seen == [terminated(system)]


async def test_where_nobody_lives_the_notice_comes_at_once(system: ActorSystem) -> None:
    watcher, _, _ = await make(system)
    watcher.watch("/nobody")
    watcher.watch("/nobody")
    await settle()
    assert watcher.seen == [terminated(system, "/nobody", "no_actor")]
    watcher.watch("/nobody")  # again, after the first one was over
    await settle()
    assert len(watcher.seen) == 2


async def test_the_notice_comes_when_the_address_is_free_and_the_removal_was_told(
    system: ActorSystem,
) -> None:
    order: list[str] = []

    class Looking(Actor):
        async def msg_handler(self, msg: Any) -> None:
            order.append(f"{type(msg).__name__} {self.ref(msg.address).state}")
            await self.system.spawn(Runner, "b")

    await system.spawn(Looking, "w")
    b = await system.spawn(Runner, "b")
    system.events.subscribe((Removed,), lambda event: order.append("Removed"))
    behaviour(system, "/w", Looking).watch(b)
    await b.remove()
    await settle()
    assert order == ["Removed", "Terminated removed"]
    assert b.state == "running"


@pytest.mark.parametrize("verb", ["stop", "restart", "fail"])
async def test_stop_restart_and_quarantine_are_not_told(system: ActorSystem, verb: str) -> None:
    watcher, _, _ = await make(system)
    b = await system.spawn(Runner, "c", on_error="restart", budget={"max": 0})
    watcher.watch(b)
    if verb == "fail":
        b.tell_nowait(fail_with(ValueError("no")))
        await settle()
        assert b.state == "failed"
    else:
        await getattr(b, verb)()
    await settle()
    assert watcher.seen == []
    await b.remove()  # the watch has outlived that
    await settle()
    assert watcher.seen == [terminated(system, "/c")]


async def test_children_that_go_with_their_parent_are_told_first(system: ActorSystem) -> None:
    watcher, _, b = await make(system)
    child = await system.spawn(Runner, "child", parent=b)
    watcher.watch(b)
    watcher.watch(child)
    await b.remove()
    await settle()
    assert watcher.seen == [terminated(system, "/b/child"), terminated(system)]


# Before all other mail


async def test_a_notice_comes_before_all_mail_that_waits(system: ActorSystem) -> None:
    """In the middle of a batch too, and several in the order of the ends."""
    watcher, ref, b = await make(system)
    c = await system.spawn(Runner, "c")
    watcher.watch(c)
    watcher.watch(b)

    async def see_them_go(_: object) -> None:
        await b.remove()
        await c.remove()

    for n in range(30):  # batches of 1, 4, 16: the tenth is in the middle of the third
        ref.tell_nowait(see_them_go if n == 9 else n)
    await settle(60)
    others = [n for n in range(30) if n != 9]
    ends = [terminated(system), terminated(system, "/c")]
    assert watcher.seen == [*others[:9], *ends, *others[9:]]
    assert counts_of(ref.status()) == (32, 32, 0, 0, 0, 0)


async def test_a_notice_passes_a_full_mailbox_and_is_never_dropped(system: ActorSystem) -> None:
    watcher, ref, b = await make(system, mailbox={"capacity": 1, "overflow": "drop_oldest"})
    watcher.watch(b)
    await ref.stop()
    ref.tell_nowait(1)
    await b.remove()
    assert ref.status().pending == 2
    ref.tell_nowait(2)
    await ref.human_start()
    await settle()
    assert watcher.seen == [terminated(system), 2]
    assert counts_of(ref.status()) == (3, 2, 0, 1, 0, 0)


async def test_a_notice_does_not_let_a_waiting_sender_in(system: ActorSystem) -> None:
    lengths: list[int] = []

    class Measured(Actor):
        async def msg_handler(self, msg: Any) -> None:
            lengths.append(self.ref().status().pending)

    ref = await system.spawn(Measured, "w", mailbox={"capacity": 1, "overflow": "wait"})
    b = await system.spawn(Runner, "b")
    behaviour(system, "/w", Measured).watch(b)
    await ref.stop()
    tells = [await begin(ref.tell(n)) for n in range(3)]
    await b.remove()
    await ref.human_start()
    await asyncio.gather(*tells)
    await settle()
    assert lengths == [1, 1, 1, 0]


async def test_a_stopped_watcher_gets_its_notice_when_it_goes_on(system: ActorSystem) -> None:
    watcher, ref, b = await make(system)
    watcher.watch(b)
    await ref.stop()
    ref.tell_nowait("mail")
    await b.remove()
    assert watcher.seen == []
    await ref.human_start()
    await settle()
    assert watcher.seen == [terminated(system), "mail"]


async def test_a_notice_that_fails_its_handler_is_a_failed_message(system: ActorSystem) -> None:
    ref = await system.spawn(Runner, "w")
    behaviour(system, "/w", Runner).watch("/nobody")
    await settle()
    assert counts_of(ref.status()) == (1, 0, 1, 0, 0, 0)
    error = ref.status().last_error
    assert error is not None
    assert "Terminated" in error.text


# Unwatch


async def test_after_unwatch_nothing_comes(system: ActorSystem) -> None:
    watcher, _, b = await make(system)
    watcher.watch(b)
    watcher.unwatch("/b")
    watcher.unwatch(b)
    watcher.unwatch("/nobody")
    await b.remove()
    await settle()
    assert watcher.seen == []
    assert system.dead_letters.counts == {}


async def test_after_unwatch_not_even_a_notice_that_waits_already_comes(
    system: ActorSystem,
) -> None:
    letters = listen(system, DeadLettered)
    watcher, ref, b = await make(system)

    async def change_its_mind(actor: Any) -> None:
        actor.watch(b)
        await b.remove()
        assert actor.ref().status().pending == 1
        actor.unwatch(b)

    await ref.ask(change_its_mind)
    await settle()
    assert watcher.seen == []
    assert system.dead_letters.counts == {"unwatched": 1}
    assert letters == []  # a quiet letter: nobody wanted it any more
    assert counts_of(ref.status()) == (2, 1, 0, 1, 0, 0)


async def test_whoever_watches_again_after_unwatch_is_told_once(system: ActorSystem) -> None:
    watcher, ref, b = await make(system)

    async def change_its_mind_twice(actor: Any) -> None:
        actor.watch(b)
        await b.remove()
        actor.unwatch(b)
        actor.watch(b)

    await ref.ask(change_its_mind_twice)
    await settle()
    assert watcher.seen == [terminated(system, reason="no_actor")]


async def test_whoever_lives_at_the_address_next_is_watched_when_one_asks_for_it(
    system: ActorSystem,
) -> None:
    """Also while the notice of the one before still waits."""
    watcher, ref, b = await make(system)

    async def watch_the_next(actor: Any) -> None:
        actor.watch(b)
        await b.remove()
        await system.spawn(Runner, "b")
        actor.watch(b)

    await ref.ask(watch_the_next)
    await settle()
    assert watcher.seen == [terminated(system)]
    await b.remove()
    await settle()
    assert watcher.seen == [terminated(system)] * 2
    assert cell(system, "/w").watching == {}


async def test_unwatch_ends_all_of_that(system: ActorSystem) -> None:
    watcher, ref, b = await make(system)

    async def watch_the_next_and_leave_it(actor: Any) -> None:
        actor.watch(b)
        await b.remove()
        await system.spawn(Runner, "b")
        actor.watch(b)
        actor.unwatch(b)

    await ref.ask(watch_the_next_and_leave_it)
    await b.remove()
    await settle()
    assert watcher.seen == []
    assert system.dead_letters.counts == {"unwatched": 1}


# The end of the watcher


@pytest.mark.parametrize("waits", [False, True], ids=["before", "waiting already"])
async def test_a_watch_ends_with_the_instance_that_made_it(
    system: ActorSystem, waits: bool
) -> None:
    seen: list[Any] = []
    watcher, ref, b = await make(system, kwargs={"seen": seen})

    async def watch_and_see_it_go(actor: Any) -> None:
        actor.watch(b)
        if waits:
            await b.remove()
        actor.ref().restart()

    await ref.ask(watch_and_see_it_go)
    await settle()
    assert behaviour(system, "/w", Watcher) is not watcher
    if not waits:
        await b.remove()
    await settle()
    assert seen == []
    check_account(system)


async def test_a_watcher_that_is_removed_is_told_nothing_and_forgotten(
    system: ActorSystem,
) -> None:
    letters = listen(system, DeadLettered)
    watcher, ref, b = await make(system)
    watcher.watch(b)
    watcher.watch("/nobody")
    await ref.remove()
    assert cell(system, "/b").watchers == {}
    await b.remove()
    assert letters == []
    check_account(system)


async def test_an_init_that_fails_leaves_no_watch(system: ActorSystem) -> None:
    class Wrong(Recorder):
        def __init__(self) -> None:
            self.watch("/b")
            raise ValueError("no")

    await make(system)
    with pytest.raises(ValueError, match="no"):
        await system.spawn(Wrong, "a")
    assert cell(system, "/b").watchers == {}


async def test_a_start_that_fails_leaves_no_watch(system: ActorSystem) -> None:
    async def starting(actor: Any) -> None:
        actor.watch("/b")
        raise ValueError("no")

    await make(system)
    with pytest.raises(StartFailed):
        await system.spawn(Hooked, "a", kwargs={"starting": starting})
    assert cell(system, "/b").watchers == {}


async def test_an_actor_may_watch_itself_in_vain(system: ActorSystem) -> None:
    letters = listen(system, DeadLettered)
    watcher, ref, _ = await make(system)
    watcher.watch(ref)
    await ref.remove()
    await settle()
    assert (watcher.seen, letters) == ([], [])


async def test_a_watch_set_by_init_holds_for_the_actor(system: ActorSystem) -> None:
    class Early(Watcher):
        def __init__(self) -> None:
            super().__init__()
            self.watch("/b")

    b = await system.spawn(Runner, "b")
    await system.spawn(Early, "w")
    await b.remove()
    await settle()
    assert behaviour(system, "/w", Early).seen == [terminated(system)]


async def test_the_end_of_the_system_is_a_reason(system: ActorSystem) -> None:
    """Those made first go last: the watcher still runs when the other one goes."""
    seen: list[Any] = []
    watcher, _, b = await make(system, kwargs={"seen": seen})
    watcher.watch(b)
    await system.shutdown()
    assert seen == [terminated(system, reason="shutdown")]
    check_account(system)


def test_an_actor_made_by_hand_watches_nobody() -> None:
    with pytest.raises(NotBound):
        Recorder().watch("/b")
    with pytest.raises(NotBound):
        Recorder().unwatch("/b")


@pytest.mark.parametrize("wrong", ["", "b", "/b/", "/b c"])
async def test_a_bad_address_is_refused(system: ActorSystem, wrong: str) -> None:
    watcher, _, _ = await make(system)
    with pytest.raises(ValueError, match="address"):
        watcher.watch(wrong)
