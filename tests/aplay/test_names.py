"""Every name of aplay 0.3.0 that works here: what it shows, what it does, and what differs."""

from __future__ import annotations

import asyncio
from types import MappingProxyType
from typing import Any

import pytest

from aplay_host import aplay
from aplay_host.aplay import Actor
from aplay_host.kernel import (
    Actor as KernelsActor,
)
from aplay_host.kernel import (
    ActorRef,
    ActorSystem,
    BadAddress,
    Detached,
    MailboxFull,
    NameTaken,
    NotBound,
    OpenRef,
    StartFailed,
)

from .turns import counts, instance, settle


class Keeper(Actor):
    """Keeps what it gets in `seen`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seen: list[Any] = []
        self.given = kwargs

    async def msg_handler(self, msg: Any = None) -> Any:
        self.seen.append(msg)
        return msg


class Other(Keeper):
    pass


class Slow(Keeper):
    """Waits until `gate` is opened."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.gate = asyncio.Event()

    async def msg_handler(self, msg: Any = None) -> Any:
        await self.gate.wait()
        return await super().msg_handler(msg)


async def keeper(system: ActorSystem, cls: type[Keeper] = Keeper, **settings: Any) -> Any:
    """Return the running instance at /k."""
    return instance(await system.spawn(cls, "k", **settings), cls)


# _name _address _loop


async def test_name_address_and_loop_are_those_of_the_cell(system: ActorSystem) -> None:
    actor = await keeper(system)
    assert (actor._name, actor._address) == ("k", "/k")
    assert actor._loop is asyncio.get_running_loop()


async def test_a_name_that_is_no_segment_of_an_address_is_refused(system: ActorSystem) -> None:
    actor = await keeper(system)
    for name in ("a b", "a/b", ""):
        with pytest.raises(BadAddress):
            actor.create_actor(name, Keeper)
    with pytest.raises(TypeError, match="got name None"):
        actor.create_actor(None, Keeper)
    assert dict(actor._child) == {}


async def test_a_program_may_assign_to_a_view_and_the_kernel_does_not_mind(
    system: ActorSystem,
) -> None:
    class Namesake(Keeper):
        def __init__(self, name: str, **kwargs: Any) -> None:
            super().__init__(name=name, **kwargs)
            self._name = name.upper()

    parent = await keeper(system)
    ref = parent.create_actor("x", Namesake)
    assert instance(ref, Namesake)._name == "X"
    assert (ref._name, ref.address) == ("x", "/k/x")


def test_an_actor_made_by_hand_has_no_names() -> None:
    for name in ("_name", "_address", "_loop", "_child", "_parent", "_kernel", "_runing_state"):
        with pytest.raises(NotBound):
            getattr(Keeper(), name)


# _child _parent _kernel get_actor


async def test_relatives_are_open_refs_which_compare_and_hash(system: ActorSystem) -> None:
    actor = await keeper(system)
    child = actor.create_actor(name="x", actor_cls=Keeper)
    inner = instance(child, Keeper)
    assert isinstance(child, OpenRef)
    assert child == actor._child["x"] == actor.children["x"] == actor.get_actor("x")
    assert child == system.ref("/k/x")
    assert system.ref("/k/x") == child
    assert len({child, system.ref("/k/x")}) == 1
    assert inner._parent == inner.parent == system.ref("/k")
    assert inner._kernel == inner.kernel == system.ref("/")
    assert child._parent is not None
    assert child._parent._child["x"] == child
    assert inner._kernel._parent is None
    assert actor.get_actor("nobody") is None


async def test_children_are_a_read_only_mapping(system: ActorSystem) -> None:
    actor = await keeper(system)
    assert isinstance(actor._child, MappingProxyType)
    with pytest.raises(TypeError):
        actor._child["x"] = actor  # type: ignore[index]


async def test_an_open_ref_reaches_the_instance_and_stays_good_over_a_restart(
    system: ActorSystem,
) -> None:
    actor = await keeper(system)
    child = actor.create_actor("x", Keeper)
    child.interval = 5
    first = instance(child, Keeper)
    assert first.interval == child.interval == 5
    assert await child.msg_handler("past the mailbox") == "past the mailbox"
    assert counts(child) == (0, 0, 0, 0, 0, 0)
    await child.start()
    await child.restart()
    assert instance(child, Keeper) is not first
    assert child.seen == []
    with pytest.raises(AttributeError, match="interval"):
        _ = child.interval


