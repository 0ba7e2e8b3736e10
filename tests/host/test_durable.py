"""Durable mail in a host that runs: kept over its end, handled by the next one, told to people."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from aplay_host import Actor, message
from aplay_host.control import LetterChoice
from aplay_host.errors import CommandError, StateDirError, StoreHeld, StoreNewer
from aplay_host.host import Host, check_config
from aplay_host.host.port import HostPort
from tests.host.conftest import Make, Served
from tests.host.guests import Guest, reload
from tests.host.orders import by_me
from tests.mailboxes.rig import until

pytestmark = pytest.mark.real_time


@message("acme-host:Order@1")
class Order(msgspec.Struct):
    sku: str


@message("acme-host:Order@1")
class Impostor(msgspec.Struct):
    sku: str


class Taker(Actor):
    """Handles what it gets; raises for what says so."""

    accepts: ClassVar = (Order,)

    async def msg_handler(self, msg: Any) -> Any:
        if msg == "bad":
            raise ValueError("no such thing")
        return msg


class Steadfast(Taker):
    """Says itself how its mail is kept."""

    mailbox: ClassVar = {"kind": "sqlite"}


class Rival(Actor):
    accepts: ClassVar = (Impostor,)


class Maker(Actor):
    """Makes a durable actor that no file declares."""

    async def on_start(self) -> None:
        await self.spawn(Taker, "child", mailbox={"kind": "sqlite"})


TAKER = """
    [actors."/a"]
    use = "tests.host.test_durable:Taker"
    mailbox = { kind = "sqlite", max_attempts = 2, retry_base = 0 }
