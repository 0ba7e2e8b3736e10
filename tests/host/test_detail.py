"""``show`` on a running host: the facts that it gathers, and the headline that comes of them."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

import pytest

from aplay_host.control import ActorDetail, ActorRow, OptionRow
from aplay_host.errors import CommandError
from aplay_host.host.port import HostPort
from tests.host import actors
from tests.host.conftest import life_of
from tests.host.orders import by_me

if TYPE_CHECKING:
    from tests.host.conftest import Make, Serve

TREE = """
    [actors."/echo"]
    use = "tests.host.actors:Echo"
    [actors."/again"]
    use = "tests.host.actors:Echo"
    on_error = "restart"
    backoff = { initial = 50, max = 50, jitter = 0 }
    [actors."/stops"]
    use = "tests.host.actors:Echo"
    on_error = "stop"
    [actors."/missing"]
    use = "tests.host.actors:Nobody"
    options = { token = "hidden" }
    [actors."/bad"]
    use = "tests.host.actors:NoStart"
    [actors."/bad/below"]
    use = "tests.host.actors:Echo"
    [actors."/w/parent"]
    use = "tests.host.actors:Parent"
    [actors."/chosen"]
    use = "tests.host.actors:Choosy"
    options = { to = "/echo", db_password = "hidden" }
