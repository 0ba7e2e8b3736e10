import asyncio
from pathlib import Path
from typing import Any

import pytest
from logwatch.count import Count
from logwatch.parse import Parse
from logwatch.tail import Tail

from aplay_host import Actor, ActorRef, ActorSystem

SAMPLE = Path(__file__).parents[1] / "sample" / "access.log"
LINE = '192.0.2.7 - - [01/Mar/2026:10:05:03 +0000] "GET / HTTP/1.1" 200 512 "-" "-"'


class Collect(Actor):
    def __init__(self, got: asyncio.Queue[Any]) -> None:
        super().__init__()
        self.got = got

    async def msg_handler(self, msg: Any) -> None:
        self.got.put_nowait(msg)


async def totals_of(count: ActorRef, lines: int) -> Any:
    """Ask until that many lines are counted."""
    async with asyncio.timeout(10.0):
        while (totals := await count.ask({"get": "totals"}))["lines"] < lines:
            pass  # asking lets the others run
        return totals


async def open_pipeline(system: ActorSystem, path: Path, *, follow: bool) -> ActorRef:
    count = await system.spawn(Count, "count")
    await system.spawn(Parse, "parse", options=Parse.Options(to="/count"))
    options = Tail.Options(path=path, to="/parse", follow=follow)
    await system.spawn(Tail, "tail", options=options)
    return count


async def test_totals_of_the_sample_are_those_that_the_readme_tells(
    system: ActorSystem, tmp_path: Path
) -> None:
    shipped = SAMPLE.read_bytes().splitlines(keepends=True)[:200]  # people append to try it
    path = tmp_path / "access.log"
    path.write_bytes(b"".join(shipped))
    count = await open_pipeline(system, path, follow=True)
    totals = await totals_of(count, 200)
    hosts = totals.pop("hosts")
    assert totals == {
        "lines": 200,
        "bad": 4,
        "bytes": 5383633,
        "status": {"200": 154, "206": 6, "301": 6, "304": 19, "404": 7, "408": 1, "500": 3},
    }
    assert hosts[:3] == [["203.0.113.8", 23], ["192.0.2.4", 22], ["198.51.100.3", 21]]
    assert len(hosts) == 10


async def test_more_lines_than_mailboxes_hold_are_all_counted(
    system: ActorSystem, tmp_path: Path
) -> None:
    path = tmp_path / "access.log"
    path.write_text(f"{LINE}\n\n" * 30_000)
    count = await open_pipeline(system, path, follow=False)
    totals = await totals_of(count, 60_000)
    assert (totals["lines"], totals["bad"], totals["bytes"]) == (60_000, 30_000, 30_000 * 512)
    assert system.status().dead == 0


async def test_sender_waits_for_room_instead_of_being_refused(system: ActorSystem) -> None:
    one = {"capacity": 1}
    count = await system.spawn(Count, "count", mailbox=one)
    parse = await system.spawn(Parse, "parse", options=Parse.Options(to="/count"), mailbox=one)
    parse.tell_nowait(LINE)
    await parse.tell(LINE)
    assert (await totals_of(count, 2))["bad"] == 0
    count.tell_nowait({"bad": ""})
    await count.tell({"bad": ""})
    assert (await totals_of(count, 4))["bad"] == 2


async def test_parse_sends_a_record_or_the_bad_line(system: ActorSystem) -> None:
    got: asyncio.Queue[Any] = asyncio.Queue()
    await system.spawn(Collect, "collect", kwargs={"got": got})
    parse = await system.spawn(Parse, "parse", options=Parse.Options(to="/collect"))
    await parse.tell(LINE)
    await parse.tell(LINE[:40])
    record, bad = await asyncio.wait_for(got.get(), 5.0), await asyncio.wait_for(got.get(), 5.0)
    assert record["host"] == "192.0.2.7"
    assert record["bytes"] == 512
    assert bad == {"bad": LINE[:40]}


async def test_parse_refuses_what_is_no_text(system: ActorSystem) -> None:
    parse = await system.spawn(Parse, "parse", options=Parse.Options(to="/count"))
    with pytest.raises(ValueError, match="wants a line of text, got 7"):
        await parse.ask(7)


@pytest.mark.parametrize("message", [None, "totals", {"get": "lines"}, {"host": "a"}, {"bad": 1}])
async def test_count_refuses_unknown_messages_and_names_the_known_ones(
    system: ActorSystem, message: object
) -> None:
    count = await system.spawn(Count, "count")
    with pytest.raises(ValueError, match=r'Count understands \{"get": "totals"\}'):
        await count.ask(message)
    assert (await count.ask({"get": "totals"}))["lines"] == 0
