"""The durable mail of a host, as people see it: what waits for whom, and a copy of all of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ..control import BackupReport, MailRow, MessageRow, Page, page_of, rfc3339
from ..errors import CommandError, MailboxUnavailable, StoreCorrupt
from ..mailboxes import MailRow as Message
from ..mailboxes import SqliteEngine
from .delivery import unavailable
from .letters import body_of, id_of


def mail_page(mail: SqliteEngine, begin: str | None, limit: int | None) -> Page:
    """Return the addresses that have mail, or an actor with such a mailbox, sorted."""
    boxes = sorted(mail.boxes(), key=lambda box: box.address)
    page = page_of(boxes, begin, limit)
    rows = [
        MailRow(
            box.address,
            box.messages,
            box.bytes,
            round(box.oldest_s, 3),
            box.retrying,
            box.has_actor,
        )
        for box in page.rows
    ]
    return Page(rows, page.next)


async def message_rows(
    mail: SqliteEngine, address: str, limit: int, *, body: bool
) -> list[MessageRow]:
    """Return the next `limit` messages that wait at `address`, in line order."""
    return [_row(mail, it, body=body) for it in await mail.peek(address, limit)]


def _row(mail: SqliteEngine, message: Message, *, body: bool) -> MessageRow:
    payload, form = body_of(mail, message.record) if body else (None, None)
    return MessageRow(
        id=id_of(message.id),
        message_type=message.type,
        sender=message.sender,
        at=rfc3339(datetime.fromtimestamp(message.at, UTC)),
        attempts=message.attempts,
        crashes=message.crashes,
        replays=message.replays,
        size=message.size,
        payload=payload,
        payload_form=form,
    )


@contextmanager
def reached() -> Iterator[None]:
    """Turn into a problem that the file of durable mail cannot be reached in the block."""
    try:
        yield
    except (MailboxUnavailable, StoreCorrupt) as error:
        raise unavailable(error) from None


async def back_up(mail: SqliteEngine, path: str) -> BackupReport:
    """Copy all durable mail into the new file `path`; see `ControlPort.backup`."""
    if not Path(path).is_absolute():
        detail = f'"path": got {path!r}, want an absolute path'
        raise CommandError("bad-request", detail, hint="the host has a folder of its own")
    if not mail.is_started:
        detail = "there is no mail to copy: no actor has a mailbox of the kind sqlite"
        raise CommandError("mailbox-kind", detail)
    try:
        return BackupReport(path, await mail.backup(Path(path)))
    except FileExistsError:
        detail = f"{path} is there already"
        raise CommandError("backup-failed", detail, hint="name a file that is not") from None
    except (OSError, sqlite3.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise CommandError("backup-failed", f"{path} cannot be written: {why}") from None
