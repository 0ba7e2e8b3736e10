"""Durable mail and durable dead letters, as people see them and act on them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest

from aplay_host.control import LetterChoice
from aplay_host.errors import CommandError
from aplay_host.host.durable import watch_mail
from aplay_host.host.port import HostPort
from aplay_host.mailboxes import MailRow
from tests.host.fakemail import FakeMail
from tests.host.orders import by_me
from tests.telemetry.counted import of, parsed

if TYPE_CHECKING:
    from aplay_host.mailboxes import SqliteEngine
    from tests.host.conftest import Serve

TREE = """
    [actors."/a"]
    use = "tests.host.actors:Echo"
    [actors."/b"]
    use = "tests.host.actors:Echo"
"""


class Kept:
    """A host whose durable mail is a test's: letters are for /a as if it kept its mail there."""

    def __init__(self, port: HostPort, mail: FakeMail) -> None:
        self.port = port
        self.host: Any = port._host
        self.mail = mail

    async def ids(self, limit: int | None = None, **choice: Any) -> list[str]:
        page = await self.port.dead(LetterChoice(**choice), limit)
        return [row.id for row in page.rows]

    def handled(self, address: str) -> int:
        handled: int = self.host.system.ref(address).status().handled
        return handled


@pytest.fixture
async def kept(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Kept:
    host: Any = (await serve(TREE)).host
    mail = host.mail = FakeMail()

    async def is_durable(self: Any, address: str) -> bool:
        return str((await self._find(address)).address) == "/a"

    monkeypatch.setattr("aplay_host.host.delivery.Post.is_durable", is_durable)
    return Kept(HostPort(host), mail)


@contextmanager
def refused(kind: str, told: str = "") -> Iterator[None]:
    with pytest.raises(CommandError) as caught:
        yield
    assert caught.value.kind.name == kind
    assert told in caught.value.detail


def row(number: int, record: bytes = b"1") -> MailRow:
    return MailRow(number, "/a", "aplay:any@1", "/s", 1.0, 2, 1, 0, len(record), record)


# ---- dead letters --------------------------------------------------------------------------


async def test_letters_of_both_kinds_are_one_list_by_time(kept: Kept) -> None:
    now = time.time()
    kept.mail.lose(7, "/a", 1, "max_attempts", at=now - 60)
    kept.host.system.ref("/nobody").tell_nowait(2)
    kept.mail.lose(9, "/a", 3, "rejected", at=now + 60)
    assert await kept.ids() == ["d9", "m1", "d7"]
    assert await kept.ids(limit=2) == ["d9", "m1"]
    assert (await kept.port.dead(LetterChoice(), 1)).next == "m1"
    rows = (await kept.port.dead(LetterChoice(), None)).rows
    assert [one.kept for one in rows] == [True, False, True]
    assert await kept.ids(cause="rejected") == ["d9"]
    assert await kept.ids(address="/a") == ["d9", "d7"]
    assert await kept.ids(ids=("d7", "m1")) == ["m1", "d7"]


async def test_a_letter_that_the_file_has_is_not_shown_twice(kept: Kept) -> None:
    address = kept.host.system.ref("/a").address
    kept.host.system.dead_letters.add(address, 1, "max_attempts", kept=True)
    kept.mail.lose(7, "/a", 1, "max_attempts")
    assert await kept.ids() == ["d7"]


async def test_a_letter_of_the_file_tells_all_that_is_known(kept: Kept) -> None:
    kept.mail.lose(7, "/a", {"n": 1}, "max_attempts", at=60.0)
    letter = await kept.port.letter("d7")
    assert (letter.payload, letter.payload_form, letter.sender) == ({"n": 1}, "json", "/sender")
    assert (letter.attempts, letter.crashes, letter.replays, letter.size) == (5, 1, 0, 8)
    assert letter.at == "1970-01-01T00:01:00.000Z"
    assert letter.traceback is not None
    assert letter.traceback.startswith("Traceback")
    assert [(one.type, one.text) for one in letter.history] == [("ValueError", "no number")]


async def test_what_cannot_be_read_is_shown_as_bytes(kept: Kept) -> None:
    kept.mail.lose(7, "/a", b"\xff\x00", "undecodable")
    letter = await kept.port.letter("d7")
    assert (letter.payload, letter.payload_form) == ("ff00", "hex")


@pytest.mark.parametrize("id_", ["d8", "7", "dx", "d", "d" + "9" * 400, "m7", "d-7"])
async def test_an_id_that_no_letter_has_is_told(kept: Kept, id_: str) -> None:
    kept.mail.lose(7, "/a", 1, "max_attempts")
    with refused("no-such-dead-letter", id_):
        await kept.port.letter(id_)


async def test_letters_go_back_to_a_durable_mailbox_in_one_transaction(kept: Kept) -> None:
    for number in (7, 8, 9):
        kept.mail.lose(number, "/a", number, "max_attempts", at=number)
    report = await kept.port.replay(LetterChoice(address="/a"), None, None, by_me(1.0))
    assert (report.matched, report.done, report.failed) == (3, 3, ())
    assert kept.mail.revived == [((7, 8, 9), None)]
    assert await kept.ids() == []


async def test_with_a_rate_they_go_one_at_a_time(kept: Kept) -> None:
    for number in (7, 8, 9):
        kept.mail.lose(number, "/a", number, "max_attempts", at=number)
    began = kept.host.system.now()
    await kept.port.replay(LetterChoice(address="/a"), None, 0.5, by_me(1.0))
    assert kept.mail.revived == [((7,), None), ((8,), None), ((9,), None)]
    assert kept.host.system.now() - began == pytest.approx(4.0, abs=0.1)


async def test_a_letter_for_an_actor_that_keeps_mail_in_memory_is_told_to_it(kept: Kept) -> None:
    kept.mail.lose(7, "/b", "x", "max_attempts")
    report = await kept.port.replay(LetterChoice(("d7",)), None, None, by_me(1.0))
    assert (report.done, kept.mail.revived) == (1, [])
    await asyncio.sleep(1)
    assert kept.handled("/b") == 1
    assert await kept.ids() == []


async def test_letters_may_be_sent_to_another(kept: Kept) -> None:
    kept.host.system.ref("/nobody").tell_nowait(2)
    kept.mail.lose(7, "/gone", 1, "removed")
    choice = LetterChoice(address="/**")
    with refused("no-such-actor"):
        await kept.port.replay(choice, "/nowhere", None, by_me(1.0))
    assert len(await kept.ids()) == 2
    assert (await kept.port.replay(choice, "a", None, by_me(1.0))).done == 2
    assert kept.mail.revived == [((7,), "/a")]


async def test_what_does_not_go_back_is_kept_with_its_problem(kept: Kept) -> None:
    kept.mail.lose(6, "/b", b"\xff", "undecodable", at=1)
    kept.mail.lose(7, "/a", 1, "max_attempts", at=2)
    kept.mail.lose(8, "/gone", 1, "max_attempts", at=3)
    kept.mail.problem = "the disk is full"
    report = await kept.port.replay(LetterChoice(address="/**"), None, None, by_me(1.0))
    problems = {it.id: it.problem["type"].rpartition(":")[2] for it in report.failed}
    assert problems == {"d6": "handler-failed", "d7": "mailbox-unavailable", "d8": "no-such-actor"}
    assert (report.matched, report.done) == (3, 0)
    assert set(await kept.ids()) == {"d6", "d7", "d8"}


async def test_two_replays_at_once_revive_nothing_twice(kept: Kept) -> None:
    kept.mail.lose(7, "/a", 1, "max_attempts")
    both = [kept.port.replay(LetterChoice(("d7",)), None, None, by_me(1.0)) for _ in range(2)]
    reports = await asyncio.gather(*both)
    assert sum(report.done for report in reports) == 1
    (failure,) = [failure for report in reports for failure in report.failed]
    assert failure.problem["type"].endswith(":no-such-dead-letter")


@pytest.mark.parametrize("other", ["replay", "drop"])
async def test_a_letter_that_is_told_to_memory_is_nobody_elses_meanwhile(
    kept: Kept, other: str
) -> None:
    kept.mail.lose(7, "/b", "x", "max_attempts")
    choice = LetterChoice(("d7",))
    second = kept.port.drop(choice, by_me())
    if other == "replay":
        second.close()
        second = kept.port.replay(choice, None, None, by_me(1.0))
    first, report = await asyncio.gather(kept.port.replay(choice, None, None, by_me(1.0)), second)
    assert (first.done, report.done, report.matched) == (1, 0, 1)
    assert report.failed[0].problem["type"].endswith(":no-such-dead-letter")
    await asyncio.sleep(1)
    assert kept.handled("/b") == 1


async def test_letters_of_both_kinds_are_dropped(kept: Kept) -> None:
    kept.host.system.ref("/nobody").tell_nowait(2)
    kept.mail.lose(7, "/a", 1, "max_attempts")
    kept.mail.lose(8, "/a", 1, "max_attempts")
    assert (await kept.port.drop(LetterChoice(("m1", "d7")), by_me())).done == 2
    assert await kept.ids() == ["d8"]


async def test_without_durable_mail_nothing_is_asked_of_it(kept: Kept) -> None:
    kept.mail.lose(7, "/a", 1, "max_attempts")
    kept.mail.is_started = False
    assert await kept.ids() == []


# ---- mail ----------------------------------------------------------------------------------


async def test_mail_is_listed_by_address_also_where_nobody_lives(kept: Kept) -> None:
    kept.mail.messages = {"/gone": [row(1)], "/a": [row(2), row(3)]}
    page = kept.port.mail()
    assert [(it.address, it.messages, it.has_actor) for it in page.rows] == [
        ("/a", 2, True),
        ("/gone", 1, False),
    ]
    assert kept.port.mail(None, 1).next == "/gone"
    assert [it.address for it in kept.port.mail("/gone").rows] == ["/gone"]


async def test_messages_that_wait_are_shown_without_what_is_in_them(kept: Kept) -> None:
    kept.mail.messages = {"/gone": [row(1, b'{"n": 1}'), row(2, b"\xff"), row(3)]}
    first, second = await kept.port.peek("/gone", 2, body=False)
    assert (first.id, first.attempts, first.crashes, first.sender) == ("d1", 2, 1, "/s")
    assert (first.payload, first.payload_form) == (None, None)
    first, second = await kept.port.peek("/gone", 2, body=True)
    assert (first.payload, first.payload_form) == ({"n": 1}, "json")
    assert (second.payload, second.payload_form) == ("ff", "hex")


async def test_who_has_no_durable_mail_is_told_apart(kept: Kept) -> None:
    with refused("mailbox-kind", "/a keeps its mail in a mailbox of the kind memory"):
        await kept.port.peek("/a", 10, body=False)
    with refused("no-such-actor"):
        await kept.port.peek("/nobody", 10, body=False)


async def test_a_backup_is_told_with_who_wanted_it(kept: Kept) -> None:
    report = await kept.port.backup("/srv/x.db", by_me(reason="nightly"))
    assert (report.path, report.bytes) == ("/srv/x.db", 12288)
    (event,) = [it for it in kept.host.events.after(0) if it.type == "audit"]
    assert (event.data["verb"], event.data["target"]) == ("mail.backup", "/srv/x.db")
    assert event.data["reason"] == "nightly"


async def test_a_backup_that_cannot_be_made_says_why(kept: Kept) -> None:
    with refused("bad-request", "want an absolute path"):
        await kept.port.backup("x.db", by_me())
    await kept.port.backup("/srv/x.db", by_me())
    with refused("backup-failed", "/srv/x.db is there already"):
        await kept.port.backup("/srv/x.db", by_me())
    with refused("backup-failed", "/missing/x.db cannot be written: No such file or directory"):
        await kept.port.backup("/missing/x.db", by_me())
    kept.mail.is_started = False
    with refused("mailbox-kind"):
        await kept.port.backup("/srv/y.db", by_me())


# ---- how it is -----------------------------------------------------------------------------


async def test_mail_that_cannot_be_written_makes_the_host_unready(kept: Kept) -> None:
    assert (await kept.port.ready()).status == "ok"
    kept.mail.problem = "the disk is full"
    report = await kept.port.ready()
    assert report.status == "not ready"
    assert report.checks[-1].detail == "durable mail cannot be written: the disk is full"


async def test_it_is_told_when_mail_cannot_be_written_and_when_it_can_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    mail = FakeMail()
    watching = asyncio.create_task(watch_mail(cast("SqliteEngine", mail)))
    for problem in (None, "the disk is full", "still full", None, None):
        mail.problem = problem
        await asyncio.sleep(1)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert [(it.levelname, it.getMessage()) for it in caplog.records] == [
        ("ERROR", "durable mail cannot be written: the disk is full"),
        ("INFO", "durable mail is written again"),
    ]


async def test_durable_mail_is_measured(kept: Kept) -> None:
    kept.mail.messages = {"/a": [row(2), row(3)], "/gone": [row(1)]}
    kept.mail.lose(7, "/a", 1, "max_attempts")
    text, _ = await kept.port.metrics()
    found = {
        name: value for (name, _), value in parsed(text).items() if name.startswith("aplay_mail_")
    }
    assert found == {
        "aplay_mail_puts_total": 11,
        "aplay_mail_settles_total": 9,
        "aplay_mail_retries_total": 2,
        "aplay_mail_letters_total": 1,
        "aplay_mail_commits_total": 7,
        "aplay_mail_commit_seconds_total": 0.5,
        "aplay_mail_outstanding": 3,
        "aplay_mail_waiting_messages": 3,
        "aplay_mail_dead_letters": 1,
        "aplay_mail_file_bytes": 8192,
        "aplay_mail_wal_bytes": 4096,
        "aplay_mail_ok": 1,
    }
    kept.mail.problem = "the disk is full"
    assert of(parsed((await kept.port.metrics())[0]), "aplay_mail_ok") == 0


async def test_without_durable_mail_nothing_of_it_is_measured(kept: Kept) -> None:
    kept.mail.is_started = False
    assert "\naplay_mail_" not in (await kept.port.metrics())[0].decode()
