"""Who did what: each change that is asked for is an event and a line in the log."""

from __future__ import annotations

import asyncio
import logging
import signal
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from aplay_host.control import EventRow, Order, Who
from aplay_host.errors import CommandError
from aplay_host.host import Host
from aplay_host.host.audit import LONGEST_TARGET
from aplay_host.host.port import HostPort
from tests.host.orders import ME, by_me

if TYPE_CHECKING:
    from tests.host.conftest import Serve

ECHO = """
    [actors."/echo"]
    use = "tests.host.actors:Echo"
"""
TREE = f"""{ECHO}
    [actors."/bad"]
    use = "tests.host.actors:NoStart"
    required = false
"""


@pytest.fixture
async def port(serve: Serve) -> HostPort:
    return HostPort((await serve(TREE)).host)


def host_of(port: HostPort) -> Host:
    return port._host


def audited(port: HostPort) -> list[EventRow]:
    return [row for row in host_of(port).events.after(0) if row.type == "audit"]


def told(row: EventRow, *keys: str) -> tuple[Any, ...]:
    return tuple(row.data[key] for key in keys)


async def test_each_verb_that_acts_is_told_with_who_what_why_and_what_came_of_it(
    port: HostPort, caplog: pytest.LogCaptureFixture
) -> None:
    host_of(port).audit._names = {1000: "anna"}
    with caplog.at_level(logging.INFO, "aplay_host.audit"):
        await port.send(["echo"], {"password": "secret"}, by_me(1.0))
        await port.ask("/echo", {"password": "secret"}, by_me(1.0))
        await port.stop(["/echo"], by_me(1.0, "disk full"))
        await port.start(["/e*"], by_me(1.0))
        await port.restart(["/echo"], by_me(1.0))
        await port.reload([], by_me(), config=False, dry_run=True)
        await port.rollback(by_me(), dry_run=False)
    rows = audited(port)
    assert [told(row, "verb", "target", "reason", "outcome", "problem") for row in rows] == [
        ("send", "/echo", None, "done", None),
        ("ask", "/echo", None, "done", None),
        ("stop", "/echo", "disk full", "done", None),
        ("start", "/e*", None, "done", None),
        ("restart", "/echo", None, "done", None),
        ("reload", "", None, "dry run", None),
        ("rollback", "", None, "refused", "nothing-before"),
    ]
    assert {row.who for row in rows} == {ME}
    assert [row.address for row in rows] == ["/echo", "/echo", "/echo", "/", "/echo", "/", "/"]
    assert told(rows[2], "generation_from", "generation_to") == (1, 1)
    assert rows[2].data["took_s"] >= 0
    assert "secret" not in str([asdict(row) for row in rows]) + caplog.text
    lines = [one.getMessage() for one in caplog.records if one.name == "aplay_host.audit"]
    assert len(lines) == len(rows)
    assert lines[2] == 'stop /echo by uid 1000 (anna), pid 77, reason "disk full": done'
    assert lines[6] == "rollback by uid 1000 (anna), pid 77: refused (nothing-before)"


@pytest.mark.parametrize(
    ("address", "message", "outcome", "problem"),
    [
        ("/nobody", 1, "refused", "no-such-actor"),
        ("/bad", 1, "refused", "actor-failed"),
        ("/echo", {"raise": "ValueError"}, "failed", "handler-failed"),
        ("/echo", "wait", "failed", "timeout"),
    ],
)
async def test_what_comes_to_nothing_is_told_with_its_problem(
    port: HostPort, address: str, message: Any, outcome: str, problem: str
) -> None:
    with pytest.raises(CommandError):
        await port.ask(address, message, by_me(0.5))
    assert told(audited(port)[-1], "outcome", "problem") == (outcome, problem)


async def test_what_came_to_nothing_with_one_of_several_is_told(port: HostPort) -> None:
    await port.start(["/echo", "/bad"], by_me(60.0))
    assert told(audited(port)[-1], "outcome", "problem") == ("failed", "start-failed")


async def test_who_goes_away_has_cancelled(port: HostPort) -> None:
    asking = asyncio.create_task(port.ask("/echo", "wait", by_me(60.0)))
    await asyncio.sleep(0)  # it has begun
    asking.cancel()
    await asyncio.wait({asking})
    assert told(audited(port)[-1], "outcome", "problem") == ("cancelled", None)


async def test_a_target_without_end_is_cut(port: HostPort) -> None:
    with pytest.raises(CommandError):
        await port.stop(["/nobody"] * 10_000, by_me())
    target = audited(port)[-1].data["target"]
    assert len(target) < LONGEST_TARGET + 30
    assert target.endswith("… (10000 in all)")


async def test_without_a_wait_a_verb_is_answered_once_it_has_taken_effect(port: HostPort) -> None:
    await port.send(["/echo"], "wait", by_me(1.0))
    await asyncio.sleep(0)
    (result,) = (await port.restart(["/echo"], by_me(0.0))).results
    assert (result.state, result.problem) == ("restarting", None)
    (result,) = (await port.restart(["/echo"], by_me(0.5))).results
    assert result.problem is not None


async def test_a_hold_knows_whose_it_is_and_why(serve: Serve) -> None:
    host = (await serve(TREE)).host
    await HostPort(host).stop(["/echo"], Order(Who("peer", 0, 7), "disk full", 1.0))
    hold = host.holds["/echo"]
    assert (hold.uid, hold.user, hold.reason) == (0, "root", "disk full")
    await HostPort(host).stop(["/bad"], by_me(1.0))
    assert (host.holds["/bad"].uid, host.holds["/bad"].user) == (1000, None)


@pytest.mark.real_time
async def test_a_signal_is_told_whoever_sent_it(serve: Serve) -> None:
    port = HostPort((await serve(ECHO)).host)
    host = host_of(port)
    signal.raise_signal(signal.SIGHUP)
    await host.events.more(host.events.seq)
    row = audited(port)[-1]
    assert row.who == Who("signal")
    assert told(row, "verb", "reason", "outcome") == ("reload", "SIGHUP", "nothing")
    signal.raise_signal(signal.SIGTERM)
    await host.events.more(row.seq)
    assert told(audited(port)[-1], "verb", "reason") == ("stop", "SIGTERM")
