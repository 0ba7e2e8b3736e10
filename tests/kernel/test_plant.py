"""A planned tree: all places first, then the starts, whatever fails."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import pytest

from aplay_host.kernel import (
    Actor,
    ActorSpec,
    ActorStopped,
    ActorSystem,
    Address,
    Group,
    NameTaken,
    Started,
    StartFailed,
    TreeNode,
    TreePlan,
)

from .actors import Recorder, begin, behaviour, cell, check_account, counts_of, listen, settle


class Starter(Recorder):
    """Notes when its hooks run; `first` runs in its on_start."""

    def __init__(self, log: list[str], fails: bool = False) -> None:
        super().__init__()
        self.diary, self.fails = log, fails
        log.append(f"init {self.address}")

    async def on_start(self) -> None:
        self.diary.append(f"begin {self.address}")
        await asyncio.sleep(1)
        if self.fails:
            raise ValueError("no")
        self.diary.append(f"end {self.address}")


def node(address: str, cls: type[Actor] = Recorder, **kwargs: Any) -> TreeNode:
    place = Address(address)
    return TreeNode(place, ActorSpec.of(cls, kwargs=kwargs))


async def test_actors_start_one_after_another_parents_first_left_to_right(
    system: ActorSystem,
) -> None:
    log: list[str] = []
    addresses = ["/b", "/b/y", "/b/x", "/a"]
    await system.plant(TreePlan(tuple(node(one, Starter, log=log) for one in addresses)))
    assert log == [f"{what} {one}" for one in addresses for what in ("init", "begin", "end")]
    assert [(status.address, status.state) for status in system.tree()] == [
        (one, "running") for one in addresses
    ]


async def test_every_address_exists_and_keeps_mail_before_the_first_actor_starts(
    system: ActorSystem,
) -> None:
    planting = system.plant(TreePlan((node("/a"), node("/b/c"))))
    assert [(status.address, status.state) for status in system.tree()] == [
        ("/a", "new"),
        ("/b", "running"),
        ("/b/c", "new"),
    ]
    for ref in system.select("/**"):
        if ref.state == "new":
            ref.tell_nowait("early")
    await settle()
    assert system.ref("/b/c").status().pending == 1  # mail waits and starts nothing
    await planting
    await settle()
    assert behaviour(system, "/a", Recorder).seen == ["early"]
    assert behaviour(system, "/b/c", Recorder).seen == ["early"]


async def test_the_first_actor_of_a_plan_may_write_to_its_last(system: ActorSystem) -> None:
    log: list[str] = []

    class First(Starter):
        async def on_start(self) -> None:
            await super().on_start()
            await self.ref("/last").tell("hello")
            self.diary.append(f"told, while /last is {self.ref('/last').state}")

    class Last(Starter):
        async def msg_handler(self, msg: Any) -> None:
            self.diary.append(f"got {msg}")

    plan = TreePlan((node("/first", First, log=log), node("/last", Last, log=log)))
    await system.plant(plan)
    await settle()
    assert log == [
        "init /first",
        "begin /first",
        "end /first",
        "told, while /last is new",
        "init /last",
        "begin /last",
        "end /last",
        "got hello",
    ]
    assert list(system.dead_letters) == []


async def test_an_undeclared_parent_is_a_group(system: ActorSystem) -> None:
    await system.plant(TreePlan((node("/x/y/a"), node("/x/b"))))
    assert [status.address for status in system.tree()] == ["/x", "/x/y", "/x/y/a", "/x/b"]
    for address in ("/x", "/x/y"):
        assert behaviour(system, address, Group)
        assert system.ref(address).state == "running"


@pytest.mark.parametrize("where", ["init", "on_start"])
async def test_one_that_does_not_start_is_failed_and_the_others_start(
    system: ActorSystem, where: str
) -> None:
    log: list[str] = []

    class Unmade(Actor):
        budget: ClassVar = {"max": 0}

        def __init__(self) -> None:
            raise ValueError("cannot be made")

    class Unstarted(Starter):
        budget: ClassVar = {"max": 0}

    bad = node("/bad", Unmade) if where == "init" else node("/bad", Unstarted, log=log, fails=True)
    await system.plant(TreePlan((node("/a"), bad, node("/bad/child"), node("/z"))))
    assert {status.address: status.state for status in system.tree()} == {
        "/a": "running",
        "/bad": "failed",
        "/bad/child": "running",
        "/z": "running",
    }
    system.ref("/bad").tell_nowait("kept")
    assert system.ref("/bad").status().pending == 1
    error = system.ref("/bad").status().last_error
    assert error is not None
    assert error.type == "ValueError"


async def test_a_node_with_a_fault_stands_failed_with_its_reason_and_keeps_its_mail(
    system: ActorSystem,
) -> None:
    heard = listen(system, Started)
    plan = TreePlan(
        (TreeNode(Address("/bad"), fault="no module named 'nonsense'"), node("/bad/child"))
    )
    planting = system.plant(plan)
    bad = system.ref("/bad")
    assert bad.state == "failed"
    await bad.tell("kept")
    with pytest.raises(ActorStopped, match="failed"):
        await bad.ask("answered at once")
    await planting
    assert [event.address for event in heard] == ["/bad/child"]
    with pytest.raises(StartFailed, match=r"/bad did not start: .*no module named 'nonsense'"):
        await bad.start()
    assert bad.state == "failed"
    error = bad.status().last_error
    assert error is not None
    assert (error.type, error.text) == ("StartFailed", "no module named 'nonsense'")
    assert counts_of(bad.status()) == (1, 0, 0, 0, 1, 0)
    await system.shutdown()
    assert [(one.message, one.reason) for one in system.dead_letters] == [("kept", "shutdown")]


async def test_a_node_that_was_stopped_or_removed_meanwhile_is_not_started(
    system: ActorSystem,
) -> None:
    log: list[str] = []
    plan = TreePlan(tuple(node(one, Starter, log=log) for one in ("/a", "/b", "/c", "/d")))
    planting = await begin(system.plant(plan))
    system.ref("/b").stop()
    await system.ref("/c").remove()
    await planting
    assert {status.address: status.state for status in system.tree()} == {
        "/a": "running",
        "/b": "stopped",
        "/d": "running",
    }
    assert [line for line in log if "/b" in line or "/c" in line] == []


async def test_nothing_starts_any_more_once_the_system_is_ending(system: ActorSystem) -> None:
    log: list[str] = []
    plan = TreePlan(tuple(node(one, Starter, log=log) for one in ("/a", "/b", "/a/x")))
    planting = await begin(system.plant(plan))
    await asyncio.sleep(1)
    await settle()
    report = await system.shutdown()
    await planting
    assert report.clean
    assert log == ["init /a", "begin /a", "end /a", "init /b", "begin /b"]
    assert system.tree() == []
    check_account(system)


async def test_an_address_that_is_taken_cannot_be_planted(system: ActorSystem) -> None:
    await system.spawn(Recorder, "a")
    with pytest.raises(NameTaken, match="/a exists already"):
        await system.plant(TreePlan((node("/a"),)))


async def test_a_plan_joins_what_is_there(system: ActorSystem) -> None:
    await system.spawn(Recorder, "x")
    await system.plant(TreePlan((node("/x/a"),)))
    assert [status.address for status in system.tree()] == ["/x", "/x/a"]
    assert behaviour(system, "/x", Recorder)


async def test_a_planted_actor_gets_its_spec(system: ActorSystem) -> None:
    spec = ActorSpec.of(Recorder, options={"n": 1}, settings={"max_tasks": 4})
    await system.plant(TreePlan((TreeNode(Address("/a"), spec),)))
    assert cell(system, "/a").spec is spec
    assert behaviour(system, "/a", Recorder).options == {"n": 1}


async def test_select_finds_by_pattern_in_tree_order(system: ActorSystem) -> None:
    await system.plant(TreePlan((node("/w/b"), node("/w/a"), node("/w/a/x"), node("/v"))))
    assert [ref.address for ref in system.select("/w/*")] == ["/w/b", "/w/a"]
    assert [ref.address for ref in system.select("/w/**")] == ["/w", "/w/b", "/w/a", "/w/a/x"]
    assert [ref.address for ref in system.select("/v")] == ["/v"]
    assert system.select("/nobody/*") == []
