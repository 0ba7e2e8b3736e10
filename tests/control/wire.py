"""A host that only remembers what it was asked, served on a real socket, and a bare client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from aplay_host.config import ListedKey, Source
from aplay_host.control import (
    ActorDetail,
    ActorRow,
    AskReport,
    BackupReport,
    CounterRow,
    EventRing,
    HealthCheck,
    HealthReport,
    HostRecord,
    LetterChoice,
    LetterDetail,
    LetterReport,
    LetterRow,
    MailboxRow,
    MailRow,
    MessageRow,
    Order,
    Page,
    PluginRow,
    SendReport,
    SendResult,
    TreeRow,
    VerbReport,
    VerbResult,
    Why,
    page_of,
)
from aplay_host.errors import CommandError
from aplay_host.reload import ReloadReport

ROW = ActorRow(
    address="/a",
    type="m:A",
    plugin=None,
    state="running",
    held=False,
    required=True,
    generation=1,
    since="2026-03-01T12:00:00.000Z",
    restarts=0,
    pending=0,
    in_hand=0,
    mailbox=MailboxRow("memory", 10),
    counters=CounterRow(0, 0, 0, 0),
    last_error=None,
    children=(),
)

DETAIL = ActorDetail(
    **{field.name: getattr(ROW, field.name) for field in fields(ROW)},
    why=(Why("otherwise", "runs for 4 s", None),),
    options=(),
    source=None,
    in_hand_now=(),
    restart_history=(),
)


class FakePort:
    """A `ControlPort`; `fails` is raised by every verb, `status` is that of the health reports."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.orders: list[Order] = []
        self.fails: Exception | None = None
        self.reply: Any = "pong"
        self.status = "ok"
        self.never = asyncio.Event()
        self.waiting = asyncio.Event()
        self.given_up = asyncio.Event()
        self.events = EventRing("b007")
        self.names = "a"

    def host(self) -> HostRecord:
        return HostRecord("fake", "0a1b2c3d", "b007", 7, "1.0", "running", 1, "/aplay.toml")

    async def actors(
        self, addresses: Sequence[str], begin: str | None = None, limit: int | None = None
    ) -> Page:
        self._note("actors", list(addresses))
        rows = [replace(ROW, address=f"/{name}") for name in self.names]
        return page_of(rows, begin, limit)

    async def tree(self, root: str) -> TreeRow:
        self._note("tree", root)
        return TreeRow("/", "running", False, "group", 0, ())

    async def show(self, address: str) -> ActorDetail:
        self._note("show", address)
        return DETAIL

    async def send(self, addresses: Sequence[str], message: Any, order: Order) -> SendReport:
        self._note("send", list(addresses), message, order=order)
        return SendReport(1, (SendResult("/a", True),))

    async def ask(self, address: str, message: Any, order: Order) -> AskReport:
        self._note("ask", address, message, order=order)
        if message == "wait":
            self.waiting.set()
            try:
                await self.never.wait()
            finally:
                self.given_up.set()
        return AskReport(address, self.reply, 0.1)

    async def start(self, addresses: Sequence[str], order: Order) -> VerbReport:
        return self._verb("start", addresses, order)

    async def stop(self, addresses: Sequence[str], order: Order) -> VerbReport:
        return self._verb("stop", addresses, order)

    async def restart(self, addresses: Sequence[str], order: Order) -> VerbReport:
        return self._verb("restart", addresses, order)

    def _verb(self, verb: str, addresses: Sequence[str], order: Order) -> VerbReport:
        self._note(verb, list(addresses), order=order)
        return VerbReport((VerbResult("/a", True, "running", 0),))

    async def reload(
        self, plugins: Sequence[str], order: Order, *, config: bool, dry_run: bool
    ) -> ReloadReport:
        self._note("reload", list(plugins), config, dry_run, order=order)
        return ReloadReport("nothing", 1, 1)

    async def rollback(self, order: Order, *, dry_run: bool) -> ReloadReport:
        self._note("rollback", dry_run, order=order)
        return ReloadReport("nothing", 1, 1)

    async def dead(self, choice: LetterChoice, limit: int | None) -> Page:
        self._note("dead", choice, limit)
        return Page([LetterRow("m1", "/a", "removed", ROW.since, "str")], "m2")

    async def letter(self, id_: str) -> LetterDetail:
        self._note("letter", id_)
        return LetterDetail(id_, "/a", "removed", ROW.since, "str", payload="x")

    async def replay(
        self, choice: LetterChoice, to: str | None, rate: float | None, order: Order
    ) -> LetterReport:
        self._note("replay", choice, to, rate, order=order)
        return LetterReport(1, 1)

    async def drop(self, choice: LetterChoice, order: Order) -> LetterReport:
        self._note("drop", choice, order=order)
        return LetterReport(1, 1)

    def mail(self, begin: str | None = None, limit: int | None = None) -> Page:
        self._note("mail")
        rows = [MailRow(f"/{name}", 1, 20, 0.5, 0, True) for name in self.names]
        return page_of(rows, begin, limit)

    async def peek(self, address: str, limit: int, *, body: bool) -> list[MessageRow]:
        self._note("peek", address, limit, body)
        return [MessageRow("d1", "aplay:any@1", "", ROW.since, 0, 0, 0, 20)]

    async def backup(self, path: str, order: Order) -> BackupReport:
        self._note("backup", path, order=order)
        return BackupReport(path, 4096)

    async def plugins(self) -> list[PluginRow]:
        self._note("plugins")
        return []

    def config(self) -> Sequence[ListedKey]:
        self._note("config")
        return [ListedKey("log.level", "info", Source("file", "aplay.toml:2:9"))]

    async def plugin(self, name: str) -> list[PluginRow]:
        self._note("plugin", name)
        return []

    def live(self) -> HealthReport:
        return self._health()

    async def metrics(self) -> tuple[bytes, str]:
        self._note("metrics")
        return b"up 1\n", "text/plain; version=0.0.4; charset=utf-8"

    async def ready(self) -> HealthReport:
        return self._health()

    def started(self) -> HealthReport:
        return self._health()

    def _health(self) -> HealthReport:
        return HealthReport(self.status, (HealthCheck("host", True, True, "fine"),))

    def _note(self, *what: Any, order: Order | None = None) -> None:
        if self.fails is not None:
            raise self.fails
        if order is not None:
            self.orders.append(order)
        self.asked.append(what)


