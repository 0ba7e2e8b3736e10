"""The host's log beside whatever others have set up: who gets in, and that nobody waits for it."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from aplay_host import Actor, ActorSystem
from aplay_host.telemetry import ActorLabels, HostLog, log_to
from aplay_host.telemetry.logs import CAPACITY


@dataclass(frozen=True)
class Settings:
    level: str = "info"
    format: str = "console"
    configure: bool = True
    levels: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def bare_root() -> Iterator[logging.Logger]:
    """The root logger with no handler, as a host finds it; afterwards as it was before."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level  # pytest's own, there while a test runs
    root.handlers[:] = []
    try:
        yield root
    finally:
        root.handlers[:] = before
        root.setLevel(level)


@contextmanager
def logged(settings: Settings | None = None) -> Iterator[tuple[HostLog, list[str]]]:
    """Log for the block; the list has the lines once it is over."""
    stream, lines = io.StringIO(), list[str]()
    with bare_root(), log_to(stream, settings or Settings(), host="h") as log:
        yield log, lines
    lines += stream.getvalue().splitlines()


def texts(lines: list[str]) -> list[str]:
    return [one.rpartition(": ")[2] for one in lines]


class Stuck(io.StringIO):
    """A stream whose reader does not read, until `goes_on`."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.goes_on = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        self.goes_on.wait()
        return super().write(text)


class Unread(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


# ---- beside others ---------------------------------------------------------------------------


def test_records_from_the_level_on_are_written_while_the_block_lasts() -> None:
    log = logging.getLogger("a")
    with logged(Settings("warning")) as (_, lines):
        log.info("too little")
        log.warning("enough")
    log.error("too late")
    assert texts(lines) == ["enough"]


def test_only_what_was_added_is_taken_away() -> None:
    added_meanwhile = logging.NullHandler()
    with bare_root() as root:
        root.setLevel(logging.ERROR)
        with log_to(io.StringIO(), Settings("debug"), host="h"):
            assert root.level == logging.DEBUG
            root.addHandler(added_meanwhile)
        assert root.handlers == [added_meanwhile]
        assert root.level == logging.ERROR


def test_a_foreign_handler_is_left_alone_and_no_other_is_added() -> None:
    stream, foreign = io.StringIO(), logging.NullHandler()
    with bare_root() as root:
        root.addHandler(foreign)
        root.setLevel(logging.CRITICAL)
        with log_to(stream, Settings("debug"), host="h") as log:
            log.follow(Settings("debug"))
            assert root.handlers == [foreign]
            assert root.level == logging.CRITICAL
            logging.getLogger("a").critical("not ours to write")
    assert stream.getvalue() == ""


def test_nothing_is_touched_where_the_settings_say_so() -> None:
    threads = threading.enumerate()
    with bare_root() as root, log_to(io.StringIO(), Settings(configure=False), host="h") as log:
        log.follow(Settings("debug"))
        assert (root.handlers, root.level) == ([], logging.WARNING)
        assert threading.enumerate() == threads


def test_the_log_ends_with_the_block_also_after_an_error() -> None:
    threads = threading.enumerate()
    with bare_root() as root:
        with pytest.raises(KeyError), log_to(io.StringIO(), Settings(), host="h"):
            raise KeyError
        assert root.handlers == []
    assert threading.enumerate() == threads


# ---- levels and formats, live ------------------------------------------------------------------


def test_other_settings_hold_from_then_on() -> None:
    log = logging.getLogger("a.b")
    with logged() as (host_log, lines):
        log.debug("1")
        host_log.follow(Settings(levels={"a": "debug"}, format="json"))
        log.debug("2")
        logging.getLogger("c").debug("3")
        host_log.follow(Settings("error"))
        log.info("4")
    assert [json.loads(one)["msg"] for one in lines] == ["2"]


@pytest.mark.parametrize(
    ("is_terminal", "environment", "shown"),
    [
        (False, {}, '{"ts"'),
        (True, {}, "\x1b[33mWARNING"),
        (True, {"NO_COLOR": ""}, " WARNING a: x"),
        (True, {"TERM": "dumb"}, " WARNING a: x"),
    ],
)
def test_auto_is_for_people_on_a_terminal_and_for_programs_elsewhere(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, environment: dict[str, str], shown: str
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: is_terminal)
    with bare_root(), log_to(stream, Settings(format="auto"), host="h"):
        logging.getLogger("a").warning("x")
    assert shown in stream.getvalue()


@pytest.mark.parametrize(("shift", "begins"), [(0, "<4>"), (1, "2")])
def test_lines_have_their_priority_where_the_journal_is_the_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shift: int, begins: str
) -> None:
    file = tmp_path / "journal"
    with file.open("w") as stream, bare_root():
        found = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino + shift}")
        with log_to(stream, Settings(), host="h"):
            logging.getLogger("a").warning("x", extra={"traceback": "one\ntwo"})
    lines = file.read_text().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith(begins)
    assert all(one.startswith("<4>    ") for one in lines[1:]) == (shift == 0)


# ---- whose record it is ------------------------------------------------------------------------


class Runner(Actor):
    async def msg_handler(self, msg: Callable[[], Any]) -> Any:
        return await msg()


def note(text: str) -> None:
    logging.getLogger("library").info(text)


@pytest.mark.real_time
async def test_a_record_has_the_actor_wherever_its_code_runs() -> None:
    async def handler() -> None:
        note("handler")
        await asyncio.create_task(nested())
        await asyncio.to_thread(note, "thread")

    async def nested() -> None:
        await asyncio.to_thread(note, "thread of a task")
        note("task")

    with logged(Settings(format="json")) as (log, lines):
        log.labels = lambda address: ActorLabels(f"type of {address}", None, 3)
        async with ActorSystem() as system:
            for name in ("a", "b"):
                ref = await system.spawn(Runner, name)
                await ref.ask(handler)
                ref.tell_nowait(handler)
                assert await ref.ask(handler) is None
        note("nobody")
    found = [json.loads(one) for one in lines]
    assert [(it["msg"], it.get("actor")) for it in found] == [
        *((text, address) for address in ("/a", "/b") for text in 3 * ORDER),
        ("nobody", None),
    ]
    assert {it.get("actor_type") for it in found} == {"type of /a", "type of /b", None}
    assert [it.get("message_type") for it in found if it["msg"] == "handler"] == 6 * ["function"]


ORDER = ["handler", "thread of a task", "task", "thread"]


async def test_a_level_by_address_is_for_the_actors_there_whatever_logger_they_use() -> None:
    async def handler() -> None:
        logging.getLogger("library").debug("x")

    with logged(Settings("warning", levels={"/in/**": "debug"})) as (_, lines):
        async with ActorSystem() as system:
            await system.spawn(Runner, "in")
            for name, parent in (("a", "/in"), ("b", "/")):
                await (await system.spawn(Runner, name, parent=parent)).ask(handler)
    assert [one.split()[2] for one in lines] == ["/in/a:"]


@pytest.mark.parametrize("value", ["Keanu Reeves", 7, None, ["/a"]])
def test_a_word_that_is_no_address_does_no_harm(value: object) -> None:
    with logged(Settings("warning", levels={"/**": "debug"})) as (_, lines):
        logging.getLogger("films").warning("x", extra={"actor": value})
    assert texts(lines) == ["x"]


# ---- nobody waits ------------------------------------------------------------------------------


def test_a_stream_that_nobody_reads_holds_nobody_up_and_warnings_are_kept() -> None:
    stream, log = Stuck(), logging.getLogger("a")
    with bare_root(), log_to(stream, Settings(), host="h") as host_log:
        log.info("first")
        stream.reached.wait()
        for _ in range(CAPACITY + 5):
            log.info("many")
        log.warning("kept")
        assert host_log.dropped == 5
        stream.goes_on.set()
    lines = stream.getvalue().splitlines()
    assert texts([one for one in lines if "many" not in one])[::2] == ["first", "kept"]
    assert sum("5 lines were dropped" in one for one in lines) == 1
    assert len(lines) == CAPACITY + 3


def test_all_is_written_when_the_log_is_flushed() -> None:
    stream = io.StringIO()
    with bare_root(), log_to(stream, Settings(), host="h") as log:
        for number in range(1000):
            logging.getLogger("a").info("%d", number)
        log.flush()
        assert texts(stream.getvalue().splitlines())[-1] == "999"


def test_a_reader_that_has_gone_ends_nothing() -> None:
    with bare_root(), log_to(Unread(), Settings(), host="h") as log:
        logging.getLogger("a").info("x")
        log.flush()
        logging.getLogger("a").info("y")
        log.flush()
        assert log.dropped == 2