async def test_an_open_ref_says_that_there_is_no_instance(system: ActorSystem) -> None:
    actor = await keeper(system)
    child = actor.create_actor("x", Keeper)
    await child.remove()
    with pytest.raises(AttributeError, match="seen: /k/x has no instance now, it is removed"):
        _ = child.seen
    with pytest.raises(AttributeError, match="seen: /k/x has no instance"):
        child.seen = []
    assert (child._name, child._address, child._runing_state) == ("x", "/k/x", "stopped")
    assert not hasattr(child, "__len__")
    await child.send(1)
    assert [letter.reason for letter in system.dead_letters] == ["no_actor"]


async def test_what_a_ref_has_itself_cannot_be_assigned_through_it(system: ActorSystem) -> None:
    actor = await keeper(system)
    child = actor.create_actor("x", Keeper)
    for name in ("ask", "status", "_name"):
        with pytest.raises(AttributeError):
            setattr(child, name, 1)
    child._max_tasks = 3
    assert child.status().spec.max_tasks == 3


# _runing_state _human_runing_state


async def test_runing_state_tells_whether_there_is_work(system: ActorSystem) -> None:
    actor = await keeper(system, Slow)
    child = actor.create_actor("x", Slow)
    assert child._runing_state == aplay.ACTOR_INIT
    await child.start()
    assert child._runing_state == aplay.ACTOR_STOPPED  # nothing to do
    child.send_nowait(1)
    assert child._runing_state == aplay.ACTOR_RUNNING
    await settle()
    assert child._runing_state == aplay.ACTOR_RUNNING
    child.gate.set()
    await settle()
    assert child._runing_state == aplay.ACTOR_STOPPED
    child.gate.clear()
    child.send_nowait(2)
    await settle()
    stopping = child.stop()
    assert (child.state, child._runing_state) == ("stopping", aplay.ACTOR_RUNNING)
    child.gate.set()
    await stopping
    assert child._runing_state == aplay.ACTOR_STOPPED


async def test_runing_state_of_a_restarting_and_of_a_failed_actor(system: ActorSystem) -> None:
    class Broken(Keeper):
        budget = {"max": 1}  # noqa: RUF012
        backoff = {"initial": 1.0, "jitter": 0.0}  # noqa: RUF012

        async def on_start(self) -> None:
            raise ValueError("no")

    with pytest.raises(StartFailed):
        await system.spawn(Broken, "b")
    ref = system.open_ref("/b")
    assert (ref.state, ref._runing_state) == ("restarting", "init")
    await asyncio.sleep(2)
    assert (ref.state, ref._runing_state) == ("failed", "stopped")


async def test_assigning_to_runing_state_warns_and_does_nothing(system: ActorSystem) -> None:
    actor = await keeper(system)
    with pytest.warns(RuntimeWarning, match="_runing_state of /k is read-only"):
        actor._runing_state = aplay.ACTOR_RUNNING
    assert actor._runing_state == aplay.ACTOR_STOPPED


async def test_human_runing_state_shows_and_sets_the_hold(system: ActorSystem) -> None:
    actor = await keeper(system)
    assert actor._human_runing_state == aplay.ACTOR_STARTED
    actor._human_runing_state = aplay.ACTOR_STOPPED
    await settle()
    assert (actor.held, actor.state, actor._human_runing_state) == (True, "stopped", "stopped")
    actor.send_nowait(1)
    actor.start()  # a hold wins
    await settle()
    assert actor.seen == []
    actor._human_runing_state = aplay.ACTOR_STARTED
    await settle()
    assert (actor.held, actor.seen) == (False, [1])
    with pytest.raises(ValueError, match="got 'paused', want 'stopped' or 'started'"):
        actor._human_runing_state = "paused"


async def test_an_actor_that_holds_itself_in_init_is_not_started(system: ActorSystem) -> None:
    class Reluctant(Keeper):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._human_runing_state = aplay.ACTOR_STOPPED

    actor = await keeper(system)
    child = actor.create_actor("x", Reluctant)
    child.send_nowait(1)
    await settle()
    assert (child.state, child.seen, counts(child)) == ("stopped", [], (1, 0, 0, 0, 1, 0))
    await child.human_start()
    await settle()
    assert child.seen == [1]


async def test_a_hold_wins_over_decide_to_start(system: ActorSystem) -> None:
    class Eager(Keeper):
        def decide_to_start(self) -> bool:
            return True

    actor = await keeper(system, Eager)
    await actor.stop()
    await actor.send(1)
    await settle()
    assert actor.seen == []


