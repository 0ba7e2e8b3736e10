"""The power goes: of what no sync has told the disk to keep, anything may be missing.

``APLAY_IMAGES`` is how many images of the disk are made of each kind.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from aplay_host.mailboxes import SqliteEngine

from .account import examine
from .actors import LIFE, ROUTES, Work, types_known
from .ledger import Entry, read_ledger
from .nemesis import KILLED, Blow, outlive, strike
from .syncs import can_watch
from .workload import Life, live

IMAGES = int(os.environ.get("APLAY_IMAGES", "14"))
TAIL_SECONDS = 1.5
"""What a power cut may take with `durability` "process", and a half for a machine at work."""
SECTOR = 512
"""What a disk writes at once, in bytes."""
FRAME = 4096 + 24
"""A page in the log, with what stands before it."""
KINDS = ("dropped", "torn", "zeroed", "flipped", "later only")

pytestmark = pytest.mark.skipif(not can_watch(), reason="Python's SQLite is built into it")


def damaged(log: bytes, whole: int, kind: str, rng: random.Random) -> bytes:
    """Return the log as a power cut may leave it, with its first `whole` bytes as they are."""
    if kind == "dropped" or whole >= len(log):
        return log[:whole]
    at = rng.randrange(whole, len(log))
    if kind == "torn":
        return log[:at]
    rest = bytearray(log[whole:])
    if kind == "flipped":
        rest[at - whole] ^= 1 << rng.randrange(8)
        return log[:whole] + rest
    sectors = range(0, len(rest), SECTOR)
    missing = rng.sample(sectors, rng.randint(1, len(sectors)))
    if kind == "later only":
        missing = [sector for sector in sectors if sector < at - whole]
    for sector in missing:
        length = len(rest[sector : sector + SECTOR])
        rest[sector : sector + length] = bytes(length)
    return log[:whole] + rest


def image_of(mail: Path, folder: Path, log: bytes) -> Path:
    """Copy the file of the mail, with another log beside it; what was in hand is unknown."""
    folder.mkdir(mode=0o700)
    shutil.copy2(mail / "mail.db", folder)
    (folder / "mail.db-wal").touch(0o600)
    (folder / "mail.db-wal").write_bytes(log)
    return folder


def synced(entries: Sequence[Entry]) -> int:
    """Return how many bytes of the log are on the disk after these lines."""
    return max((entry.count for entry in entries if entry.kind == "synced"), default=0)


def moments(entries: Sequence[Entry], rng: random.Random) -> list[int]:
    """Return line numbers at which the power goes, none before the first message was kept."""
    first = next(number for number, entry in enumerate(entries) if entry.kind == "kept")
    return [rng.randrange(first + 1, len(entries)) for _ in range(IMAGES)]


def test_after_a_power_cut_all_that_was_kept_is_handled_and_nothing_that_was_settled(
    tmp_path: Path, mail: Path, seed: int
) -> None:
    rng = random.Random(seed)
    first = Life(str(mail), str(tmp_path / "ledger"), 1, each=LIFE, syncs=True, beats=True)
    strike(first, Blow(400, 0.0))
    entries, log = read_ledger(tmp_path / "ledger"), (mail / "mail.db-wal").read_bytes()
    syncs = [number for number, entry in enumerate(entries) if entry.kind == "synced"]
    assert all(_has_sync_between(entries, syncs, it) for it in entries if it.kind == "kept")
    for number, moment in enumerate(rng.choices(syncs, k=IMAGES)):
        # The last sync has just not come back: its group may be there, in part or not at all.
        before, kind = entries[:moment], KINDS[number % len(KINDS)]
        left = damaged(log[: entries[moment].count], synced(before), kind, rng)
        image = image_of(mail, tmp_path / f"image-{number}", left)
        after = tmp_path / f"ledger-{number}"
        asyncio.run(live(Life(str(image), str(after), 2)))
        found = examine((*before, *read_ledger(after)), ROUTES)
        assert found.faults == (), (kind, moment)


def _has_sync_between(entries: Sequence[Entry], syncs: Sequence[int], kept: Entry) -> bool:
    """Tell whether the disk was asked to keep a message before its sender was told that it does."""
    told = next(n for n, it in enumerate(entries) if it.kind == "put" and it.key == kept.key)
    return any(told < sync < entries.index(kept) for sync in syncs)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Entry, ...]]:
    """A folder in which a process that syncs every second has only kept mail, and its ledger."""
    folder = tmp_path_factory.mktemp("written")
    life = Life(
        str(folder / "mail"),
        str(folder / "ledger"),
        1,
        each=LIFE,
        durability="process",
        handles=False,
        syncs=True,
        beats=True,
        pause=0.01,
    )
    strike(life, Blow(100, 2.2))
    return folder / "mail", read_ledger(folder / "ledger")


def test_without_a_sync_for_each_message_a_power_cut_takes_the_last_second_and_leaves_no_gap(
    written: tuple[Path, tuple[Entry, ...]], tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    mail, entries = written
    log = (mail / "mail.db-wal").read_bytes()
    assert synced(entries) > 0
    for number, moment in enumerate(moments(entries, rng)):
        before, kind = entries[:moment], KINDS[number % len(KINDS)]
        left = damaged(log, synced(before), kind, rng)
        found = asyncio.run(messages_in(image_of(mail, tmp_path / f"image-{number}", left)))
        assert found == put(entries)[: len(found)], (kind, moment)
        safe = [it for it in before if it.at < before[-1].at - TAIL_SECONDS]
        assert len(found) >= sum(it.kind == "kept" for it in safe), (kind, moment)


def test_a_damaged_log_leaves_the_mail_up_to_the_damage_and_nothing_behind_it(
    written: tuple[Path, tuple[Entry, ...]], tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    mail, entries = written
    log = (mail / "mail.db-wal").read_bytes()
    lengths = set()
    for number in range(IMAGES):
        kind, whole = KINDS[number % len(KINDS)], rng.randrange(len(log) // 8, len(log))
        left = damaged(log, whole, kind, rng)
        found = asyncio.run(messages_in(image_of(mail, tmp_path / f"image-{number}", left)))
        assert found == put(entries)[: len(found)], (kind, whole)
        lengths.add(len(found))
    assert len(lengths) > 1, "no image was damaged where there was mail"


def test_a_file_that_was_only_begun_is_made_anew(tmp_path: Path, mail: Path) -> None:
    life = Life(str(mail), str(tmp_path / "ledger"), 1, crash=("sqlite.open.after_boot", 1))
    assert outlive(life) == KILLED
    log = (mail / "mail.db-wal").read_bytes()
    for whole in range(0, len(log) + 1, FRAME):
        image = image_of(mail, tmp_path / f"image-{whole}", log[:whole])
        assert asyncio.run(messages_in(image)) == []


def put(entries: Sequence[Entry]) -> list[tuple[str, int, int]]:
    """Return what was put, in order."""
    return [entry.key for entry in entries if entry.kind == "put"]


async def messages_in(folder: Path) -> list[tuple[str, int, int]]:
    """Return the messages in the file of a new engine, in order."""
    async with SqliteEngine(folder, types_known()) as engine:
        rows = [row for box in engine.boxes() for row in await engine.peek(box.address, LIFE)]
        rows.sort(key=lambda row: row.id)
        works = [engine.codec.decode(row.record) for row in rows]
    assert all(isinstance(work, Work) for work in works)
    pairs = zip(rows, works, strict=True)
    return [(row.address, work.sender, work.number) for row, work in pairs]
