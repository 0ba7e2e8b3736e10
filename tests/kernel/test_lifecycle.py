"""Every verb in every state, and what an actor does with mail in each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from aplay_host.kernel import (
    Abandoned,
    Actor,
    ActorRef,
    ActorSpec,
    ActorStopped,
    ActorSystem,
    BadAddress,
    MessageFailed,
    NameTaken,
    Removed,
    Started,
    StartFailed,
    StartRefused,
    Stopped,
    TreeNode,
    TreePlan,
)

from .actors import (
    Gate,
    Hooked,
    Recorder,
    Runner,
    begin,
    behaviour,
    cell,
    check_account,
    counts_of,
    fail_with,
    forever,
    ignore_cancels,
    listen,
    now,
    settle,
)


class Stage:
    """One actor at ``/a``, brought into a state, with what its hooks did in `log`."""

    def __init__(self, system: ActorSystem) -> None:
        self.system = system
        self.log: list[str] = []
        self.may_start = asyncio.Event()
        self.may_stop = asyncio.Event()
        self.failures_left = 0
        self.work: list[asyncio.Task[Any]] = []
        self.may_start.set()
        self.may_stop.set()

    @property
    def ref(self) -> ActorRef:
        return self.system.ref("/a")

    async def spawn(self) -> None:
        await self.system.spawn(Staged, "a", kwargs={"stage": self})

    async def new(self) -> None:
        """Planted behind an actor that has not finished starting."""
        self.may_start.clear()
        before = ActorSpec.of("before", Staged, kwargs={"stage": self, "name": "before"})
        spec = ActorSpec.of("a", Staged, kwargs={"stage": self})
        plan = TreePlan(
            (
                TreeNode(self.system.ref("/before").address, before),
                TreeNode(self.ref.address, spec),
            )
        )
        self.work.append(await begin(self.system.plant(plan)))

    async def starting(self) -> None:
        self.may_start.clear()
        self.work.append(await begin(self.spawn()))

    async def running(self) -> None:
        await self.spawn()

    async def stopping(self) -> None:
        await self.spawn()
        self.may_stop.clear()
        self.ref.stop()
        await settle()

    async def stopped(self) -> None:
        await self.spawn()
        await self.ref.stop()

    async def failed(self) -> None:
        self.failures_left = 1
        with pytest.raises(StartFailed):
            await self.spawn()

    async def removed(self) -> None:
        await self.spawn()
        await self.ref.remove()

    async def bring(self, state: str) -> None:
        await getattr(self, state)()
        assert self.ref.state == state
        self.log.clear()

    async def finish(self) -> None:
        self.may_start.set()
        self.may_stop.set()
        await asyncio.gather(*self.work, return_exceptions=True)
        await settle()


class Staged(Actor):
    def __init__(self, stage: Stage, name: str = "a") -> None:
        self.stage = stage
        self.is_subject = name == "a"
        if self.is_subject:
            stage.log.append("made")

    async def on_start(self) -> None:
        self._note("start")
        await self.stage.may_start.wait()
        if self.stage.failures_left and self.is_subject:
            self.stage.failures_left -= 1
            raise ValueError("cannot start")

    async def msg_handler(self, msg: Any) -> Any:
        self._note(f"handled {msg}")
        return msg

    async def on_stop(self, reason: str) -> None:
        self._note(f"stop: {reason}")
        await self.stage.may_stop.wait()

    def _note(self, text: str) -> None:
        if self.is_subject:
            self.stage.log.append(text)


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
TABLE = [
    Row("start", "new", "new", "running", FROM_NEW),
    Row("start", "starting", "starting", "running"),
    Row("start", "running", "running", "running"),
    Row("start", "stopping", "stopping", "stopped", (), True, StartRefused, StartFailed),
    Row("start", "stopped", "stopped", "stopped", (), True, StartRefused, StartFailed),
    Row("start", "failed", "failed", "running", FROM_NEW),
    Row("human_start", "new", "new", "running", FROM_NEW),
    Row("human_start", "starting", "starting", "running"),
    Row("human_start", "running", "running", "running"),
    Row("human_start", "stopping", "stopping", "running", ("start",)),
    Row("human_start", "stopped", "stopped", "running", ("start",)),
    Row("human_start", "failed", "failed", "running", FROM_NEW),
    Row("stop", "new", "stopped", "stopped", (), True),
    Row("stop", "starting", "stopping", "stopped", (), True),
    Row("stop", "running", "stopping", "stopped", ("stop: stop",), True),
    Row("stop", "stopping", "stopping", "stopped", (), True),
    Row("stop", "stopped", "stopped", "stopped", (), True),
    Row("stop", "failed", "stopped", "stopped", (), True),
    Row("stop", "removed", "removed", "removed"),
    Row("remove", "new", "new", "removed"),
    Row("remove", "starting", "stopping", "removed"),
    Row("remove", "running", "stopping", "removed", ("stop: remove",)),
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
    assert (stage.ref.state, tuple(stage.log)) == (row.end, row.hooks)
    assert stage.ref.held is row.held
    assert [type(event) for event in heard] == ([row.told] if row.told else [])
    assert (system.cell_at(stage.ref.address) is None) is (row.end == "removed")


@pytest.mark.parametrize("verb", ["start", "human_start"])
async def test_nobody_can_be_started_where_nobody_lives(
    system: ActorSystem, stage: Stage, verb: str
) -> None:
    await stage.bring("removed")
    with pytest.raises(ActorStopped, match="no actor lives there"):
        getattr(stage.ref, verb)()
    assert stage.log == []


VERBS_AFTER_REMOVE = ["start", "human_start", "stop"]


@pytest.mark.parametrize("verb", VERBS_AFTER_REMOVE)
@pytest.mark.parametrize("state", ["new", "starting", "running", "stopping", "stopped", "failed"])
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
    assert stage.ref.state == "stopped"
    stage.ref.human_start()
    await settle()
    assert stage.ref.state == "running"


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
    assert stage.ref.state == "stopped"
    assert len(refused) == 2
    assert stage.ref.held
    await stage.ref.human_start()
    assert not stage.ref.held
    await settle()
    assert stage.log == ["start", "handled mail"]


# Removing


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


# Making


async def test_an_error_of_init_reaches_the_caller_and_leaves_nothing(
    system: ActorSystem,
) -> None:
    ran: list[str] = []
    refs: list[ActorRef] = []

    class Broken(Recorder):
        def __init__(self) -> None:
            async def task() -> None:
                ran.append("task")

            self.create_task(task())
            refs.append(self.ref())
            refs[0].tell_nowait("to myself")
            raise ValueError("broken")

    heard = listen(system, MessageFailed, Started)
    with pytest.raises(ValueError, match="broken"):
        await system.spawn(Broken, "a")
    assert system.tree() == []
    assert refs[0].state == "removed"
    check_account(system)
    assert system.status().dead == 1
    await settle()
    assert ran == []
    assert heard == []
    await system.spawn(Recorder, "a")  # the name is free


async def test_init_gets_kwargs_and_knows_its_place(system: ActorSystem) -> None:
    known: list[Any] = []

    class Curious(Recorder):
        def __init__(self, n: int) -> None:
            assert self.parent is not None
            known.extend([n, self.name, self.address, self.parent.address, self.state])

    await system.spawn(Recorder, "p")
    await system.spawn(Curious, "c", parent="/p", kwargs={"n": 3})
    assert known == [3, "c", "/p/c", "/p", "new"]
    with pytest.raises(TypeError, match="unexpected keyword"):
        await system.spawn(Recorder, "d", kwargs={"nonsense": 1})


async def test_a_parent_is_a_ref_or_an_address_that_lives(system: ActorSystem) -> None:
    parent = await system.spawn(Recorder, "p")
    child = await system.spawn(Recorder, "a", parent=parent)
    assert child.address == "/p/a"
    with pytest.raises(BadAddress, match="parent /nobody: no actor lives there"):
        await system.spawn(Recorder, "a", parent="/nobody")
    with pytest.raises(BadAddress, match="actor name 'a b'"):
        await system.spawn(Recorder, "a b")
    assert [status.address for status in system.tree()] == ["/p", "/p/a"]


async def test_an_actor_knows_its_family(system: ActorSystem) -> None:
    await system.spawn(Runner, "p")

    async def look(actor: Actor) -> dict[str, Any]:
        await actor.spawn(Recorder, "b")
        await actor.spawn(Recorder, "a")
        return {
            "children": [(name, ref.address) for name, ref in actor.children.items()],
            "parent": actor.parent,
            "kernel": actor.kernel,
            "self": actor.ref(),
        }

    seen = await system.ref("/p").ask(look)
    assert seen["children"] == [("b", "/p/b"), ("a", "/p/a")]
    assert seen["parent"] == seen["kernel"] == system.ref("/")
    assert seen["self"] == system.ref("/p")
    assert system.ref("/p").status().children == ("/p/b", "/p/a")


# Failed starts


async def test_a_failed_start_is_told_and_the_actor_stays_with_its_mail(
    system: ActorSystem,
) -> None:
    seen: list[Any] = []
    made: list[Actor] = []

    class Second(Recorder):
        def __init__(self) -> None:
            super().__init__(seen)
            made.append(self)

        async def on_start(self) -> None:
            if len(made) == 1:
                raise OSError("no disk")

    heard = listen(system, MessageFailed, Started)
    with pytest.raises(StartFailed, match=r"/a did not start: OSError: no disk .*in on_start"):
        await system.spawn(Second, "a")
    ref = system.ref("/a")
    assert ref.state == "failed"
    ref.tell_nowait("kept")
    (failure,) = heard
    assert (failure.address, failure.message_type, str(failure.error)) == ("/a", None, "no disk")
    assert ref.status().failed == 0  # no message has failed
    await ref.start()
    await settle()
    assert seen == ["kept"]
    assert len(made) == 2
    assert made[0] is not made[1]


async def test_a_start_that_fails_by_cancelling_itself_is_a_failed_start(
    system: ActorSystem,
) -> None:
    tries: list[int] = []

    async def cancel_myself(_: Actor) -> None:
        tries.append(1)
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    with pytest.raises(StartFailed, match="CancelledError"):
        await system.spawn(Hooked, "a", kwargs={"starting": cancel_myself})
    await settle()
    assert system.ref("/a").state == "failed"
    assert tries == [1]


async def test_a_failed_start_leaves_no_task_and_no_child_of_its_own(
    system: ActorSystem,
) -> None:
    ran: list[str] = []

    async def task() -> None:
        await asyncio.sleep(1)
        ran.append("task")

    async def open_much(actor: Actor) -> None:
        await actor.spawn(Recorder, "first")
        await actor.spawn(Recorder, "second")
        actor.create_task(task())
        raise ValueError("no")

    heard = listen(system, Removed)
    with pytest.raises(StartFailed):
        await system.spawn(Hooked, "a", kwargs={"starting": open_much})
    assert [status.address for status in system.tree()] == ["/a"]
    assert [event.address for event in heard] == ["/a/second", "/a/first"]
    assert cell(system, "/a").behaviour is None
    await asyncio.sleep(2)
    assert ran == []


async def test_a_failed_start_keeps_the_children_that_were_there_before(
    system: ActorSystem,
) -> None:
    fails: list[bool] = []

    async def starting(actor: Actor) -> None:
        if fails:
            raise ValueError("no")

    ref = await system.spawn(Hooked, "a", kwargs={"starting": starting})
    await system.spawn(Recorder, "child", parent=ref)
    await ref.stop()
    fails.append(True)
    with pytest.raises(StartFailed):
        await ref.human_start()
    assert [(status.address, status.state) for status in system.tree()] == [
        ("/a", "failed"),
        ("/a/child", "running"),
    ]


async def test_a_start_said_while_a_failed_one_is_cleaned_up_is_not_lost(
    system: ActorSystem,
) -> None:
    tries: list[int] = []

    async def tidy() -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(1)

    async def starting(actor: Actor) -> None:
        tries.append(1)
        if len(tries) == 1:
            actor.create_task(tidy())
            await asyncio.sleep(0)
            raise ValueError("no")

    spawning = await begin(system.spawn(Hooked, "a", kwargs={"starting": starting}))
    op = system.ref("/a").start()
    await op
    await spawning
    assert len(tries) == 2
    assert system.ref("/a").state == "running"


async def test_a_stop_said_while_a_failed_start_is_cleaned_up_holds(system: ActorSystem) -> None:
    async def tidy() -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(1)

    async def starting(actor: Actor) -> None:
        actor.create_task(tidy())
        await asyncio.sleep(0)
        raise ValueError("no")

    spawning = await begin(system.spawn(Hooked, "a", kwargs={"starting": starting}))
    ref = system.ref("/a")
    await ref.stop()
    assert (ref.state, ref.held) == ("stopped", True)
    with pytest.raises(StartFailed):
        await spawning


# Cancelling at every await


async def life(system: ActorSystem) -> None:
    """Live a whole life, waiting at every step."""

    async def slowly(_: object) -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(1)

    ref = await system.spawn(
        Hooked, "a", kwargs={"starting": slowly, "ending": slowly}, mailbox={"overflow": "wait"}
    )
    await system.spawn(Hooked, "b", parent=ref, kwargs={"starting": slowly, "ending": slowly})
    ref.tell_nowait(slowly)
    await ref.ask(slowly)
    ref.tell_nowait(slowly)
    ref.tell_nowait(slowly)
    await ref.stop()
    ref.tell_nowait(slowly)
    await ref.human_start()
    await ref.tell(slowly)
    await ref.remove()


async def live_on(living: asyncio.Task[None], moments: int) -> int:
    """Let that many moments of a life pass, fewer if it ends; return how many have passed."""
    for moment in range(moments):
        if living.done():
            return moment
        await asyncio.sleep(0 if moment % 10 else 1.0)
    return moments


async def test_cancelling_at_any_moment_of_a_life_leaves_the_account_true() -> None:
    async with ActorSystem() as system:
        moments = await live_on(asyncio.create_task(life(system)), 10_000)
    assert moments > 60
    for moment in range(moments):
        async with ActorSystem() as system:
            living = asyncio.create_task(life(system))
            await live_on(living, moment)
            check_account(system)
            living.cancel()
            await asyncio.wait({living})
            check_account(system)
            report = await system.shutdown()
            assert report.clean
            check_account(system)
            status = system.status()
            assert status.pending == status.in_hand == 0
            assert status.accepted == status.handled + status.dead


# Deadlines, in exact virtual time


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
    assert cell(system, "/a").drains == ()
    await ref.human_start()
    assert await ref.ask(recall) == "alive"
    end.set()
    await settle()
    assert counts_of(ref.status()) == (2, 1, 1, 0, 0, 0)


async def recall(_: Actor) -> str:
    return "alive"
