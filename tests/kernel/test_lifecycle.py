"""Every verb in every state, and what an actor does with mail in each of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from aplay_host.kernel import (
    Actor,
    ActorStopped,
    ActorSystem,
    StartFailed,
    StartRefused,
)

from .actors import (
    Gate,
    Runner,
    begin,
    behaviour,
    check_account,
    counts_of,
    listen,
    now,
    settle,
)
from .stage import Stage


@pytest.fixture
def stage(system: ActorSystem) -> Stage:
    return Stage(system)


# The verbs


@dataclass(frozen=True)
class Row:
    """What a verb does in a state: the state at once, at the end, and what the hooks do then."""

    verb: str
    state: str
    at_once: str
    end: str
    hooks: tuple[str, ...] = ()
    held: bool = False
    told: type[Any] | None = None
    """An event of the verb itself."""
    error: type[Exception] | None = None
    """What awaiting the verb raises."""


FROM_NEW = ("made", "start")
ANEW = ("stop: restart", "made", "start")
TABLE = [
    Row("start", "new", "new", "running", FROM_NEW),
    Row("start", "starting", "starting", "running"),
    Row("start", "running", "running", "running"),
    Row("start", "paused", "paused", "paused"),
    Row("start", "restarting", "restarting", "running", FROM_NEW),
    Row("start", "stopping", "stopping", "stopped", (), True, StartRefused, StartFailed),
    Row("start", "stopped", "stopped", "stopped", (), True, StartRefused, StartFailed),
    Row("start", "failed", "failed", "running", FROM_NEW),
    Row("human_start", "new", "new", "running", FROM_NEW),
    Row("human_start", "starting", "starting", "running"),
    Row("human_start", "running", "running", "running"),
    Row("human_start", "paused", "paused", "paused"),
    Row("human_start", "restarting", "restarting", "running", FROM_NEW),
    Row("human_start", "stopping", "stopping", "running", ("start",)),
    Row("human_start", "stopped", "stopped", "running", ("start",)),
    Row("human_start", "failed", "failed", "running", FROM_NEW),
    Row("stop", "new", "stopped", "stopped", (), True),
    Row("stop", "starting", "stopping", "stopped", (), True),
    Row("stop", "running", "stopping", "stopped", ("stop: stop",), True),
    Row("stop", "paused", "stopping", "stopped", ("stop: stop",), True),
    Row("stop", "restarting", "stopping", "stopped", (), True),
    Row("stop", "stopping", "stopping", "stopped", (), True),
    Row("stop", "stopped", "stopped", "stopped", (), True),
    Row("stop", "failed", "stopped", "stopped", (), True),
    Row("stop", "removed", "removed", "removed"),
    Row("restart", "new", "new", "running", FROM_NEW),
    Row("restart", "starting", "starting", "running"),
    Row("restart", "running", "restarting", "running", ANEW),
    Row("restart", "paused", "restarting", "running", ANEW),
    Row("restart", "restarting", "restarting", "running", FROM_NEW),
    Row("restart", "stopping", "stopping", "stopped", (), True, StartRefused, StartFailed),
    Row("restart", "stopped", "stopped", "stopped", (), True, StartRefused, StartFailed),
    Row("restart", "failed", "failed", "running", FROM_NEW),
    Row("remove", "new", "new", "removed"),
    Row("remove", "starting", "stopping", "removed"),
    Row("remove", "running", "stopping", "removed", ("stop: remove",)),
    Row("remove", "paused", "stopping", "removed", ("stop: remove",)),
    Row("remove", "restarting", "stopping", "removed"),
    Row("remove", "stopping", "stopping", "removed"),
    Row("remove", "stopped", "stopped", "removed"),
    Row("remove", "failed", "failed", "removed"),
    Row("remove", "removed", "removed", "removed"),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.verb}-{row.state}")
async def test_a_verb_in_a_state(system: ActorSystem, stage: Stage, row: Row) -> None:
    await stage.bring(row.state)
    heard = listen(system, StartRefused)
    since = 0.0 if row.state == "removed" else stage.ref.status().since
    await asyncio.sleep(1)
    op = getattr(stage.ref, row.verb)()
    assert stage.ref.state == row.at_once
    if row.at_once == row.state != "removed":
        assert stage.ref.status().since == since
    await stage.finish()
    if row.error is None:
        await op
    else:
        with pytest.raises(row.error, match="/a did not start: it is stopped"):
            await op
    assert now() == 1.0  # no pause is waited for
    assert (stage.ref.state, tuple(stage.log)) == (row.end, row.hooks)
    assert stage.ref.held is row.held
    assert [type(event) for event in heard] == ([row.told] if row.told else [])
    assert (system.cell_at(stage.ref.address) is None) is (row.end == "removed")


@pytest.mark.parametrize("verb", ["start", "human_start", "restart"])
async def test_nobody_can_be_started_where_nobody_lives(
    system: ActorSystem, stage: Stage, verb: str
) -> None:
    await stage.bring("removed")
    with pytest.raises(ActorStopped, match="no actor lives there"):
        getattr(stage.ref, verb)()
    assert stage.log == []


VERBS_AFTER_REMOVE = ["start", "human_start", "stop", "restart"]
STATES = ["new", "starting", "running", "paused", "restarting", "stopping", "stopped", "failed"]


@pytest.mark.parametrize("verb", VERBS_AFTER_REMOVE)
@pytest.mark.parametrize("state", STATES)
async def test_a_removal_is_final_whatever_is_said_afterwards(
    system: ActorSystem, stage: Stage, state: str, verb: str
) -> None:
    await stage.bring(state)
    ref = stage.ref
    removing = ref.remove()
    getattr(ref, verb)()
    ref.tell_nowait("too late")
    await stage.finish()
    await removing
    assert ref.state == "removed"
    assert [letter.reason for letter in system.dead_letters] == ["removed"]
    assert not [text for text in stage.log if text in ("start", "handled too late")]


async def test_a_stop_that_is_taken_back_while_the_start_is_being_cut_starts_again(
    system: ActorSystem, stage: Stage
) -> None:
    await stage.bring("starting")
    stage.ref.stop()
    op = stage.ref.human_start()
    await stage.finish()
    await op
    assert stage.ref.state == "running"
    assert stage.log == ["made", "start"]  # a new instance: the first was cut off in its start


async def test_stop_and_start_in_one_breath_stop_and_start_the_actor(
    system: ActorSystem, stage: Stage
) -> None:
    await stage.bring("running")
    stage.ref.stop()
    await stage.ref.human_start()
    assert stage.log == ["stop: stop", "start"]


async def test_stop_and_remove_in_one_breath_run_on_stop_once(
    system: ActorSystem, stage: Stage
) -> None:
    await stage.bring("running")
    stage.ref.stop()
    await stage.ref.remove()
    assert stage.log == ["stop: remove"]


async def test_an_op_may_be_awaited_twice_or_later_or_never(
    system: ActorSystem, stage: Stage
) -> None:
    await stage.bring("running")
    op = stage.ref.stop()
    await op
    await op
    assert stage.log == ["stop: stop"]
    stage.ref.human_start()
    await settle()
    assert stage.log == ["stop: stop", "start"]


async def test_cancelling_who_waits_for_a_verb_does_not_cancel_the_verb(
    system: ActorSystem, stage: Stage
) -> None:
    await stage.bring("running")
    stage.may_stop.clear()

    async def wait() -> None:
        await stage.ref.remove()

    waiting = await begin(wait())
    waiting.cancel()
    await stage.finish()
    assert waiting.cancelled()
    assert stage.ref.state == "removed"


# What the states do with mail


@dataclass(frozen=True)
class Mail:
    """What becomes of a told and an asked message: handled, waits, or the reason of its end."""

    state: str
    told: str
    asked: str


@pytest.mark.parametrize(
    "row",
    [
        Mail("new", "waits", "waits"),
        Mail("starting", "waits", "waits"),
        Mail("running", "handled", "handled"),
        Mail("restarting", "waits", "waits"),
        Mail("stopping", "waits", "stopping"),
        Mail("stopped", "waits", "stopped"),
        Mail("failed", "waits", "failed"),
        Mail("removed", "no_actor", "no actor lives there"),
    ],
    ids=lambda row: str(row.state),
)
async def test_mail_in_a_state(system: ActorSystem, stage: Stage, row: Mail) -> None:
    await stage.bring(row.state)
    ref = stage.ref
    await ref.tell("told")
    asking = await begin(ref.ask("asked", timeout=50.0))
    assert now() == 0.0
    if row.asked == "waits":
        assert not asking.done()
    elif row.asked == "handled":
        assert asking.result() == "asked"
    else:
        error = asking.exception()
        assert isinstance(error, ActorStopped)
        assert row.asked in error.reason
    assert ("handled told" in stage.log) is (row.told == "handled")
    assert [letter.reason for letter in system.dead_letters] == (
        ["no_actor"] if row.told == "no_actor" else []
    )
    if row.told == "waits":
        assert ref.status().pending == 1 + (row.asked == "waits")
        await stage.finish()
        await ref.human_start()
        await settle()
        assert "handled told" in stage.log  # it waited, and was not lost
    if row.asked == "waits":
        assert await asking == "asked"
    check_account(system)


async def test_mail_for_an_actor_that_is_being_removed_is_a_dead_letter(
    system: ActorSystem, stage: Stage
) -> None:
    await stage.bring("running")
    stage.may_stop.clear()
    ref = stage.ref
    ref.remove()
    await settle()
    await ref.tell(1)
    ref.tell_nowait(2)
    with pytest.raises(ActorStopped):
        await ref.ask(3)
    check_account(system)
    assert [(one.message, one.reason) for one in system.dead_letters] == [
        (1, "removed"),
        (2, "removed"),
    ]
    await stage.finish()
    assert system.status().dead == 2


async def test_nothing_is_handled_after_a_stop_but_the_message_in_hand(
    system: ActorSystem,
) -> None:
    ref = await system.spawn(Gate, "gate")
    gate = behaviour(system, "/gate", Gate)
    for n in range(20):
        ref.tell_nowait(n)
    await settle()
    stopping = ref.stop()
    gate.opened.set()
    await stopping
    assert gate.begun == [0]
    assert counts_of(ref.status()) == (20, 1, 0, 0, 19, 0)
    await ref.human_start()
    await settle()
    assert gate.begun == list(range(20))
    assert behaviour(system, "/gate", Gate) is gate  # the instance was kept


async def test_a_handler_may_stop_its_own_actor_in_the_middle_of_a_batch(
    system: ActorSystem,
) -> None:
    done: list[int] = []

    async def count(_: Actor) -> None:
        done.append(1)

    async def stop(actor: Actor) -> None:
        actor.ref().stop()

    ref = await system.spawn(Runner, "a")
    for n in range(20):
        ref.tell_nowait(stop if n == 9 else count)
    await settle()
    assert ref.state == "stopped"
    assert len(done) == 9
    assert counts_of(ref.status()) == (20, 10, 0, 0, 10, 0)


async def test_a_handler_may_remove_its_own_actor_and_finish(system: ActorSystem) -> None:
    done: list[str] = []

    async def remove(actor: Actor) -> None:
        actor.ref().remove()
        await asyncio.sleep(1)
        done.append("the rest")

    ref = await system.spawn(Runner, "a")
    ref.tell_nowait(remove)
    ref.tell_nowait(remove)
    await settle()
    await ref.remove()
    assert done == ["the rest"]
    assert now() == 1.0
    assert system.status().dead == 1


async def test_a_hold_beats_start(system: ActorSystem, stage: Stage) -> None:
    await stage.bring("stopped")
    refused = listen(system, StartRefused)
    for _ in range(2):
        stage.ref.start()
    stage.ref.tell_nowait("mail")
    await settle()
    assert (stage.ref.state, stage.ref.held, len(refused)) == ("stopped", True, 2)
    await stage.ref.human_start()
    await settle()
    assert (stage.ref.state, stage.ref.held) == ("running", False)
    assert stage.log == ["start", "handled mail"]