"""
PATIENT = TAKER.replace("max_attempts = 2, retry_base = 0", "retry_base = 1000, retry_cap = 1000")
Live = Callable[..., Any]


@pytest.fixture
def live(make: Make) -> Live:
    @asynccontextmanager
    async def live(text: str, **options: Any) -> AsyncIterator[HostPort]:
        """Serve `text` for the block, which begins when the host is ready."""
        ready = asyncio.Event()
        host = make(text, on_ready=lambda told: ready.set(), **options)
        running = asyncio.create_task(host.run())
        waits = asyncio.create_task(ready.wait())
        await asyncio.wait({running, waits}, return_when=asyncio.FIRST_COMPLETED)
        waits.cancel()
        if running.done():
            await running
        try:
            yield HostPort(host)
        finally:
            host.stop("the test is over")
            assert await running == 0

    return live


def host_of(port: HostPort) -> Host:
    return port._host


def handled(port: HostPort, address: str = "/a") -> int:
    return host_of(port).system.ref(address).status().handled


async def tell(port: HostPort, *messages: Any, address: str = "/a") -> None:
    for one in messages:
        report = await port.send([address], one, by_me(5.0))
        assert report.accepted == 1, report


# ---- over the end of a host ----------------------------------------------------------------


async def test_mail_that_was_not_handled_is_handled_by_the_next_host(live: Live) -> None:
    async with live(TAKER) as port:
        await port.stop(["/a"], by_me(5.0))
        await tell(port, 1, 2, 3)
    async with live(TAKER) as port:
        assert [(it.address, it.messages) for it in port.mail().rows] == [("/a", 3)]
        await port.start(["/a"], by_me(5.0))
        await until(lambda: handled(port) == 3)
        (row,) = (await port.actors(["/a"])).rows
        assert (row.mailbox.kind, row.counters.accepted) == ("sqlite", 3)


async def test_without_durable_mail_nothing_is_made(live: Live, folder: Path) -> None:
    async with live('[actors."/e"]\nuse = "tests.host.actors:Echo"\n') as port:
        assert not host_of(port).mail.is_started
        assert not (folder / ".aplay" / "mail").exists()


async def test_mail_of_an_address_that_the_file_no_longer_names_is_kept_and_told(
    live: Live,
) -> None:
    async with live(TAKER) as port:
        await port.stop(["/a"], by_me(5.0))
        await tell(port, {"n": 1})
    async with live('[actors."/e"]\nuse = "tests.host.actors:Echo"\n') as port:
        assert [(it.address, it.has_actor) for it in port.mail().rows] == [("/a", False)]
        (row,) = await port.peek("/a", 10, body=True)
        assert (row.payload, row.message_type) == ({"n": 1}, "aplay:any@1")
    async with live(TAKER) as port:
        await port.start(["/a"], by_me(5.0))
        await until(lambda: handled(port) == 1)


async def test_an_address_that_a_reload_takes_away_keeps_its_mail_until_it_is_back(
    live: Live, folder: Path
) -> None:
    file, other = folder / "aplay.toml", '[actors."/e"]\nuse = "tests.host.actors:Echo"\n'
    async with live(TAKER + other) as port:
        await port.stop(["/a"], by_me(5.0))
        await tell(port, 1, 2)
        declared = file.read_text()
        file.write_text(other)
        await port.reload([], by_me(), config=True, dry_run=False)
        await until(lambda: host_of(port).system.ref("/a").state == "removed")
        assert [(it.messages, it.has_actor) for it in port.mail().rows] == [(2, False)]
        assert (await port.dead(LetterChoice(), None)).rows == []
        file.write_text(declared)
        await port.reload([], by_me(), config=True, dry_run=False)
        await until(lambda: host_of(port).system.ref("/a").state != "removed")
        await port.start(["/a"], by_me(5.0))
        await until(lambda: handled(port) == 2)


async def test_what_code_removes_leaves_dead_letters(live: Live) -> None:
    async with live(TAKER) as port:
        await port.stop(["/a"], by_me(5.0))
        await tell(port, 1)
        await host_of(port).system.ref("/a").remove()
        (row,) = (await port.dead(LetterChoice(), None)).rows
        assert (row.reason, row.kept, row.address) == ("removed", True, "/a")


async def test_an_actor_that_code_makes_may_have_a_durable_mailbox(live: Live) -> None:
    async with live('[actors."/m"]\nuse = "tests.host.test_durable:Maker"\n') as port:
        await host_of(port).system.ref("/m/child").tell(Order("x"))
        await until(lambda: handled(port, "/m/child") == 1)


async def test_in_safe_mode_mail_is_kept_for_later(live: Live, folder: Path) -> None:
    async with live(TAKER) as port:
        await port.stop(["/a"], by_me(5.0))
        await tell(port, 1)
        await port.start(["/a"], by_me(5.0))
        await until(lambda: handled(port) == 1)
    async with live(TAKER, safe=True) as port:
        assert host_of(port).system.ref("/a").held
        await tell(port, 2)
    async with live(TAKER) as port:
        await until(lambda: handled(port) == 1)


# ---- retries and dead letters --------------------------------------------------------------


async def test_mail_for_a_class_that_keeps_its_own_joins_what_waits_while_it_is_away(
    live: Live,
) -> None:
    stated = '[actors."/a"]\nuse = "tests.host.test_durable:Steadfast"\n'
    async with live(stated) as port:
        await port.stop(["/a"], by_me(5.0))
        await tell(port, 1)
    async with live(stated + "mailbox = { max_attempts = 3 }\n", safe=True) as port:
        await tell(port, 2)
        (row,) = (await port.actors(["/a"])).rows
        assert (row.mailbox.kind, row.pending) == ("sqlite", 2)
    async with live(stated) as port:
        await port.start(["/a"], by_me(5.0))
        await until(lambda: handled(port) == 2)


async def test_what_fails_too_often_is_a_dead_letter_over_a_restart(live: Live) -> None:
    async with live(TAKER) as port:
        await tell(port, "bad", 1)
        await until(lambda: handled(port) == 1)
    async with live(TAKER) as port:
        (row,) = (await port.dead(LetterChoice(), None)).rows
        assert (row.address, row.reason, row.attempts, row.kept) == ("/a", "max_attempts", 2, True)
        letter = await port.letter(row.id)
        assert (letter.payload, letter.error) == ("bad", "ValueError: no such thing")
        assert "test_durable.py" in (letter.traceback or "")
        assert (await port.replay(LetterChoice((row.id,)), None, None, by_me(1.0))).done == 1
        await until(lambda: host_of(port).system.dead_letters.counts["max_attempts"] == 1)
        await host_of(port).mail.link.flush()
        (again,) = (await port.dead(LetterChoice(), None)).rows
        assert (again.id, again.replays) == (row.id, 1)
        assert (await port.drop(LetterChoice((row.id,)), by_me())).done == 1
        assert (await port.dead(LetterChoice(), None)).rows == []


async def test_what_waits_for_another_try_is_told(live: Live) -> None:
    async with live(PATIENT) as port:
        await tell(port, "bad", 1, 2)
        ref = host_of(port).system.ref("/a")
        await until(lambda: ref.status().last_error is not None and ref.status().pending == 3)
        detail = await port.show("/a")
        assert detail.retry is not None
        assert (detail.retry.attempt, detail.retry.most) == (2, 5)
        assert 0 < detail.retry.in_s <= 1000
        assert detail.retry.postponed == 3
        assert detail.why[0].rule == "retry"
        assert "what failed: try 2 of 5; last error ValueError: no such thing" in detail.why[0].text
        (row,) = port.mail().rows
        assert (row.messages, row.retrying) == (3, 1)
        first, *_ = await port.peek("/a", 3, body=False)
        assert first.attempts == 1


async def test_mail_of_an_unknown_type_comes_back_when_a_class_accepts_it(
    live: Live, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with live(TAKER) as port:
        await port.stop(["/a"], by_me(5.0))
        await host_of(port).system.ref("/a").tell(Order("x"))
        await port.start(["/a"], by_me(5.0))
        await until(lambda: handled(port) == 1)
        await port.stop(["/a"], by_me(5.0))
        await host_of(port).system.ref("/a").tell(Order("y"))
    with monkeypatch.context() as patched:
        patched.setattr(Taker, "accepts", ())
        async with live(TAKER) as port:
            await port.start(["/a"], by_me(5.0))
            await until(lambda: host_of(port).system.dead_letters.counts["no_handler"] == 1)
            await host_of(port).mail.link.flush()
            why = {it.rule: it.text for it in (await port.show("/a")).why}
            told = "has 1 dead letter that waits for a class that accepts acme-host:Order@1"
            assert why["no-handler"] == told
            patched.undo()
            file = folder / "aplay.toml"
            file.write_text(file.read_text().replace("max_attempts = 2", "max_attempts = 3"))
            await port.reload([], by_me(), config=True, dry_run=False)
            await until(lambda: handled(port) == 1)
            assert (await port.dead(LetterChoice(), None)).rows == []


async def test_two_classes_of_one_name_are_told_and_the_first_one_counts(
    live: Live, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    rival = TAKER.replace("/a", "/b").replace("Taker", "Rival")
    async with live(TAKER + rival) as port:
        assert (
            caplog.text.count("Rival: what it accepts cannot be kept: two classes are named") == 1
        )
        await host_of(port).system.ref("/a").tell(Order("x"))
        await until(lambda: handled(port) == 1)


def test_a_check_warns_of_two_classes_of_one_name(make: Make, folder: Path) -> None:
    make(TAKER + TAKER.replace("/a", "/b").replace("Taker", "Rival"))
    report = check_config(folder / "aplay.toml", "1.0", import_plugins=True)
    (warning,) = report.warnings
    assert "Rival: what it accepts cannot be kept: two classes are named" in warning
    by_name = check_config(folder / "aplay.toml", "1.0", import_plugins=False)
    assert (by_name.errors, by_name.warnings) == ((), ())


# ---- what is wrong with the file -----------------------------------------------------------


def mail_file(folder: Path) -> Path:
    return folder / ".aplay" / "mail" / "mail.db"


@pytest.fixture
async def used(live: Live, folder: Path) -> Path:
    """The file that a host has left behind."""
    async with live(TAKER):
        pass
    return mail_file(folder)


async def test_a_newer_file_keeps_the_host_from_starting(used: Path, make: Make) -> None:
    with sqlite3.connect(used) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    before = used.read_bytes()
    with pytest.raises(StoreNewer, match="version 99") as caught:
        await make(TAKER).run()
    assert caught.value.exit_code == 78
    assert used.read_bytes() == before


async def test_a_file_that_another_program_has_open_keeps_the_host_from_starting(
    used: Path, make: Make
) -> None:
    db = sqlite3.connect(used, isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreHeld) as caught:
        await make(TAKER).run()
    assert caught.value.exit_code == 7
    db.close()


async def test_a_folder_that_others_may_enter_keeps_the_host_from_starting(
    used: Path, make: Make
) -> None:
    used.parent.chmod(0o755)
    with pytest.raises(StateDirError, match="chmod 700"):
        await make(TAKER).run()


async def test_a_damaged_file_fails_only_its_actors(
    used: Path, live: Live, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    used.write_bytes(b"x" * 8192)
    text = TAKER + '    budget = { max = 0 }\n[actors."/e"]\nuse = "tests.host.actors:Echo"\n'
    async with live(text) as port:
        assert await host_of(port).system.ref("/e").ask(1) == 1
        detail = await port.show("/a")
        assert detail.state == "failed"
        assert {"failed", "store"} <= {it.rule for it in detail.why}
        assert detail.last_error is not None
        assert str(used) in detail.last_error.text
        assert "sqlite3 mail.db .recover" in detail.last_error.text
        assert f"durable mail cannot be written: {used} is damaged" in caplog.text
        report = await port.ready()
        assert report.status == "not ready"
        assert "mail" in [it.name for it in report.checks if not it.ok]
        (result,) = (await port.send(["/a"], 1, by_me(1.0))).results
        assert result.problem is not None
        assert result.problem["type"].endswith(":mailbox-unavailable")
        for looking in (port.dead(LetterChoice(), None), port.peek("/a", 1, body=False)):
            with pytest.raises(CommandError) as caught:
                await looking
            assert caught.value.kind.name == "mailbox-unavailable"
    assert used.read_bytes() == b"x" * 8192


async def test_a_message_that_is_too_large_is_the_senders_mistake(live: Live) -> None:
    text = f"{TAKER}    [mailboxes.sqlite]\n    max_body = 100\n"
    async with live(text) as port:
        (result,) = (await port.send(["/a"], "x" * 200, by_me(1.0))).results
        assert result.problem is not None
        assert result.problem["type"].endswith(":too-large")


# ---- a copy --------------------------------------------------------------------------------


async def test_a_backup_is_a_file_that_a_host_can_start_from(live: Live, folder: Path) -> None:
    copy = folder / "copy.db"
    async with live(TAKER) as port:
        await port.stop(["/a"], by_me(5.0))
        await tell(port, 1, 2)
        report = await port.backup(str(copy), by_me())
        assert report.bytes == copy.stat().st_size
        assert copy.stat().st_mode & 0o777 == 0o600
        await tell(port, 3)
    mail = mail_file(folder).parent
    mail.rename(mail.with_name("mail.old"))
    mail.mkdir(mode=0o700)
    copy.rename(mail_file(folder))
    async with live(TAKER) as port:
        await port.start(["/a"], by_me(5.0))
        await until(lambda: handled(port) == 2)


# ---- settings ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mailbox", "told"),
    [
        ('{ kind = "sqlite", max_attempts = 0 }', "max_attempts: got 0, want an integer >= 1"),
        ('{ kind = "sqlite", retries = 3 }', "retries: unknown key"),
        ('{ kind = "sqlite", overflow = "drop_oldest" }', 'overflow: got "drop_oldest", want'),
        ('{ kind = "sqlit" }', "sqlite\n1 error"),
    ],
)
def test_a_mistake_in_a_durable_mailbox_is_located(
    make: Make, folder: Path, mailbox: str, told: str
) -> None:
    make(f'[actors."/a"]\nuse = "tests.host.actors:Echo"\nmailbox = {mailbox}\n')
    report = check_config(folder / "aplay.toml", "1.0", import_plugins=True)
    assert told in report.text
    assert report.text.startswith(str(folder / "aplay.toml:3:"))


async def test_code_that_names_the_kind_wrongly_hears_of_it(live: Live) -> None:
    async with live("") as port:
        system = host_of(port).system
        with pytest.raises(ValueError, match="max_attempts"):
            await system.spawn(Taker, "x", mailbox={"kind": "sqlite", "max_attempts": 0})


async def test_a_reload_changes_the_keys_of_a_mailbox(live: Live, folder: Path) -> None:
    async with live(PATIENT) as port:
        await tell(port, "bad", 1)
        ref = host_of(port).system.ref("/a")
        await until(lambda: ref.status().last_error is not None)
        file = folder / "aplay.toml"
        file.write_text(file.read_text().replace("retry_base", "max_attempts = 9, retry_base"))
        report = await port.reload([], by_me(), config=True, dry_run=False)
        assert report.outcome == "committed", report
        retry = (await port.show("/a")).retry
        assert retry is not None
        assert (retry.attempt, retry.most) == (2, 9)


async def test_a_class_that_states_another_kind_of_mailbox_is_refused(
    plugin: Guest, served: Served
) -> None:
    head = "class Plain(Actor):\n"
    plugin.edit("plain", head, head + '    mailbox = {"kind": "sqlite"}\n')
    report = await reload(served)
    assert report.outcome == "refused"
    assert report.error is not None
    assert (report.error.code, report.error.place) == ("mailbox-kind", "/plain")
    assert served.host.system.ref("/plain").status().spec.mailbox.kind == "memory"


async def test_the_settings_of_the_file_count_from_the_next_start(live: Live, folder: Path) -> None:
    async with live(TAKER) as port:
        file = folder / "aplay.toml"
        file.write_text(file.read_text() + "\n[mailboxes.sqlite]\ndead_keep = 5\n")
        await port.reload([], by_me(), config=True, dry_run=False)
        assert port.host().pending_restart == ("mailboxes.sqlite.dead_keep",)


def test_the_settings_of_the_file_reach_the_engine(make: Make) -> None:
    host = make("[mailboxes.sqlite]\nmax_bytes = 1048576\ndead_keep = 5\nmax_body = 7\n")
    settings = host.mail.settings
    assert (settings.max_bytes, settings.dead_keep, settings.max_body) == (1048576, 5, 7)
