"""What a child's failure does to its siblings."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from aplay_host.kernel import (
    Actor,
    ActorSystem,
    Quarantined,
    Removed,
    Restarting,
    StartFailed,
)

from .actors import (
    EVEN,
    Diarist,
    Hooked,
    begin,
    cell,
    check_account,
    forever,
    listen,
    now,
    settle,
    states,
)


@pytest.fixture
def diary() -> list[str]:
    return []


async def family(
    system: ActorSystem, diary: list[str], strategy: str, **children: dict[str, Any]
) -> None:
    """Spawn ``/p`` with the children a, b, c, unless `children` says which."""
    await system.spawn(Hooked, "p", strategy=strategy)
    for name, settings in (children or {"a": {}, "b": {}, "c": {}}).items():
        kwargs = {"diary": diary, **settings.pop("kwargs", {})}
        settings = {"on_error": "restart", "backoff": EVEN, **settings}
        await system.spawn(Diarist, name, parent="/p", kwargs=kwargs, **settings)
    diary.clear()


def tell(system: ActorSystem, name: str, message: Any = "boom") -> None:
    system.ref(f"/p/{name}").tell_nowait(message)


def hooks(diary: list[str]) -> list[str]:
    return [line for line in diary if "stop" in line or "start" in line]


@pytest.mark.parametrize(
    ("strategy", "culprit", "with_it"),
    [
        ("one_for_one", "b", "b"),
        ("one_for_all", "b", "abc"),
        ("one_for_all", "a", "abc"),
        ("one_for_all", "c", "abc"),
        ("rest_for_one", "a", "abc"),
        ("rest_for_one", "b", "bc"),
        ("rest_for_one", "c", "c"),
    ],
)
async def test_the_group_stops_in_reverse_order_and_starts_in_order_after_one_pause(
    system: ActorSystem, diary: list[str], strategy: str, culprit: str, with_it: str
) -> None:
    await family(system, diary, strategy)
    heard = listen(system, Restarting)
    for name in "abc":
        tell(system, name, "boom" if name == culprit else "before")
        tell(system, name, "after")
    await asyncio.sleep(1)
    assert hooks(diary) == [
        *(f"{name} stop: restart" for name in reversed(with_it)),
        *(f"{name} start" for name in with_it),
    ]
    assert sorted(line for line in diary if line.endswith("after")) == [
        f"{name} after" for name in "abc"
    ]
    assert set(states(system).values()) == {"running"}
    assert [(event.address, event.restarts) for event in heard] == [(f"/p/{culprit}", 1)]
    charged = {name: len(cell(system, f"/p/{name}").stamps) for name in "abc"}
    assert charged == {"a": 0, "b": 0, "c": 0, culprit: 1}
    for name in "abc":
        ref = system.ref(f"/p/{name}")
        assert ref.status().restarts == (name in with_it)
        assert ref.status().since == (0.2 if name in with_it else 0.0)
    check_account(system)


async def test_each_start_waits_for_the_one_before(system: ActorSystem, diary: list[str]) -> None:
    class SlowDiarist(Diarist):
        async def on_start(self) -> None:
            await super().on_start()
            await asyncio.sleep(1)
            self.note("is up")

        async def on_stop(self, reason: str) -> None:
            await asyncio.sleep(1)
            await super().on_stop(reason)

    await system.spawn(Hooked, "p", strategy="one_for_all")
    for name in "ab":
        kwargs = {"diary": diary}
        await system.spawn(
            SlowDiarist, name, parent="/p", kwargs=kwargs, on_error="restart", backoff=EVEN
        )
    diary.clear()
    tell(system, "a")
    await asyncio.sleep(10)
    assert diary[1:] == [
        *("b stop: restart", "a stop: restart"),
        *("a made", "a start", "a is up", "b made", "b start", "b is up"),
    ]
    assert system.ref("/p/b").status().since == pytest.approx(2 + 2 + 0.2 + 2)


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
async def test_held_and_failed_siblings_are_left_alone(
    system: ActorSystem, diary: list[str], strategy: str
) -> None:
    await family(system, diary, "one_for_one", a={}, b={"budget": {"max": 0}}, c={}, d={})
    await system.ref("/p/c").stop()
    tell(system, "b")
    await settle()
    cell(system, "/p").spec = replace(cell(system, "/p").spec, strategy=strategy)
    diary.clear()
    tell(system, "a")
    await asyncio.sleep(1)
    assert hooks(diary) == ["d stop: restart", "a stop: restart", "a start", "d start"]
    assert states(system) == {
        **dict.fromkeys(("/p", "/p/a", "/p/d"), "running"),
        "/p/b": "failed",
        "/p/c": "stopped",
    }


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
async def test_temporary_siblings_are_removed_and_transient_ones_restarted(
    system: ActorSystem, diary: list[str], strategy: str
) -> None:
    removed = listen(system, Removed)
    await family(
        system, diary, strategy, a={}, b={"restart": "temporary"}, c={"restart": "transient"}
    )
    tell(system, "a")
    await asyncio.sleep(1)
    assert states(system) == {"/p": "running", "/p/a": "running", "/p/c": "running"}
    assert [event.address for event in removed] == ["/p/b"]
    assert "b stop: remove" in diary


@pytest.mark.parametrize(
    ("strategy", "failed"),
    [("one_for_one", "b"), ("one_for_all", "abc"), ("rest_for_one", "bc")],
)
async def test_who_shares_a_restart_shares_the_quarantine_and_names_the_culprit(
    system: ActorSystem, diary: list[str], strategy: str, failed: str
) -> None:
    await family(system, diary, strategy, a={}, b={"budget": {"max": 0}}, c={})
    heard = listen(system, Quarantined)
    tell(system, "b")
    await settle()
    for name in "abc":
        tell(system, name, "kept")
    await settle()
    for name in "abc":
        status = system.ref(f"/p/{name}").status()
        shares = name in failed
        assert (status.state, status.pending) == (("failed", 1) if shares else ("running", 0))
        if shares and name != "b":
            assert status.last_error is not None
            assert "/p/b is failed" in status.last_error.text
    assert [event.address for event in heard] == [f"/p/{name}" for name in failed]
    assert hooks(diary) == [f"{name} stop: restart" for name in reversed(failed)]
    await asyncio.sleep(100)
    assert len(hooks(diary)) == len(failed)
    for name in failed:
        await system.ref(f"/p/{name}").start()
    await settle()
    assert {line for line in diary if "kept" in line} == {"a kept", "b kept", "c kept"}
    check_account(system)


async def test_a_sibling_on_its_way_to_be_failed_is_not_brought_back(system: ActorSystem) -> None:
    async def slowly(_: object) -> None:
        await asyncio.sleep(1)

    await system.spawn(Hooked, "p", strategy="rest_for_one")
    for name, budget in (("a", 5), ("b", 0)):
        kwargs = {"ending": slowly}
        await system.spawn(Hooked, name, parent="/p", kwargs=kwargs, budget={"max": budget})
    cell(system, "/p/b").fail(ValueError("no"), None, "restart")
    await asyncio.sleep(0.5)
    cell(system, "/p/a").fail(ValueError("no"), None, "restart")
    await asyncio.sleep(10)
    assert states(system) == {"/p": "running", "/p/a": "running", "/p/b": "failed"}


async def test_who_is_failed_with_a_sibling_begins_again_with_a_whole_budget(
    system: ActorSystem, diary: list[str]
) -> None:
    await family(system, diary, "rest_for_one", a={"budget": {"max": 0}}, b={})
    tell(system, "b")
    await asyncio.sleep(1)
    assert len(cell(system, "/p/b").stamps) == 1
    tell(system, "a")
    await settle()
    await system.ref("/p/b").start()
    assert cell(system, "/p/b").stamps == ()


# Several at once


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
@pytest.mark.parametrize("first", ["abc", "cba", "bca"])
async def test_siblings_that_fail_at_the_same_time_all_come_back(
    system: ActorSystem, diary: list[str], strategy: str, first: str
) -> None:
    await family(system, diary, strategy)
    for name in first:
        tell(system, name)
    await asyncio.sleep(5)
    assert set(states(system).values()) == {"running"}
    for name in "abc":
        assert await system.ref(f"/p/{name}").ask("alive") == "alive"
    check_account(system)


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
@pytest.mark.parametrize("late", ["a", "b", "c"])
@pytest.mark.parametrize("delay", [0.0, 0.1, 1.0, 1.1, 1.3, 2.0, 2.3, 3.3])
async def test_a_failure_at_any_moment_of_anothers_restart_leaves_all_running(
    system: ActorSystem, strategy: str, late: str, delay: float
) -> None:
    """With hooks that take their time: the second failure meets each phase of the first."""

    class Slow(Hooked):
        async def on_start(self) -> None:
            await asyncio.sleep(1)

        async def on_stop(self, reason: str) -> None:
            await asyncio.sleep(0.5)

    await system.spawn(Hooked, "p", strategy=strategy)
    settings: dict[str, Any] = {"on_error": "restart", "budget": {"max": 5}, "backoff": EVEN}
    for name in "abc":
        await system.spawn(Slow, name, parent="/p", **settings)
    cell(system, "/p/b").fail(ValueError("first"), None)
    await asyncio.sleep(delay)
    cell(system, f"/p/{late}").fail(ValueError("second"), None, "restart")
    await asyncio.sleep(30)
    assert set(states(system).values()) == {"running"}
    assert all(cell(system, f"/p/{name}").steering is None for name in "abc")
    assert all(cell(system, f"/p/{name}").renewal is None for name in "abc")


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
@pytest.mark.parametrize("culprit", ["a", "c"])
async def test_a_sibling_whose_start_fails_restarts_the_group_again(
    system: ActorSystem, diary: list[str], strategy: str, culprit: str
) -> None:
    fails: list[object] = []
    await family(system, diary, strategy, a={}, b={"kwargs": {"fails": fails}}, c={})
    fails.append(1)
    culprit = "a" if strategy == "rest_for_one" else culprit
    heard = listen(system, Restarting)
    tell(system, culprit)
    await asyncio.sleep(5)
    assert set(states(system).values()) == {"running"}
    again = "abc" if strategy == "one_for_all" else "bc"
    assert [line for line in diary if line.endswith(" start")] == [
        *("a start", "b start"),
        *(f"{name} start" for name in again),
    ]
    assert [(event.address, event.restarts) for event in heard] == [
        (f"/p/{culprit}", 1),
        ("/p/b", 1),
    ]


async def test_a_sibling_whose_start_spends_its_budget_fails_the_group(
    system: ActorSystem, diary: list[str]
) -> None:
    fails: list[object] = []
    await family(
        system,
        diary,
        "one_for_all",
        a={},
        b={"kwargs": {"fails": fails}, "budget": {"max": 0}},
        c={},
    )
    fails.append(1)
    tell(system, "c")
    await asyncio.sleep(100)
    assert states(system) == {"/p": "running", **dict.fromkeys(("/p/a", "/p/b", "/p/c"), "failed")}
    assert all(cell(system, f"/p/{name}").steering is None for name in "abc")


@pytest.mark.parametrize("verb", ["stop", "remove"])
async def test_the_others_come_back_when_the_culprit_is_taken_away_in_its_pause(
    system: ActorSystem, diary: list[str], verb: str
) -> None:
    await family(system, diary, "one_for_all")
    tell(system, "b")
    await settle()
    await getattr(system.ref("/p/b"), verb)()
    await asyncio.sleep(1)
    found = states(system)
    assert (found["/p/a"], found["/p/c"]) == ("running", "running")
    assert found.get("/p/b") == ("stopped" if verb == "stop" else None)


async def test_the_others_come_back_when_the_culprit_is_stopped_in_its_start(
    system: ActorSystem,
) -> None:
    async def slowly(_: object) -> None:
        await asyncio.sleep(1)

    await system.spawn(Hooked, "p", strategy="one_for_all")
    settings: dict[str, Any] = {"budget": {"max": 5}, "backoff": EVEN}
    for name in "abc":
        kwargs = {"starting": slowly}
        await system.spawn(Hooked, name, parent="/p", kwargs=kwargs, **settings)
    cell(system, "/p/a").fail(ValueError("no"), None, "restart")
    await asyncio.sleep(0.5)
    assert states(system)["/p/a"] == "starting"
    await system.ref("/p/a").stop()
    await asyncio.sleep(10)
    assert states(system) == {
        **dict.fromkeys(("/p", "/p/b", "/p/c"), "running"),
        "/p/a": "stopped",
    }


async def test_a_follower_that_is_stopped_stays_stopped(
    system: ActorSystem, diary: list[str]
) -> None:
    await family(system, diary, "one_for_all")
    tell(system, "a")
    await settle()
    await system.ref("/p/b").stop()
    await asyncio.sleep(1)
    assert states(system) == {
        **dict.fromkeys(("/p", "/p/a", "/p/c"), "running"),
        "/p/b": "stopped",
    }


async def test_an_operators_start_of_a_follower_does_not_wait_for_the_others(
    system: ActorSystem, diary: list[str]
) -> None:
    await family(system, diary, "one_for_all")
    tell(system, "a")
    await settle()
    await system.ref("/p/b").start()
    assert (now(), states(system)["/p/b"]) == (0.0, "running")
    await asyncio.sleep(1)
    assert set(states(system).values()) == {"running"}
    assert diary.count("b start") == 1


async def test_an_operators_restart_of_the_culprit_while_the_others_start_forgets_nobody(
    system: ActorSystem,
) -> None:
    async def slowly(_: object) -> None:
        await asyncio.sleep(1)

    await system.spawn(Hooked, "p", strategy="one_for_all")
    settings: dict[str, Any] = {"on_error": "restart", "budget": {"max": 5}, "backoff": EVEN}
    for name in "abc":
        kwargs = {"starting": slowly}
        await system.spawn(Hooked, name, parent="/p", kwargs=kwargs, **settings)
    cell(system, "/p/a").fail(ValueError("first"), None)
    await asyncio.sleep(1.5)
    assert states(system)["/p/a"] == "running"
    await system.ref("/p/a").restart()
    await asyncio.sleep(10)
    assert set(states(system).values()) == {"running"}


async def test_a_restart_of_the_parent_takes_the_lead(
    system: ActorSystem, diary: list[str]
) -> None:
    made: dict[str, dict[str, Any]] = {
        name: {"on_error": "restart", "backoff": {"initial": 20.0}} for name in "abc"
    }
    kwargs = {"diary": diary, "children": made}
    await system.spawn(Diarist, "p", kwargs=kwargs, strategy="one_for_all")
    tell(system, "b")
    await settle()
    diary.clear()
    await system.ref("/p").restart()
    await asyncio.sleep(100)
    assert hooks(diary) == ["p stop: restart", "p start", "a start", "b start", "c start"]
    assert set(states(system).values()) == {"running"}


async def test_a_shutdown_in_the_pause_starts_nobody(system: ActorSystem, diary: list[str]) -> None:
    await family(system, diary, "one_for_all")
    tell(system, "c")
    await settle()
    diary.clear()
    report = await system.shutdown()
    assert (report.clean, diary, system.tree()) == (True, [], [])


async def test_an_abort_at_any_phase_of_a_group_restart_ends_everything(
    system: ActorSystem,
) -> None:
    await system.spawn(Hooked, "p", strategy="one_for_all")
    settings: dict[str, Any] = {"on_error": "restart", "budget": {"max": 5}, "backoff": EVEN}
    for name in "abc":
        kwargs = {"ending": forever}
        await system.spawn(Hooked, name, parent="/p", kwargs=kwargs, **settings)
    cell(system, "/p/a").fail(ValueError("first"), None)
    await settle()
    system.abort()
    await system.shutdown()
    assert system.tree() == []
    assert now() <= 2.0


async def test_a_spawn_during_a_group_restart_is_told_of_its_failure_at_once(
    system: ActorSystem,
) -> None:
    async def fail(_: Actor) -> None:
        await asyncio.sleep(1)
        raise ValueError("no start")

    await system.spawn(Hooked, "p", strategy="one_for_all")
    spawning = await begin(
        system.spawn(
            Hooked, "a", parent="/p", kwargs={"starting": fail}, budget={"max": 2}, backoff=EVEN
        )
    )
    with pytest.raises(StartFailed, match="no start"):
        await spawning
    assert now() == 1.0
    await asyncio.sleep(100)
    assert states(system)["/p/a"] == "failed"