# hooks


async def test_user_task_callback_gets_the_outcome_of_each_message(system: ActorSystem) -> None:
    class Watched(Keeper):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.outcomes: list[tuple[Any, Any, bool]] = []

        async def msg_handler(self, msg: Any = None) -> Any:
            return 1 / msg

        def user_task_callback(self, *args: Any, **kwargs: Any) -> None:
            outcome = args[0]
            error = outcome.exception()
            value = None if error else outcome.result()
            self.outcomes.append((kwargs["msg"], error or value, outcome.cancelled()))

    actor = await keeper(system, Watched)
    await actor.send(2)
    await actor.send(0)
    await settle()
    assert actor.outcomes[0] == (2, 0.5, False)
    assert isinstance(actor.outcomes[1][1], ZeroDivisionError)
    assert counts(system.ref("/k")) == (2, 1, 1, 0, 0, 0)


async def test_prepare_hooks_run_once_for_each_instance(system: ActorSystem) -> None:
    log: list[str] = []

    class Preparing(Keeper):
        async def prepare_children(self) -> None:
            log.append("children")

        async def prepare_mailbox(self) -> None:
            log.append("mailbox")

    ref = await system.spawn(Preparing, "k")
    await ref.stop()
    await ref.human_start()
    assert log == ["children", "mailbox"]
    await ref.restart()
    assert log == ["children", "mailbox"] * 2


# create_actor


async def test_create_actor_makes_the_instance_and_starts_nothing(system: ActorSystem) -> None:
    actor = await keeper(system)
    child = actor.create_actor(name="x", actor_cls=Keeper)
    await settle()
    assert (child.state, child.seen) == ("new", [])
    child.send_nowait(1)
    await settle()
    assert (child.state, child.seen) == ("running", [1])


async def test_a_created_actor_is_started_by_start_or_by_a_request(system: ActorSystem) -> None:
    actor = await keeper(system)
    child = actor.create_actor("x", Keeper)
    await child.start()
    assert child.state == "running"
    assert await actor.create_actor("y", Keeper).ask(1) == 1


async def test_same_name_and_class_is_the_existing_child_another_class_is_refused(
    system: ActorSystem,
) -> None:
    actor = await keeper(system)
    child = actor.create_actor("x", Keeper)
    first = instance(child, Keeper)
    assert actor.create_actor("x", Keeper) == child
    assert instance(child, Keeper) is first
    with pytest.raises(NameTaken):
        actor.create_actor("x", Other)
    with pytest.raises(NameTaken):
        await actor.spawn(Keeper, "x")
    with pytest.raises(TypeError, match="want a class derived from Actor"):
        actor.create_actor("z", object)


async def test_an_error_of_init_reaches_the_creator_and_leaves_nothing(
    system: ActorSystem,
) -> None:
    class Careless(Keeper):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.create_actor("idle", Keeper)
            self.create_actor("busy", Keeper).send_nowait(1)
            raise ValueError("no")

    actor = await keeper(system)
    with pytest.raises(ValueError, match="no"):
        actor.create_actor("x", Careless)
    assert "x" not in actor._child
    await settle()
    assert [status.address for status in system.tree()] == ["/k"]
    actor.create_actor("x", Keeper)
    with pytest.raises(ValueError, match="no"):
        await system.spawn(Careless, "y")
    await settle()
    assert [status.address for status in system.tree()] == ["/k", "/k/x"]


async def test_init_gets_what_it_asks_for_by_name(system: ActorSystem) -> None:
    class Asking(KernelsActor):
        def __init__(self, name: str, parent: ActorRef) -> None:
            self.got = (name, parent)

    actor = await keeper(system)
    assert actor.create_actor("x", Asking).got == ("x", system.ref("/k"))
    assert actor.create_actor("y", Keeper).given == {
        "name": "y",
        "parent": system.ref("/k"),
        "loop": asyncio.get_running_loop(),
        "kernel": system.ref("/"),
    }


async def test_children_made_again_after_a_restart_go_on_with_their_mail(
    system: ActorSystem,
) -> None:
    class Parent(Keeper):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.create_actor("x", Keeper)
            self.create_actor("never", Keeper)

    parent = await system.spawn(Parent, "p")
    child = system.open_ref("/p/x")
    child.send_nowait(1)
    await settle()
    first = instance(child, Keeper)
    await parent.restart()
    await settle()
    assert (child.state, child.seen) == ("running", [])
    assert instance(child, Keeper) is not first
    child.send_nowait(2)
    await settle()
    assert child.seen == [2]
    assert system.ref("/p/never").state == "new"


