"""What an engine tells of its mail: rows for people, made from memory or from the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .codec import Label


@dataclass(frozen=True, slots=True)
class Row:
    """One message of the file; `at` is in milliseconds, `id` the first number it ever had."""

    seq: int
    box: int
    at: int
    attempts: int
    crashes: int
    id: int
    replays: int
    crc: int
    record: bytes


@dataclass(frozen=True, slots=True)
class BoxRow:
    """The mail of one address; without `has_actor` nobody is there to handle it.

    `messages` are not settled yet, `retrying` of them wait for another try. Seconds, bytes.
    """

    address: str
    messages: int
    bytes: int
    oldest_s: float
    retrying: int
    has_actor: bool


@dataclass(frozen=True, slots=True)
class MailRow:
    """One message that waits in the file; `at` is when it was accepted, in seconds since 1970."""

    id: int
    address: str
    type: str
    sender: str
    at: float
    attempts: int
    crashes: int
    replays: int
    size: int
    record: bytes

    @classmethod
    def of(cls, row: Row, address: str, label: Label) -> MailRow:
        """Return a row of the file as people see it."""
        return cls(
            id=row.id,
            address=address,
            type=label.type,
            sender=label.sender,
            at=row.at / 1000,
            attempts=row.attempts,
            crashes=row.crashes,
            replays=row.replays,
            size=len(row.record),
            record=row.record,
        )


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """A dead letter in the file; `at` is when it died, `trace` the end of the traceback.

    `record` is the message as it was, None in a listing.
    """

    id: int
    address: str
    type: str
    sender: str
    at: float
    reason: str
    error: str | None
    trace: str | None
    attempts: int
    crashes: int
    replays: int
    size: int
    record: bytes | None = None


@dataclass(frozen=True, slots=True)
class EngineStats:
    """Figures of one engine since it started: counts, seconds and bytes.

    `outstanding` is what waits for its commit, `dead` how many letters are kept.
    """

    file: str
    bytes: int
    wal_bytes: int
    dead: int
    outstanding: int
    commits: int
    commit_seconds: float
    puts: int
    settles: int
    retries: int
    letters: int
