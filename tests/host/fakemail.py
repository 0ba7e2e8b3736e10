"""An engine for durable mail without a file, for what the host makes of one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aplay_host.errors import MailboxUnavailable, UnreadableRecord
from aplay_host.mailboxes import BoxRow, EngineStats, MailRow, StoredLetter


class FakeCodec:
    """Its records are JSON."""

    def decode(self, record: bytes) -> Any:
        try:
            return json.loads(record)
        except ValueError as error:
            raise UnreadableRecord("undecodable", str(error)) from None

    plain = decode


class FakeMail:
    """Has what a test puts into it; with a `problem` nothing is written."""

    def __init__(self) -> None:
        self.codec = FakeCodec()
        self.problem: str | None = None
        self.is_started = True
        self.letters: dict[int, StoredLetter] = {}
        self.messages: dict[str, list[MailRow]] = {}
        self.revived: list[tuple[tuple[int, ...], str | None]] = []
        self.backups: list[Path] = []
        self.taken: set[int] = set()

    def lose(self, number: int, address: str, message: Any, reason: str, at: float = 0.0) -> None:
        """Keep a dead letter; bytes are a record that may be no JSON."""
        record = message if isinstance(message, bytes) else json.dumps(message).encode()
        why = ("ValueError: no number", "Traceback ...\nValueError: no number")
        self.letters[number] = StoredLetter(
            number,
            address,
            "aplay:any@1",
            "/sender",
            at,
            reason,
            *why,
            5,
            1,
            0,
            len(record),
            record,
        )

    def stats(self) -> EngineStats:
        return EngineStats("mail.db", 8192, 4096, len(self.letters), 3, 7, 0.5, 11, 9, 2, 1)

    def boxes(self) -> tuple[BoxRow, ...]:
        return tuple(
            BoxRow(address, len(rows), sum(row.size for row in rows), 2.5, 0, address != "/gone")
            for address, rows in self.messages.items()
        )

    async def peek(self, address: str, limit: int) -> tuple[MailRow, ...]:
        return tuple(self.messages.get(address, ())[:limit])

    async def dead_letters(self, limit: int | None = None) -> tuple[StoredLetter, ...]:
        newest = sorted(self.letters.values(), key=lambda letter: -letter.at)
        return tuple(newest[:limit])

    async def dead_letter(self, id: int) -> StoredLetter | None:
        await asyncio.sleep(0)
        return self.letters.get(id)

    async def replay(self, ids: Sequence[int], to: str | None = None) -> tuple[int, ...]:
        self.revived.append((tuple(ids), to))
        await asyncio.sleep(0)
        if self.problem is not None:
            raise MailboxUnavailable(self.problem)
        return await self.drop(ids)

    async def drop(self, ids: Sequence[int]) -> tuple[int, ...]:
        with self.claimed(ids) as mine:
            return await self.forget(mine)

    async def forget(self, ids: Sequence[int]) -> tuple[int, ...]:
        await asyncio.sleep(0)
        return tuple(one for one in ids if self.letters.pop(one, None))

    @contextmanager
    def claimed(self, ids: Sequence[int]) -> Iterator[list[int]]:
        mine = [one for one in ids if one not in self.taken]
        self.taken.update(mine)
        yield mine
        self.taken.difference_update(mine)

    async def backup(self, path: Path) -> int:
        if path in self.backups:
            raise FileExistsError(path)
        if path.parent.name == "missing":
            raise FileNotFoundError(2, "No such file or directory")
        self.backups.append(path)
        return 12288

    async def start(self) -> None:
        self.is_started = True

    async def stop(self) -> None:
        self.is_started = False

    def types_known(self, names: frozenset[str]) -> None:
        pass