"""


@pytest.fixture
async def port(serve: Serve) -> HostPort:
    return HostPort((await serve(TREE)).host)


def headline(detail: ActorDetail) -> tuple[str, str, str | None]:
    why = detail.why[0]
    return why.rule, why.text, why.next


async def fail(port: HostPort, address: str) -> None:
    with pytest.raises(CommandError, match="no such thing"):
        await port.ask(address, {"raise": "ValueError"}, by_me(1.0))
    await asyncio.sleep(1.0)  # of virtual time


ERROR = "last error ValueError: no such thing at actors.py:"


async def test_a_detail_is_the_row_of_the_actor_with_more(port: HostPort) -> None:
    detail = await port.show("/echo")
    (row,) = (await port.actors(["/echo"])).rows
    names = [field.name for field in dataclasses.fields(ActorRow) if field.name != "since"]
    assert [getattr(detail, name) for name in names] == [getattr(row, name) for name in names]
    rule, text, command = headline(detail)
    assert (rule, command) == ("otherwise", None)
    assert text.endswith("(generation 1, started by config at aplay.toml:3:7)")
    assert detail.source is not None
    assert detail.source.file == actors.__file__
    assert (detail.in_hand_now, detail.timers, detail.watchers) == ((), (), ())
    assert detail.restart_history == ()


@pytest.mark.parametrize("given", ["bad", "/bad", "/b*"])
async def test_one_actor_is_named_as_for_other_verbs(port: HostPort, given: str) -> None:
    assert (await port.show(given)).address == "/bad"


@pytest.mark.parametrize(
    ("given", "kind", "hint"),
    [
        ("/ecoh", "no-such-actor", "did you mean /echo?"),
        ("/", "no-such-actor", ""),
        ("/*", "bad-request", "give the address of one actor"),
        ("/a b", "bad-request", ""),
    ],
)
async def test_what_is_no_one_actor_is_told(
    port: HostPort, given: str, kind: str, hint: str
) -> None:
    with pytest.raises(CommandError) as caught:
        await port.show(given)
    assert caught.value.kind.name == kind
    assert hint in caught.value.hint


async def test_a_failed_actor_tells_its_budget_and_each_of_its_errors(port: HostPort) -> None:
    detail = await port.show("/bad")
    rule, text, command = headline(detail)
    assert (rule, command) == ("failed", "aplay-host start /bad")
    assert text.startswith("is failed: 5 restarts in 30 s spent the budget ")
    assert "last error OSError: the disk is gone at actors.py:" in text
    assert [error.text for error in detail.restart_history] == ["the disk is gone"] * 6
    assert detail.restart_history[-1] == detail.last_error


async def test_who_fails_with_its_parent_points_to_it(port: HostPort) -> None:
    rule, text, command = headline(await port.show("/bad/below"))
    assert (rule, command) == ("another", "aplay-host show /bad")
    assert text.startswith("is failed because /bad failed ")


async def test_who_has_no_class_says_where_it_is_named(port: HostPort) -> None:
    detail = await port.show("/missing")
    rule, text, command = headline(detail)
    assert (rule, command) == ("no-class", "aplay-host check")
    assert text.startswith('is failed: "tests.host.actors:Nobody" cannot be loaded: ')
    assert text.endswith(" (aplay.toml:12:7)")
    assert detail.source is None
    assert detail.options == ()  # what is secret in them, only the class can say


async def test_a_stop_by_a_person_is_told_with_its_time(port: HostPort) -> None:
    await port.stop(["/echo"], by_me(1.0))
    began = port._host.holds["/echo"]
    await port.send(["/echo"], "x", by_me(1.0))
    rule, text, command = headline(await port.show("/echo"))
    assert (rule, command) == ("held", "aplay-host start /echo")
    assert text.startswith("was stopped by uid 1000 just now")
    assert text.endswith("; 1 message is kept")
    await port.stop(["/echo"], by_me(1.0))
    assert port._host.holds["/echo"] is began
    await port.start(["/echo"], by_me(1.0))
    assert port._host.holds == {}
    assert (await port.show("/echo")).why[0].rule == "otherwise"


async def test_a_stop_by_code_is_not_told_as_a_persons(port: HostPort) -> None:
    await port._host.system.ref("/echo").stop()
    assert headline(await port.show("/echo"))[1].startswith("was stopped by code ")
    assert "/echo was stopped by code" in [check.detail for check in (await port.ready()).checks]
    await port.stop(["/echo"], by_me(1.0))
    assert headline(await port.show("/echo"))[1].startswith("was stopped by uid 1000")


async def test_an_actor_that_its_error_stopped_says_so(port: HostPort) -> None:
    await fail(port, "/stops")
    rule, text, command = headline(await port.show("/stops"))
    assert (rule, command) == ("held", "aplay-host start /stops")
    assert text.startswith("stopped itself ")
    assert ERROR in text
    details = [check.detail for check in (await port.ready()).checks]
    assert "/stops stopped itself after an error: no such thing" in details


async def test_an_actor_in_its_pause_says_how_long_it_lasts(port: HostPort) -> None:
    await fail(port, "/again")
    rule, text, command = headline(await port.show("/again"))
    assert (rule, command) == ("restarting", "aplay-host start /again")
    assert text.startswith(f"restarts in 49 s: 1 of 5 in 30 s; {ERROR}")
    await port.start(["/again"], by_me(1.0))
    assert (await port.show("/again")).state == "running"


async def test_options_come_with_their_source(port: HostPort) -> None:
    assert (await port.show("/chosen")).options == (
        OptionRow("to", "/echo", "aplay.toml:22:18"),
        OptionRow("db_password", "********", "aplay.toml:22:41"),
        OptionRow("most", 3, "plugin default"),
    )


async def test_an_actor_of_an_actor_is_made_by_code(port: HostPort) -> None:
    detail = await port.show("/w/parent/child")
    assert detail.why[0].text.endswith("(generation 1, made by code)")
    assert headline(await port.show("/w")) == (
        "otherwise",
        "only groups its children",
        "aplay-host tree /w",
    )


async def test_an_actor_that_does_not_come_up_can_be_shown_meanwhile(make: Make) -> None:
    host = make('[actors."/never"]\nuse = "tests.host.actors:NeverUp"')
    port = HostPort(host)
    with pytest.raises(CommandError, match="still starting"):
        await port.show("/never")
    running = asyncio.create_task(life_of(host))
    await asyncio.sleep(20)
    rule, text, command = headline(await port.show("/never"))
    assert (rule, command) == ("starting", "aplay-host stop /never")
    assert (
        text == "has been starting for 20 s at actors.py:59 in on_start; it is cut off after 30 s"
    )
    host.stop("the test is over")
    await running