@dataclass(frozen=True, slots=True)
class Got:
    """An answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        found = json.loads(self.body)
        assert isinstance(found, dict)
        return found

    @property
    def problem(self) -> str:
        """The problem's name; fails for an answer that is none."""
        assert self.headers["content-type"] == "application/problem+json"
        assert self.document["status"] == self.status
        return str(self.document["type"]).removeprefix("urn:aplay:problem:")


async def call(path: Path, method: str, target: str, body: bytes = b"", *headers: str) -> Got:
    """Make one request on a connection of its own."""
    head = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
    head.append(f"Content-Length: {len(body)}")
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write("\r\n".join([*head, "", ""]).encode() + body)
        answer = await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()
    lines, _, rest = answer.partition(b"\r\n\r\n")
    first, *fields = lines.decode().split("\r\n")
    pairs = (field.partition(": ") for field in fields)
    return Got(int(first.split()[1]), {name.lower(): value for name, _, value in pairs}, rest)


def stop_reading(writer: asyncio.StreamWriter) -> asyncio.Transport:
    """Let what is sent to this client pile up; return its transport, which can go on."""
    transport = writer.transport
    assert isinstance(transport, asyncio.Transport)
    transport.pause_reading()
    return transport


def refused() -> CommandError:
    return CommandError("no-such-actor", "/a names no actor", hint="look", address="/a")
