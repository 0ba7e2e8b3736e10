"""Sums over actors: nothing falls, nothing is counted twice, and all of it adds up."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator

import pytest

from aplay_host.kernel import ActorSystem, Address
from aplay_host.telemetry import Ledger, Snapshot
from aplay_host.telemetry import ledger as ledger_module

from .counted import Other, Worker, name_of


@pytest.fixture
async def system() -> AsyncIterator[ActorSystem]:
    async with ActorSystem("test") as system:
        yield system


def totals(found: Snapshot) -> dict[tuple[str, str], float]:
    """Return every total by type and name."""
    flat = {}
    for kind, it in found.types.items():
        for name in ("accepted", "handled", "failed", "dead", "worked_s"):
            flat[kind, name] = getattr(it, name)
        flat |= {(kind, "/".join(key)): float(number) for key, number in it.counts.items()}
    return flat


def check_sums(found: Snapshot) -> None:
    for it in found.types.values():
        settled = it.handled + it.failed + it.dead
        assert it.accepted == settled + it.pending.total()


async def test_actors_of_a_type_are_summed(system: ActorSystem) -> None:
    ledger = Ledger(system, name_of)
    one = await system.spawn(Worker, "a", mailbox={"capacity": 7})
    two = await system.spawn(Worker, "b", mailbox={"capacity": 8})
    for ref in (one, two):
        ref.tell_nowait(1)
        ref.tell_nowait("raise")
    await asyncio.sleep(5)
    two.tell_nowait(100)
    two.tell_nowait(100)
    await asyncio.sleep(2)
    (sums,) = (await ledger.take()).types.values()
    assert (sums.accepted, sums.handled, sums.failed, sums.dead) == (6, 2, 2, 0)
    assert (dict(sums.pending), sums.in_hand) == ({"memory": 2}, 1)
    assert dict(sums.capacity) == {"memory": 15}
    assert dict(sums.states) == {"running": 2}
    assert sums.worked_s == pytest.approx(4)
    assert sums.oldest_s == pytest.approx(2)


async def test_counters_never_fall_when_actors_go(system: ActorSystem) -> None:
    ledger = Ledger(system, name_of)
    for n in range(20):
        ref = await system.spawn(Worker if n % 2 else Other, f"a{n}")
        for message in (1, "raise", "refuse"):
            ref.tell_nowait(message)
    await asyncio.sleep(5)
    before = totals(await ledger.take())
    for ref in system.select("/*"):
        await ref.stop()
        ref.tell_nowait("waits")
        await ref.remove()
    found = await ledger.take()
    after = totals(found)
    assert all(after[key] >= number for key, number in before.items())
    assert after["Worker", "dead"] == after["Other", "dead"] == 10
    assert found.types["Worker"].states == {}
    check_sums(found)


@pytest.mark.parametrize("seed", range(5))
async def test_the_account_holds_at_every_look_while_actors_come_and_go(
    system: ActorSystem, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "SLICE", 3)
    monkeypatch.setattr(logging.getLogger("aplay_host.kernel"), "disabled", True)
    chance, ledger, count = random.Random(seed), Ledger(system, name_of), 0

    async def live() -> None:
        nonlocal count
        while True:
            refs = system.select("/*")
            for ref in refs:
                deed = chance.choice(("tell",) * 8 + ("remove", "stop", "restart", "start"))
                if deed == "tell":
                    ref.tell_nowait(chance.choice(("raise", "refuse", "x", 0.3, 0.01)))
                else:
                    getattr(ref, "human_start" if deed == "start" else deed)()
            if len(refs) < 20:
                count += 1
                await system.spawn(chance.choice((Worker, Other)), f"a{count}")
            await asyncio.sleep(chance.choice((0, 0, 0.01)))

    living = asyncio.create_task(live())
    last: dict[tuple[str, str], float] = {}
    for _ in range(150):
        found = await ledger.take()
        check_sums(found)
        now = totals(found)
        assert all(now[key] >= number - 1e-6 for key, number in last.items())
        last = now
        await asyncio.sleep(0.001)
    assert count > 20
    living.cancel()
    await asyncio.gather(living, return_exceptions=True)


async def test_label_values_are_finite_under_many_addresses(system: ActorSystem) -> None:
    ledger = Ledger(system, name_of)
    top = await system.spawn(Worker, "top")
    for n in range(1000):
        await system.spawn(Worker, f"a{n}", parent=top)
    assert set((await ledger.take()).types) == {"Worker"}


async def test_the_types_are_finite_where_each_actor_has_its_own(
    system: ActorSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "MOST_TYPES", 10)
    ledger = Ledger(system, name_of)
    for n in range(30):
        await system.spawn(type(f"T{n}", (Worker,), {}), f"a{n}")
    found = await ledger.take()
    assert len(found.types) == 11
    assert found.types["other"].states["running"] == 20


# ---- what the file calls them --------------------------------------------------------------


async def test_what_was_counted_under_a_former_type_stays_there(system: ActorSystem) -> None:
    ledger, address = Ledger(system, name_of), Address("/a")
    ref = await system.spawn(Worker, "a")
    ledger.declare({address: "acme/old"})
    await ref.ask(0)
    before = totals(await ledger.take())
    ledger.declare({address: "acme/new"})
    await ref.ask(0)
    after = totals(await ledger.take())
    assert before["acme/old", "handled"] == after["acme/old", "handled"] == 1
    assert after["acme/new", "handled"] == 1
    ledger.declare({})
    await ref.ask(0)
    await ref.remove()
    gone = totals(await ledger.take())
    assert (gone["acme/old", "handled"], gone["acme/new", "handled"]) == (1, 2)


async def test_a_type_that_changes_during_a_look_is_counted_once(
    system: ActorSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "SLICE", 1)
    ledger = Ledger(system, name_of)
    for name in ("a", "b", "c"):
        ref = await system.spawn(Worker, name)
        await ref.ask(0)
    ledger.declare({Address("/c"): "old"})
    looking = asyncio.create_task(ledger.take())
    await asyncio.sleep(0)
    ledger.declare({Address("/c"): "new"})
    found = await looking
    assert {kind: it.handled for kind, it in found.types.items()} == {
        "Worker": 2,
        "old": 1,
        "new": 0,
    }


# ---- single actors -------------------------------------------------------------------------


async def test_actors_that_are_asked_for_by_address_are_singled_out(system: ActorSystem) -> None:
    ledger = Ledger(system, name_of)
    for name in ("a", "b"):
        await system.spawn(Worker, name)
    await system.ref("/b").stop()
    system.ref("/b").tell_nowait(1)
    singles = (await ledger.take(["/b", "/*"])).singles
    assert [(it.address, it.up, it.pending) for it in singles] == [
        ("/a", True, 0),
        ("/b", False, 1),
    ]
    assert (await ledger.take(["/x"])).singles == []


async def test_no_more_than_so_many_are_singled_out(
    system: ActorSystem, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ledger_module, "MOST_ADDRESSES", 2)
    ledger = Ledger(system, name_of)
    for n in range(4):
        await system.spawn(Worker, f"a{n}")
    for _ in range(2):
        assert len((await ledger.take(["/**"])).singles) == 2
    told = "metrics.per_address names more than 2 actors; the rest have no series"
    assert caplog.messages == [told]
