"""Dead letters of a running host: seen, sent again, dropped."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest

from aplay_host.control import LetterChoice, LetterDetail
from aplay_host.errors import CommandError
from aplay_host.host.port import HostPort
from tests.host.orders import by_me

if TYPE_CHECKING:
    from tests.host.conftest import Serve

TREE = """
    [actors."/a"]
    use = "tests.host.actors:Echo"
    [actors."/tight"]
    use = "tests.host.actors:Tight"
    mailbox = { capacity = 1, overflow = "wait" }
"""


@pytest.fixture
async def port(serve: Serve) -> HostPort:
    return HostPort((await serve(TREE)).host)


def lose(port: HostPort, address: str, *messages: Any) -> None:
    """Make dead letters of `messages`, as of mail that waited at a removed actor."""
    cell = port._host.system.cell_at(port._host.system.ref(address).address)
    if cell is None:
        for message in messages:
            port._host.system.ref(address).tell_nowait(message)
    else:
        cell.bury(messages, "removed")


async def ids(port: HostPort, **choice: Any) -> list[str]:
    return [row.id for row in (await port.dead(LetterChoice(**choice), None)).rows]


def handled(port: HostPort, address: str) -> int:
    return port._host.system.ref(address).status().handled


async def test_the_newest_letter_comes_first(port: HostPort) -> None:
    lose(port, "/gone", "secret")
    lose(port, "/a", 1)
    first, second = (await port.dead(LetterChoice(), None)).rows
    assert (first.id, first.address, first.reason, first.message_type) == (
        "m2",
        "/a",
        "removed",
        "int",
    )
    assert (second.address, second.reason, second.message_type) == ("/gone", "no_actor", "str")
    assert second.at.endswith("Z")
    assert "secret" not in str(second)


async def test_letters_are_chosen_by_reason_and_by_address(port: HostPort) -> None:
    lose(port, "/gone", 1)
    lose(port, "/gone/too", 2)
    lose(port, "/a", 3)
    assert await ids(port, cause="no_actor") == ["m2", "m1"]
    assert await ids(port, address="gone/*") == ["m2"]
    assert await ids(port, address="/gone") == ["m1"]
    assert await ids(port, cause="removed", address="/gone") == []
    with pytest.raises(CommandError, match="segment"):
        await ids(port, address="/a b")


async def test_a_page_says_where_the_rest_begins(port: HostPort) -> None:
    lose(port, "/gone", 1, 2, 3)
    page = await port.dead(LetterChoice(), 2)
    assert ([row.id for row in page.rows], page.next) == (["m3", "m2"], "m1")
    assert (await port.dead(LetterChoice(), 3)).next is None


class Opaque:
    def __repr__(self) -> str:
        return "<opaque " + "x" * 5000 + ">"


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("message", "payload", "form"),
    [
        ({"n": (1, None)}, {"n": [1, None]}, "json"),
        (LetterChoice(("m1",)), {"ids": ["m1"], "cause": None, "address": None}, "json"),
        (deque([1, 2]), "deque([1, 2])", "repr"),
    ],
)
async def test_what_is_in_a_letter_is_json_where_it_is_plain(
    port: HostPort, message: Any, payload: Any, form: str
) -> None:
    lose(port, "/gone", message)
    detail = await port.letter("m1")
    assert isinstance(detail, LetterDetail)
    assert (detail.payload, detail.payload_form) == (payload, form)
    assert detail.address == "/gone"


@pytest.mark.parametrize(("message", "begins"), [(Opaque(), "<opaque"), (Hostile(), "<Hostile")])
async def test_a_repr_is_cut_and_may_fail(port: HostPort, message: Any, begins: str) -> None:
    lose(port, "/gone", message)
    payload = (await port.letter("m1")).payload
    assert payload.startswith(begins)
    assert len(payload) <= 2000


async def test_a_letter_that_is_sent_again_is_one_no_more(port: HostPort) -> None:
    lose(port, "/a", 1, 2, 3)
    report = await port.replay(LetterChoice(("m1", "m3")), None, None, by_me(1.0))
    assert (report.matched, report.done, report.failed) == (2, 2, ())
    assert await ids(port) == ["m2"]
    await asyncio.sleep(1)
    assert handled(port, "/a") == 2


async def test_what_is_not_accepted_is_kept_with_its_problem(port: HostPort) -> None:
    lose(port, "/gone", 1)
    lose(port, "/a", 2)
    report = await port.replay(LetterChoice(address="/**"), None, None, by_me(1.0))
    (failure,) = report.failed
    assert (report.matched, report.done, failure.id) == (2, 1, "m1")
    assert failure.problem["type"].endswith(":no-such-actor")
    assert await ids(port) == ["m1"]


async def test_a_full_mailbox_is_waited_for_as_long_as_the_call_says(port: HostPort) -> None:
    await port.stop(["/tight"], by_me(1.0))
    lose(port, "/tight", 1, 2, 3)
    began = port._host.system.now()
    report = await port.replay(LetterChoice(cause="removed"), None, None, by_me(3.0))
    assert port._host.system.now() - began < 4.0
    assert (report.matched, report.done) == (3, 1)
    assert [it.problem["type"].rpartition(":")[2] for it in report.failed] == ["timeout"] * 2
    assert await ids(port) == ["m3", "m2"]


async def test_a_rate_puts_time_between_the_messages(port: HostPort) -> None:
    lose(port, "/a", 1, 2, 3)
    began = port._host.system.now()
    assert (await port.replay(LetterChoice(cause="removed"), None, 0.5, by_me(1.0))).done == 3
    assert port._host.system.now() - began == pytest.approx(4.0, abs=0.1)


async def test_two_replays_at_once_send_nothing_twice(port: HostPort) -> None:
    lose(port, "/a", 1, 2, 3)
    both = [port.replay(LetterChoice(cause="removed"), None, 1.0, by_me(1.0)) for _ in range(2)]
    reports = await asyncio.gather(*both)
    assert sum(report.done for report in reports) == 3
    assert handled(port, "/a") == 3


async def test_a_replay_that_is_cut_short_keeps_what_it_has_not_sent(port: HostPort) -> None:
    await port.stop(["/tight"], by_me(1.0))
    lose(port, "/tight", 1, 2)
    task = asyncio.create_task(port.replay(LetterChoice(cause="removed"), None, None, by_me(60.0)))
    await asyncio.sleep(1.0)
    assert await ids(port) == []
    task.cancel()
    await asyncio.wait({task})
    assert await ids(port) == ["m2"]


async def test_what_is_dropped_is_gone(port: HostPort) -> None:
    lose(port, "/gone", 1, 2)
    report = await port.drop(LetterChoice(("m1",)), by_me())
    assert (report.matched, report.done) == (1, 1)
    assert await ids(port) == ["m2"]


@pytest.mark.parametrize("choice", [LetterChoice(("m1", "m9")), LetterChoice(cause="full")])
async def test_an_id_that_is_none_is_told_before_anything_is_done(
    port: HostPort, choice: LetterChoice
) -> None:
    lose(port, "/a", 1)
    with pytest.raises(CommandError) as replayed:
        await port.replay(choice, None, None, by_me(1.0))
    with pytest.raises(CommandError) as dropped:
        await port.drop(choice, by_me())
    for caught in (replayed, dropped):
        assert caught.value.kind.name == "no-such-dead-letter"
        assert caught.value.exit_code == 5
    assert await ids(port) == ["m1"]


async def test_a_host_that_stops_sends_nothing_again(port: HostPort) -> None:
    lose(port, "/a", 1)
    port._host.phase = "stopping"
    with pytest.raises(CommandError, match="stopping"):
        await port.replay(LetterChoice(("m1",)), None, None, by_me(1.0))
    port._host.phase = "running"
    assert await ids(port) == ["m1"]


async def test_it_is_told_who_replayed_and_who_dropped_without_the_messages(
    port: HostPort,
) -> None:
    lose(port, "/a", "secret")
    lose(port, "/gone", "secret")
    await port.replay(LetterChoice(("m1",)), None, None, by_me(1.0))
    await port.replay(LetterChoice(address="/gone"), None, None, by_me(1.0))
    await port.drop(LetterChoice(cause="no_actor"), by_me(reason="old"))
    told = [row for row in port._host.events.after(0) if row.type == "audit"]
    assert [(it.data["verb"], it.data["target"], it.data["problem"]) for it in told] == [
        ("dead.replay", "m1", None),
        ("dead.replay", "/gone", "no-such-actor"),
        ("dead.drop", "no_actor", None),
    ]
    assert "secret" not in str(told)
