"""The verbs of the control API on a host that runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from aplay_host.control import AskReport, ControlPort
from aplay_host.errors import CommandError
from aplay_host.host.port import HostPort
from aplay_host.plugins import Catalog, Entry
from tests.host.orders import by_me

if TYPE_CHECKING:
    from tests.host.conftest import Make, Serve

TREE = """
    [actors."/echo"]
    use = "tests.host.actors:Echo"
    [actors."/tight"]
    use = "tests.host.actors:Tight"
    [actors."/bad"]
    use = "tests.host.actors:NoStart"
    required = false
    [actors."/w/parent"]
    use = "tests.host.actors:Parent"
"""
ALL = ["/echo", "/tight", "/bad", "/w", "/w/parent", "/w/parent/child"]


@pytest.fixture
async def port(serve: Serve) -> HostPort:
    return HostPort((await serve(TREE)).host)


@contextmanager
def refused(kind: str, told: str = "") -> Iterator[None]:
    with pytest.raises(CommandError) as caught:
        yield
    assert caught.value.kind.name == kind
    assert told in caught.value.detail


def host_of(port: HostPort) -> Any:
    return port._host


async def stopped(port: HostPort, address: str) -> None:
    await host_of(port).system.ref(address).stop()


# ---- looking -------------------------------------------------------------------------------


async def test_all_rows_come_in_tree_order_without_the_root(port: HostPort) -> None:
    assert [row.address for row in (await port.actors([])).rows] == ALL


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (["/echo"], ["/echo"]),
        (["echo"], ["/echo"]),
        (["/bad", "/echo", "/echo"], ["/echo", "/bad"]),
        (["/w/**"], ["/w", "/w/parent", "/w/parent/child"]),
        (["/*"], ["/echo", "/tight", "/bad", "/w"]),
        (["*t*"], ["/tight"]),
    ],
)
async def test_addresses_and_patterns_name_rows(
    port: HostPort, given: list[str], named: list[str]
) -> None:
    assert [row.address for row in (await port.actors(given)).rows] == named


@pytest.mark.parametrize("given", [["/nobody"], ["/"], ["/echo", "/nobody"], ["/x*"]])
async def test_what_names_no_actor_is_told(port: HostPort, given: list[str]) -> None:
    with refused("no-such-actor", f"{given[-1]} names no actor"):
        await port.actors(given)


@pytest.mark.parametrize("given", ["/a b", "/echo/", "//echo", "/é"])
async def test_what_is_no_address_is_a_bad_request(port: HostPort, given: str) -> None:
    with refused("bad-request", "address"):
        await port.actors([given])


async def test_rows_tell_state_origin_and_error(port: HostPort) -> None:
    rows = {row.address: row for row in (await port.actors([])).rows}
    assert rows["/echo"].type == "tests.host.actors:Echo"
    assert rows["/w"].type == "group"
    assert rows["/w/parent/child"].type == "tests.host.actors:Echo"
    assert [row.required for row in rows.values()] == [True, True, False, False, True, False]
    assert {row.state for row in rows.values()} == {"running", "failed"}
    assert rows["/w"].children == ("/w/parent",)
    error = rows["/bad"].last_error
    assert error is not None
    assert (error.type, error.text) == ("OSError", "the disk is gone")
    assert error.where.endswith(" in on_start")


async def test_the_tree_is_that_of_the_root_or_of_one_actor(port: HostPort) -> None:
    assert [row.address for row in (await port.tree("/")).children] == [
        "/echo",
        "/tight",
        "/bad",
        "/w",
    ]
    assert (await port.tree("/")).address == "/"
    assert [row.address for row in (await port.tree("w")).children] == ["/w/parent"]
    assert (await port.tree("/w/*")).address == "/w/parent"


async def test_the_tree_wants_one_root(port: HostPort) -> None:
    with refused("bad-request", "/* names 4 actors, want one"):
        await port.tree("/*")
    with refused("no-such-actor"):
        await port.tree("/nobody")


async def test_a_plugin_row_names_who_runs_its_class_and_no_hook_plugin_does(
    port: HostPort,
) -> None:
    here = "tests.host.actors"
    offered = Entry("acme", "x", "actor", "1", f"{here}:Echo", "found", "/nowhere")
    hooks = Entry("acme", "x", "plugin", "1", here, "found", "/nowhere")
    host = host_of(port)
    host.plugins.catalog = Catalog((offered, hooks))
    for address, origin in list(host.origins.items()):
        if address in ("/echo", "/tight"):
            host.origins[address] = type(origin)("acme/x", "acme")
    assert {row.door: row.actors for row in (await port.plugins())} == {
        "actor": ("/echo", "/tight"),
        "plugin": (),
    }


# ---- asking --------------------------------------------------------------------------------


async def test_a_reply_comes_with_address_and_time(port: HostPort) -> None:
    report = await port.ask("echo", {"n": (1, 2)}, by_me(1.0))
    assert isinstance(report, AskReport)
    assert (report.address, report.reply) == ("/echo", {"n": [1, 2]})
    assert report.took_s >= 0


@pytest.mark.parametrize(
    ("message", "kind", "told"),
    [
        ({"raise": "ValueError"}, "handler-failed", "/echo failed: ValueError: no such thing"),
        ({"raise": "Refuse"}, "handler-failed", "/echo refused: not now"),
        ({"reply": "nan"}, "handler-failed", "/echo replied, but nan cannot be shown as JSON"),
        ({"reply": "object"}, "handler-failed", "/echo replied, but a value of type object"),
        ("wait", "timeout", "no reply from /echo within 0.5 s"),
        # What a handler meets with others is its own failure, and says nothing about itself.
        ({"raise": "TimeoutError"}, "handler-failed", "/echo failed: TimeoutError: of my own"),
        ({"raise": "MailboxFull"}, "handler-failed", "/echo failed: MailboxFull: of another"),
        ({"ask": "/bad", "within": 0.1}, "handler-failed", "/echo failed: ActorStopped: /bad"),
        ({"ask": "/none", "within": 0.1}, "handler-failed", "/echo failed: ActorStopped: /none"),
        (
            {"ask": "/echo", "within": 0.1},
            "handler-failed",
            "/echo failed: AskCycle: /echo -> /echo",
        ),
    ],
)
async def test_an_ask_that_fails_is_the_problem_that_it_is(
    port: HostPort, message: Any, kind: str, told: str
) -> None:
    with refused(kind, told):
        await port.ask("/echo", message, by_me(0.5))


async def test_an_actor_that_cannot_answer_says_so_at_once(port: HostPort) -> None:
    await stopped(port, "/echo")
    with refused("actor-stopped", "it is stopped"):
        await port.ask("/echo", 1, by_me(3600.0))
    with refused("actor-failed", "it is failed"):
        await port.ask("/bad", 1, by_me(3600.0))


async def test_a_full_mailbox_refuses(port: HostPort) -> None:
    await port.send(["/tight"], "wait", by_me(1.0))
    await asyncio.sleep(0)  # the first is in hand
    await port.send(["/tight"], "fills it", by_me(1.0))
    with refused("mailbox-full", "1 of 1 waiting"):
        await port.ask("/tight", 1, by_me(1.0))


@pytest.mark.parametrize("given", ["/w/**", "/*"])
async def test_one_actor_is_asked_at_a_time(port: HostPort, given: str) -> None:
    with refused("bad-request", "want one"):
        await port.ask(given, 1, by_me(1.0))


# ---- sending -------------------------------------------------------------------------------


async def test_mail_to_a_pattern_reaches_each_actor_that_it_names(port: HostPort) -> None:
    report = await port.send(["/w/parent/*", "echo"], "x", by_me(1.0))
    assert report.accepted == 2
    assert [result.address for result in report.results] == ["/w/parent/child", "/echo"]


async def test_stopped_and_failed_actors_keep_the_mail_that_they_are_sent(port: HostPort) -> None:
    await stopped(port, "/echo")
    assert (await port.send(["/echo", "/bad"], "x", by_me(1.0))).accepted == 2
    rows = [*(await port.actors(["/echo", "/bad"])).rows]
    assert [row.pending for row in rows] == [1, 1]
    for row in rows:
        counts = row.counters
        settled = counts.handled + counts.failed + counts.dead
        assert counts.accepted == settled + row.pending + row.in_hand


async def test_who_is_full_is_told_beside_who_has_accepted(port: HostPort) -> None:
    await stopped(port, "/tight")
    await port.send(["/tight"], "fills it", by_me(1.0))
    report = await port.send(["/tight", "/echo"], "x", by_me(1.0))
    assert report.accepted == 1
    assert [result.ok for result in report.results] == [False, True]
    problem = report.results[0].problem
    assert problem is not None
    assert problem["type"].endswith(":mailbox-full")


# ---- before and after ----------------------------------------------------------------------


async def test_a_host_without_a_tree_says_that_it_is_starting(make: Make) -> None:
    port: ControlPort = HostPort(make(TREE))
    assert port.host().state == "starting"
    assert (await port.ready()).status == port.started().status == "not ready"
    assert port.live().status == "ok"
    assert (await port.plugins()) == []
    for look in (port.actors([]), port.tree("/")):
        with refused("starting"):
            await look
    for act in (port.send(["/echo"], 1, by_me(1.0)), port.ask("/echo", 1, by_me(1.0))):
        with refused("starting"):
            await act


async def test_a_host_that_stops_takes_no_mail_and_can_still_be_looked_at(port: HostPort) -> None:
    host_of(port).phase = "stopping"
    with refused("stopping"):
        await port.send(["/echo"], 1, by_me(1.0))
    with refused("stopping"):
        await port.ask("/echo", 1, by_me(1.0))
    assert [row.address for row in (await port.actors([])).rows] == ALL
    assert (await port.ready()).status == "not ready"