async def test_a_created_child_that_is_not_made_again_is_removed(system: ActorSystem) -> None:
    class Once(Keeper):
        made: list[int] = []  # noqa: RUF012

        async def on_start(self) -> None:
            if not self.made:
                self.create_actor("x", Keeper)
            self.made.append(1)

    ref = await system.spawn(Once, "p")
    assert system.ref("/p/x").state == "new"
    await ref.restart()
    await settle()
    assert system.ref("/p/x").state == "removed"


async def test_a_child_being_removed_is_not_given_out_again(system: ActorSystem) -> None:
    actor = await keeper(system)
    child = actor.create_actor("x", Slow)
    child.send_nowait(1)
    await settle()
    removing = child.remove()
    with pytest.raises(NameTaken):
        actor.create_actor("x", Slow)
    child.gate.set()
    await removing
    assert actor.create_actor("x", Slow).state == "new"


# circles


class Ping(Keeper):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.create_actor("pong", Pong)


class Pong(Keeper):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.create_actor("ping", Ping)


async def test_classes_that_make_each_other_in_init_are_refused_with_the_chain_named(
    system: ActorSystem,
) -> None:
    actor = await keeper(system)
    with pytest.raises(BadAddress, match=r"64 levels.*Keeper -> Ping -> Pong -> Ping -> \.\.\."):
        actor.create_actor("ping", Ping)
    with pytest.raises(BadAddress, match=r"are Ping -> Pong -> Ping -> \.\.\.$"):
        await system.spawn(Ping, "ping")
    await settle()
    assert [status.address for status in system.tree()] == ["/k"]


@pytest.mark.parametrize("hook", ["prepare_children", "on_start"])
async def test_classes_that_make_each_other_as_they_start_end_as_failed(
    system: ActorSystem, hook: str
) -> None:
    async def make_the_other(self: Any) -> None:
        await self.spawn(two if type(self) is one else one, "x")

    once = {"budget": {"max": 0}, hook: make_the_other}
    one = type("One", (Keeper,), once)
    two = type("Two", (Keeper,), once)
    with pytest.raises(StartFailed, match=r"are One -> Two -> One -> \.\.\.") as caught:
        await system.spawn(one, "top")
    assert str(caught.value).count("did not start") == 2
    await settle()
    assert [(status.address, status.state) for status in system.tree()] == [("/top", "failed")]


async def test_a_tree_of_one_class_may_be_as_deep_as_an_address(system: ActorSystem) -> None:
    class Node(Keeper):
        async def msg_handler(self, msg: int = 0) -> Any:
            if msg:
                await self.create_actor("n", Node).send(msg - 1)

    ref = await system.spawn(Node, "n")
    await ref.tell(63)
    await settle(2_000)
    assert len(system.tree()) == 64
    assert {status.failed for status in system.tree()} == {0}


# verbs


async def test_send_and_tell_go_through_the_mailbox(system: ActorSystem) -> None:
    actor = await keeper(system)
    await actor.send(1)
    await actor.send(None)
    actor.send_nowait(None)
    await actor.tell(None)
    await actor.send_nowait(2)
    actor.tell_nowait(3)
    assert actor.seen == []
    await settle()
    assert actor.seen == [1, None, 2, 3]


async def test_send_is_bounded(system: ActorSystem) -> None:
    actor = await keeper(system, Slow, max_tasks=1, mailbox={"capacity": 1})
    actor.send_nowait(1)
    await settle()
    actor.send_nowait(2)
    with pytest.raises(MailboxFull):
        actor.send_nowait(3)
    sending = asyncio.create_task(actor.send(3))  # waits for room
    await settle()
    assert not sending.done()
    actor.gate.set()
    await sending
    await settle()
    assert actor.seen == [1, 2, 3]


async def test_start_is_idempotent_and_wakes_an_actor_that_would_not_begin(
    system: ActorSystem,
) -> None:
    class Waiting(Keeper):
        def decide_to_start(self) -> bool:
            return False

    actor = await keeper(system, Waiting)
    await actor.send(1)
    await settle()
    assert actor.seen == []
    actor.start()
    actor.start()
    await settle()
    assert actor.seen == [1]


async def test_stop_keeps_state_and_mail_and_leaves_children_running(system: ActorSystem) -> None:
    actor = await keeper(system)
    child = actor.create_actor("x", Keeper)
    await actor.stop()
    await actor.send(1)
    await child.send(1)
    await settle()
    assert (actor.seen, child.seen) == ([], [1])
    await actor.human_start()
    await settle()
    assert actor.seen == [1]


async def test_max_tasks_can_be_read_and_set(system: ActorSystem) -> None:
    class Pair(Slow):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._max_tasks = 2

    actor = await keeper(system, Pair)
    for n in range(4):
        actor.send_nowait(n)
    await settle()
    assert (actor._max_tasks, counts(system.ref("/k"))) == (2, (4, 0, 0, 0, 2, 2))
    actor._max_tasks = 3
    await settle()
    assert counts(system.ref("/k")) == (4, 0, 0, 0, 1, 3)
    with pytest.raises(ValueError, match="max_tasks: got 0"):
        actor._max_tasks = 0
    actor.gate.set()


async def test_verbs_of_an_exchanged_instance_are_refused(system: ActorSystem) -> None:
    actor = await keeper(system)
    async with system.quiesce(["/k"]) as quiet:
        quiet.swap([quiet.stage("/k")])
    for verb in (actor.send_nowait, actor.tell_nowait):
        with pytest.raises(Detached):
            verb(1)
    for verb in (actor.start, actor.stop, actor.human_start):
        with pytest.raises(Detached):
            verb()
    with pytest.raises(Detached):
        actor.create_actor("x", Keeper)
    assert actor._name == "k"


# _mailbox, in memory


async def test_mailbox_is_a_view_of_the_waiting_mail(system: ActorSystem) -> None:
    actor = await keeper(system, Slow, max_tasks=1)
    box = actor._mailbox
    assert (await box.empty(), await box.size(), await box.ready()) == (True, 0, True)
    for n in range(3):
        await box.put(n)
    await settle()
    assert (await box.empty(), await box.size(), await box.policy()) == (False, 2, True)
    assert await box.get() == 1
    assert counts(system.ref("/k")) == (3, 1, 0, 0, 1, 1)
    actor.gate.set()
    await settle()
    assert actor.seen == [0, 2]
    await box.prepare()


async def test_a_handler_may_take_more_than_the_message_it_got(system: ActorSystem) -> None:
    class Batching(Keeper):
        max_tasks = 1

        async def msg_handler(self, msg: Any = None) -> Any:
            batch = [msg]
            while len(batch) < 3:
                batch.append(await self._mailbox.get())
            self.seen.append(batch)

    actor = await keeper(system, Batching)
    for n in range(4):
        actor.send_nowait(n)
    await settle()
    assert actor.seen == [[0, 1, 2]]
    actor.send_nowait(4)
    await settle()
    assert actor.seen == [[0, 1, 2]]
    assert await system.ref("/k").ask(5) is None
    assert actor.seen == [[0, 1, 2], [3, 4, 5]]
    assert counts(system.ref("/k")) == (6, 6, 0, 0, 0, 0)


# the door


def test_the_door_has_the_names_and_values_of_0_3_0() -> None:
    words = (aplay.ACTOR_STARTED, aplay.ACTOR_STOPPED, aplay.ACTOR_RUNNING, aplay.ACTOR_INIT)
    assert words == ("started", "stopped", "running", "init")
    assert aplay.actor_logger.name == "aplay_host.kernel"
    assert issubclass(aplay.QueueMailBox, aplay.MailBox)
    assert issubclass(aplay.KernelActor, aplay.Actor)
    for name in aplay.__all__:
        assert getattr(aplay, name) is not None


async def test_actors_of_the_door_have_the_settings_of_0_3_0(system: ActorSystem) -> None:
    ref = await system.spawn(Keeper, "k")
    spec = ref.status().spec
    assert (spec.max_tasks, spec.mailbox.overflow) == (50, "wait")
    assert spec.start_timeout == float("inf")
    Keeper(1, 2, max_tasks=3, anything=4)
    with pytest.raises(TypeError):
        KernelsActor(max_tasks=3)  # type: ignore[call-arg]


def test_redis_queue_says_when_it_comes() -> None:
    with pytest.raises(ImportError, match="comes with the Redis engine"):
        from aplay_host.aplay import RedisQueue  # noqa: F401
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = aplay.Nothing
